"""Cases in files: nothing a spreadsheet would carry out, and every answer read back as it was meant or refused."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.cli import dedupe_csv
from syncd.cli.dedupe_records import SEPARATORS
from syncd.cli.dedupe_show import Looked, seen_mark
from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.party import Party
from syncd.errors import ConfigError
from syncd.ports.parties import Case, CaseState

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
FORMULAS = ("=1+1", "+48 22", "-2+3", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "a;=1", "a,@x", "a\n=1", "\r=1")


def looked(number: int, left: str = "Left", right: str = "Right") -> Looked:
    """An open case."""
    decision = Decision("l", "r", Band.REVIEW, "T1", 5.0, "why").as_json()
    case = Case(number, "all", "l", "r", Band.REVIEW, "T1", 5.0, decision, "aa11", "bb22", CaseState.OPEN, WHEN, WHEN)
    return Looked(case, Party("l", name=left), Party("r", name=right, tin="0012"))


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cases.csv"
    dedupe_csv.write(file, [looked(1, text)])
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    with file.open(encoding="utf-8-sig", newline="") as stream:
        split = [cell for line in stream for cell in line.replace('"', "").replace(",", ";").split(";")]
    for cell in (*(cell for row in rows for cell in row), *split):
        assert not cell.strip().startswith(tuple("=+-@\uff1d")), cell
    assert len(rows) == 2


@given(st.text(max_size=30))
def test_a_harmless_cell_has_one_line_and_keeps_every_letter(text: str) -> None:
    cell = dedupe_csv.harmless(text)
    assert not set(cell) & set("\r\n\t\x00")
    kept = [letter for letter in cell if letter.isalnum()]
    assert kept == [letter for letter in text if letter.isalnum()]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_what_was_written_and_filled_in_is_read_back(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "cases.csv"
    assert dedupe_csv.write(file, [looked(1), looked(2), looked(3)], separator) == 3
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=separator))
    assert tuple(rows[0]) == dedupe_csv.COLUMNS
    assert (rows[0]["left_name"], rows[0]["right_tin"], rows[0]["decision"]) == ("Left", "0012", "")
    rows[0]["decision"], rows[2]["decision"], rows[2]["note"] = " Yes ", "no", "sister"
    with file.open("w", newline="") as stream:
        back = csv.DictWriter(stream, dedupe_csv.COLUMNS, delimiter=separator)
        back.writeheader()
        back.writerows(rows)
    first, last = dedupe_csv.read(file)
    assert (first.case, first.answer, first.seen) == (1, "yes", ("aa11", "bb22"))
    assert (last.case, last.answer, last.note, last.where) == (3, "no", "sister", f"{file}:4")


def test_json_is_read_with_the_same_names(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    seen = seen_mark(looked(1).case)
    items = [{"case": 7, "decision": "open", "seen": seen}, {"case": 8, "decision": "", "seen": seen}, 3]
    file.write_text(json.dumps({"cases": items}))
    taken, bad = dedupe_csv.read(file)
    assert (taken.case, taken.answer, taken.problem) == (7, "open", "")
    assert "item 3" in bad.where
    assert bad.problem


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,yes,seen-a-b", "no number of a case"),
        ("1,maybe,seen-a-b", "yes, no or open, not 'maybe'"),
        ("1,yes,", "which state of the records"),
        ("1,yes,a-b-c", "which state of the records"),
        ("9" * 30 + ",yes,seen-a-b", "no number of a case"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why_and_the_next_is_taken(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(f"Case, Decision ,SEEN\n{row}\n2,no,seen-a-b\n")
    bad, good = dedupe_csv.read(file)
    assert message in bad.problem
    assert bad.where == f"{file}:2"
    assert (good.case, good.problem) == (2, "")


def test_a_case_that_is_answered_both_ways_is_not_answered(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("case,decision,seen\n1,yes,seen-a-b\n1,no,seen-a-b\n2,no,seen-a-b\n2,no,seen-a-b\n")
    one, other, twice = dedupe_csv.read(file)
    assert one.problem == "case 1 is answered otherwise in line 3"
    assert other.problem == "case 1 is answered otherwise in line 2"
    assert (twice.case, twice.answer, twice.problem) == (2, "no", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"case,note\n1,x\n", "has no column 'decision'"),
        (b"", "has no column 'case'"),
        ("case,decision,seen,note\n1,yes,seen-a-b,Kraków\n".encode("cp1250"), "is not UTF-8"),
        (b"[1, 2", "is no JSON"),
        (b'{"case": 1}', "is no list of answers"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "cases"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        dedupe_csv.read(file)
    assert str(file) in str(raised.value)


def test_an_open_quotation_mark_takes_in_the_rest_and_the_row_says_so(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text('case,decision,seen\n1,"yes\n2,no,seen-a-b\n')
    (row,) = dedupe_csv.read(file)
    assert row.answer is None
    assert "yes, no or open" in row.problem


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        dedupe_csv.read(tmp_path / "none.csv")


def test_a_cell_without_end_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("case,decision,note,seen\n1,no,x,seen-a-b\n2,no," + "x" * 140_000 + ",seen-a-b\n")
    with pytest.raises(ConfigError, match=r"cases\.csv:3:0: is no CSV"):
        dedupe_csv.read(file)
