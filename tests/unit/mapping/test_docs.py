"""What the documents show works: every YAML block of the guide loads, and the reference is what the models say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.laws import check_laws
from syncd.mapping.lenses.registry import LENSES
from syncd.mapping.reference import render
from syncd.mapping.spec import ExternalSpec, FieldSpec, MappingSpec
from syncd.mapping.yaml_source import parse
from syncd.settings import SettingsFile
from tests.unit.mapping.helpers import HEAD, LOOKUPS, compiled, node

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "mapping-guide.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
ENV = {"FLOWTLY_URL": "http://localhost", "ERP_DATABASE_URL": "sqlite://"}


def whole(block: str) -> CompiledMapping:
    """A mapping from a whole one, or from its ``fields`` alone."""
    if block.startswith("mapping:"):
        return compiled(block)
    first = re.search(r"(?m)^  (\w+):(?! \{constant)", block)
    name = first[1] if first is not None else "filler"
    filler = "" if first is not None else "  filler: filler\n"
    return compiled(HEAD.replace("[[name]]", f"[[{name}]]") + block + filler)


def test_the_guide_has_an_example_of_every_lens() -> None:
    assert {word for word in LENSES if not re.search(rf"\b{word}\b", "".join(BLOCKS))} == set()


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.startswith("flowtly:")])
def test_every_mapping_in_the_guide_compiles_and_keeps_the_laws(block: str) -> None:
    assert check_laws(whole(block), LOOKUPS, Random(1), 100) == []


def test_the_settings_in_the_guide_load(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if block.startswith("flowtly:")]
    (tmp_path / "secret").write_text("t0ken")
    text = block.replace("/run/secrets/flowtly", str(tmp_path / "secret"))
    assert parse(SettingsFile, node(text, ENV)).mappings == ("mappings/*.yaml",)


@pytest.mark.parametrize("word", LENSES)
def test_the_example_of_every_lens_in_the_reference_compiles(word: str) -> None:
    example = LENSES[word].example
    line = f"  x: {{external: x, {example}}}" if example.startswith("through:") else f"  {example}"
    whole(f"fields:\n{line}\n")


def test_the_reference_page_is_what_the_models_say() -> None:
    page = (DOCS / "mapping-reference.md").read_text()
    assert page == render(), "run: python -m syncd.mapping.reference > docs/mapping-reference.md"


def test_the_reference_is_printed_by_its_module() -> None:
    done = subprocess.run([sys.executable, "-m", "syncd.mapping.reference"], capture_output=True, text=True, check=True)
    assert done.stdout == render()


def test_every_key_is_described_in_the_reference() -> None:
    page = render()
    for model in (MappingSpec, ExternalSpec, FieldSpec, *LENSES.values()):
        for name, info in model.model_fields.items():
            assert info.description, f"{model.__name__}.{name} has no description"
            assert f"`{info.alias or name}`" in page
