"""What the page on duplicates shows works: its settings load, its commands and options exist, its columns are those read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from syncd.cli.app import app
from syncd.cli.dedupe_files import FOUND, SCORED
from syncd.cli.dedupe_records import COLUMNS
from syncd.counterparties.decision import TIERS
from syncd.settings import load
from tests.unit.test_event_docs import HEAD

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "dedupe.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_the_settings_on_the_page_load(block: str, tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(f"{HEAD}{block}")
    found = load(tmp_path / "syncd.yaml", {}).dedupe
    assert found["counterparties"].resource == "counterparties"
    assert found["counterparties"].automatic == ()


def test_every_command_and_option_on_the_page_exists() -> None:
    group = typer.main.get_command(app).commands["dedupe"]  # type: ignore[attr-defined]
    used = re.findall(r"syncd dedupe ([a-z-]+)([^\n`#]*)", PAGE)
    assert {name for name, _ in used} == set(group.commands)
    for name, rest in used:
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", rest)) <= known, f"{name}{rest}"


def test_every_tier_and_every_column_is_on_the_page() -> None:
    for word in (*TIERS, *COLUMNS, *SCORED):
        assert re.search(rf"[`| ]{word}[`| ,]", PAGE), word
    assert set(SCORED) <= set(FOUND)


def test_the_pages_it_leads_to_are_there() -> None:
    for target in re.findall(r"\]\(([a-z-]+\.md)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
