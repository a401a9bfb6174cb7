"""Cases in files for people: a CSV that a spreadsheet opens, and answers read back from CSV or JSON.

Writes no cell that a spreadsheet would carry out as a formula, and takes no answer about records it does not name by
what they were when they were written out.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from syncd.cli.dedupe_records import separator_of
from syncd.cli.dedupe_show import Looked, seen_mark
from syncd.counterparties.party import Party
from syncd.counterparties.sentences import sentence
from syncd.errors import ConfigError, Problem

Answer: TypeAlias = Literal["yes", "no", "open"]
ANSWERS: Final[Mapping[str, Answer]] = {"yes": "yes", "no": "no", "open": "open"}
_SHOWN: Final = ("name", "tin", "country", "accounts", "street", "postal", "city", "website", "email", "phone", "regno")
_HEAD: Final = ("case", "decision", "note", "bits", "tier", "why", "left", "right")
COLUMNS: Final = (*_HEAD, *(f"{side}_{name}" for name in _SHOWN for side in ("left", "right")), "seen")
_FORMULA: Final = "=+-@\uff1d\uff0b\uff0d\uff20"  # also as wide as a CJK letter
_STARTS: Final = re.compile(f"^(\\s*)(?=[{re.escape(_FORMULA)}])")
_AFTER_SEPARATOR: Final = re.compile(f"([;,|]\\s*)(?=[{re.escape(_FORMULA)}])")
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_BIGGEST: Final = 64 * 1024 * 1024  # bytes; a list of a million cases is smaller


@dataclass(frozen=True, slots=True)
class Row:
    """One answer from a file. ``problem`` says why it cannot be taken, else it is empty."""

    where: str
    case: int = 0
    answer: Answer | None = None
    note: str = ""
    seen: tuple[str, str] | None = None
    problem: str = ""


def write(file: Path, cases: Iterable[Looked], separator: str = ",") -> int:
    """Write one row for each case; how many. Raises OSError."""
    count = 0
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        rows = csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL)
        rows.writerow(COLUMNS)
        for one in cases:
            case = one.case
            parties = [_text(party, name) for name in _SHOWN for _, party in one.sides]
            head = (f"{case.bits:.1f}", case.tier, sentence(case.decision), case.left, case.right)
            rows.writerow([str(case.id), "", "", *(harmless(text) for text in (*head, *parties)), seen_mark(case)])
            count += 1
    return count


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula, also where it takes another separator than ours."""
    text = _BREAKS.sub(" ", text)
    if _is_number(text):
        return text
    return _AFTER_SEPARATOR.sub(r"\1'", _STARTS.sub(r"\1'", text))


def read(file: Path) -> list[Row]:
    """Every row of a file with answers; one without an answer is left out. Raises ConfigError for no such file."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise _problem(file, 0, f"cannot be read: {error.strerror}") from None
    if len(data) > _BIGGEST:
        raise _problem(file, 0, f"has {len(data)} bytes: no list of answers is so long")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _problem(file, 0, "is not UTF-8", "save it as 'CSV UTF-8'") from None
    rows = list(_from_json(file, text) if text.lstrip()[:1] in {"[", "{"} else _from_csv(file, text))
    return _without_contradictions(rows)


def _from_csv(file: Path, text: str) -> Iterator[Row]:
    head = text.partition("\n")[0]
    reader = csv.DictReader(StringIO(text, newline=""), delimiter=separator_of(head))
    try:
        names = [str(name or "").strip().lower() for name in reader.fieldnames or ()]
        for needed in ("case", "decision", "seen"):
            if needed not in names:
                raise _problem(file, 1, f"has no column {needed!r}", "syncd dedupe review --csv FILE writes it")
        reader.fieldnames = names
        for line in reader:
            yield from _row(f"{file}:{reader.line_num}", line)
    except csv.Error as error:
        raise _problem(file, reader.reader.line_num, f"is no CSV: {error}") from None


def _from_json(file: Path, text: str) -> Iterator[Row]:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _problem(file, getattr(error, "lineno", 0), f"is no JSON: {getattr(error, 'msg', error)}") from None
    items = data.get("cases") if isinstance(data, dict) else data
    if not isinstance(items, list):
        raise _problem(file, 0, 'is no list of answers, as [{"case": 12, "decision": "yes", "seen": "..."}]')
    for number, item in enumerate(items, 1):
        where = f"{file}: item {number}"
        if isinstance(item, dict):
            yield from _row(where, item)
        else:
            yield Row(where, problem="is no object")


def _row(where: str, line: Mapping[str, Any]) -> Iterator[Row]:
    answer, number = _cell(line, "decision").lower(), _cell(line, "case")
    if not answer:
        return
    if not (number.isascii() and number.isdigit() and len(number) < 19):  # noqa: PLR2004 - digits of a bigint
        yield Row(where, problem=f"case {number[:40]!r} is no number of a case")
        return
    row = Row(where, int(number), note=_cell(line, "note"))
    parts = _cell(line, "seen").split("-")
    if answer not in ANSWERS:
        yield replace(row, problem=f"decision is yes, no or open, not {answer[:40]!r}")
    elif len(parts) != 3 or parts[0] != "seen":  # noqa: PLR2004 - as seen_mark writes it
        yield replace(row, problem="the column seen does not say which state of the records was looked at")
    else:
        yield replace(row, answer=ANSWERS[answer], seen=(parts[1], parts[2]))


def _cell(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    return "" if value is None else str(value).strip()


def _without_contradictions(rows: list[Row]) -> list[Row]:
    """A case that is answered twice is answered once where both say the same, else not at all."""
    told: dict[int, list[Row]] = {}
    for row in rows:
        if row.answer is not None:
            told.setdefault(row.case, []).append(row)
    kept: list[Row] = []
    for row in rows:
        same = told.get(row.case, []) if row.answer is not None else []
        if len({one.answer for one in same}) > 1:
            others = ", ".join(one.where.rpartition(":")[2].strip() for one in same if one is not row)
            kept.append(Row(row.where, row.case, problem=f"case {row.case} is answered otherwise in line {others}"))
        elif not same or same[0] is row:
            kept.append(row)
    return kept


def _text(party: Party | None, name: str) -> str:
    if party is None:
        return ""
    value = getattr(party, name)
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,6}(\.\d{1,6})?", text) is not None and not text.startswith("+")


def _problem(file: Path, line: int, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), line, 0, message, hint)])
