"""Mistakes in rules, made in the shipped example: each is one clear error with the file and the line it stands at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syncd.errors import ConfigError, Problem
from syncd.wiring import App

EXAMPLE = Path(__file__).parents[2] / "config" / "budgets"
ENV = {
    "FLOWTLY_URL": "https://flowtly.example.com",
    "FLOWTLY_TOKEN": "t0ken",
    "ERP_DATABASE_URL": "postgresql://syncd:hunter2@erp.example.com/erp",
}
RENT = '      - {budget: "6100:{year}", share: 60%}\n'
STORE = '      - {budget: "5130:{year}", amount: 250}\n'
WORKSHOP = '      - {budget: "5100:{year}", rest: true}\n'
LAST = "  - rule: cost-centres\n    when: {cost_centre: {empty: false}}\n"


def problems(folder: Path, *edits: tuple[str, str]) -> list[Problem]:
    """What is said of the example with these texts of its rules replaced."""
    shutil.copytree(EXAMPLE, folder / "config")
    rules = folder / "config" / "allocations" / "costs.yaml"
    text = rules.read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    rules.write_text(text)
    with pytest.raises(ConfigError) as raised:
        App(folder / "config" / "syncd.yaml", ENV).close()
    return list(raised.value.problems)


def the_line(folder: Path, text: str) -> int:
    """Where a text stands in the edited rules."""
    written = (folder / "config" / "allocations" / "costs.yaml").read_text()
    return written[: written.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("edits", "at", "words"),
    [
        pytest.param(
            [(STORE, '      - {budget: "5130:{year}", share: 45%}\n')],
            "share: 45%",
            ("105", "rent"),
            id="shares-over-100-percent",
        ),
        pytest.param(
            [("amount: {min: 1000}}", "amount: {min: 100, max: 500}}")],
            "amount: 250}",
            ("rent", "negative"),
            id="a-rest-that-may-be-negative",
        ),
        pytest.param(
            [(STORE, '      - {budget: "5130:{year}", rest: true}\n')],
            '"5100:{year}", rest: true',
            ("rest", "rent"),
            id="two-rests-in-one-split",
        ),
        pytest.param(
            [("\nrules:\n", "\nmatch: all\nrules:\n")],
            "  - rule: cost-centres",
            ("rest", "cost-centres"),
            id="two-rules-claim-the-rest",
        ),
        pytest.param(
            [("    when: {kind: transfer}\n    leave", "    leave")],
            "  - rule: invoices",
            ("never", "invoices"),
            id="a-rule-behind-one-that-takes-everything",
        ),
        pytest.param(
            [("{from: 2026-07-01, to: 2026-12-31}\n    when", "{from: 2026-12-31, to: 2026-07-01}\n    when")],
            "{from: 2026-12-31",
            ("ends before it begins",),
            id="a-window-that-ends-before-it-begins",
        ),
        pytest.param(
            [("amount: {min: 1000}}", "amount: {min: 1000, max: 10}}")],
            "amount: {min: 1000, max: 10}",
            ("10",),
            id="min-over-max",
        ),
        pytest.param(
            [("table: overhead,", "table: overheads,")], "table: overheads", ("overheads",), id="an-unknown-table"
        ),
        pytest.param(
            [("amount: 250}", "amount: 250.00001}")], "amount: 250.00001", ("decimals",), id="too-many-decimals"
        ),
        pytest.param(
            [("  of: transactions  ", "  of: transaction   ")],
            "of: transaction ",
            ("transaction",),
            id="an-unknown-mapping",
        ),
        pytest.param([("share: 60%", "shares: 60%")], "shares: 60%", ("shares", "share"), id="an-unknown-word"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_line(
    edits: list[tuple[str, str]], at: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    found = problems(tmp_path, *edits)
    at_line = [one for one in found if one.line == the_line(tmp_path, at) and Path(one.file).name == "costs.yaml"]
    assert at_line, [str(one) for one in found]
    text = " ".join(str(one) for one in at_line)
    assert all(word in text for word in words), text
    assert len({one.line for one in found}) == 1 or edits[0][0].startswith(("\nrules", "    when")), found
