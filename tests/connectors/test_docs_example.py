"""docs/connectors.md keeps its word: its example connector passes the contract, its tables name every setting."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.tryton.party import FIELDS
from syncd.connectors.tryton.settings import TrytonSettings
from syncd.errors import BadAnswer, Refused
from syncd.mapping.scalars import format_duration
from syncd.ports import Query
from tests.connectors.contract import Peer, ReadContract, RealClock

DOCS = Path(__file__).parents[2] / "docs" / "connectors.md"


def example() -> ModuleType:
    """The example as a module."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("example")
    exec(compile(code, str(DOCS), "exec", dont_inherit=True), module.__dict__)
    return module


class TestFolder(ReadContract):
    @pytest.fixture
    def peer(self, tmp_path: Path) -> Peer:
        module = example()
        folder = tmp_path / "archive"
        folder.mkdir()
        file = folder / "customers.jsonl"
        file.touch()

        def connector(place: Path) -> Any:
            settings = module.FolderConnector.Settings.model_validate({"folder": str(place)})
            return module.FolderConnector.from_settings("archive", settings, RealClock())

        def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
            start = len(file.read_text(encoding="utf-8").split("\n"))
            keys = [f"K{start + number}" for number in range(len(rows))]
            with file.open("a", encoding="utf-8") as lines:
                for key, row in zip(keys, rows, strict=True):
                    lines.write(json.dumps({**row, "id": key}, ensure_ascii=False) + "\n")
            return keys

        return Peer(
            connector=connector(folder),
            query=Query("customers"),
            text="name",
            other="city",
            sample=lambda n: {"name": f"Company {n}", "city": f"City {n}"},
            seed=seed,
            edit=lambda key, fields: None,
            cut=lambda: folder.rename(tmp_path / "gone") and None,
            unreachable=lambda: connector(tmp_path / "nowhere"),
        )


def test_the_example_writes_nothing_and_says_what_it_cannot_read(tmp_path: Path) -> None:
    connector = example().FolderConnector(tmp_path)
    for text in ("{", "[]", "1", '{"name": "no key"}', "\ud800"):
        (tmp_path / "bad.jsonl").write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(BadAnswer, match=r"bad\.jsonl"):
            list(connector.pages(Query("bad"), None))
    with pytest.raises(Refused):
        connector.create(Query("bad"), {})


@pytest.mark.parametrize(("model", "heading"), [(SqlSettings, "## `sql`"), (TrytonSettings, "## `tryton`")])
def test_every_setting_stands_in_the_table_with_its_default(model: type[BaseModel], heading: str) -> None:
    section = DOCS.read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in section.split("\n") if line.startswith("| `")]
    documented = {name: row[1].strip() for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    for name, field in model.model_fields.items():
        label = field.alias or name
        assert label in documented, label
        default = field.default
        if default is None or field.is_required() or field.default_factory is not None:
            continue
        spelled = format_duration(default) if hasattr(default, "total_seconds") else str(default)
        assert documented[label].lower() == f"`{spelled.lower()}`", label


def test_every_field_of_a_party_stands_in_the_table() -> None:
    section = DOCS.read_text(encoding="utf-8").split("The resource is `party`")[1].split("\n\n**")[0]
    named = {
        name
        for line in section.split("\n")
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split(" | ")[0])
    }
    assert named == set(FIELDS)
