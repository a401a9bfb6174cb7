"""Files of records and of pairs, for the commands that need no database. A fault is told with its file and line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from syncd.counterparties.party import Party
from syncd.errors import ConfigError, Problem
from syncd.mapping.problems import did_you_mean

ID: Final = "rec_id"
COLUMNS: Final = (
    ID,
    "set",
    "name",
    "alt_names",
    "tin",
    "country",
    "iban",
    "street",
    "postal",
    "city",
    "website",
    "email",
    "phone",
    "regno",
    "client",
    "supplier",
    "client_tin",
    "supplier_tin",
)
_SEVERAL: Final = re.compile(r"\s*[|;]\s*")
SEPARATORS: Final = (",", ";", "\t")
_LONGEST_CELL: Final = 100_000


@dataclass(frozen=True, slots=True)
class Given:
    """One record of a file. Only records of one set are compared, and counted, with each other."""

    set: str
    party: Party


def read_records(file: Path) -> dict[str, Given]:
    """All records by their ids, in the file's order. A column that is missing is empty; others are not read."""
    found: dict[str, Given] = {}
    for line, row in _rows(file, (ID,), known=COLUMNS):
        name = row[ID]
        if not name:
            raise _problem(file, line, f"this record has no {ID}")
        if name in found:
            raise _problem(file, line, f"the {ID} {name!r} is there twice", "give every record an id of its own")
        found[name] = Given(row.get("set", ""), _party(row))
    return found


def read_pairs(file: Path, records: Mapping[str, Given]) -> list[tuple[str, str]]:
    """The pairs of a file, in its order; each of two records of one set."""
    pairs = []
    for line, row in _rows(file, ("left_id", "right_id")):
        left, right = row["left_id"], row["right_id"]
        for one in (left, right):
            if one not in records:
                raise _problem(file, line, f"there is no record {one!r}", did_you_mean(one, records))
        if left == right:
            raise _problem(file, line, f"{left!r} stands on both sides")
        if records[left].set != records[right].set:
            raise _problem(file, line, f"{left!r} and {right!r} are of different sets")
        pairs.append((left, right))
    return pairs


def _party(row: Mapping[str, str]) -> Party:
    def text(column: str) -> str:
        return row.get(column, "")

    return Party(
        id=row[ID],
        name=text("name"),
        other_names=_several(text("alt_names")),
        tin=text("tin"),
        country=text("country"),
        accounts=_several(text("iban")),
        street=text("street"),
        postal=text("postal"),
        city=text("city"),
        website=text("website"),
        email=text("email"),
        phone=text("phone"),
        regno=text("regno"),
        client=text("client"),
        supplier=text("supplier"),
        client_tin=text("client_tin"),
        supplier_tin=text("supplier_tin"),
    )


def _several(text: str) -> tuple[str, ...]:
    """The parts of a cell that holds more than one value."""
    return tuple(part for part in _SEVERAL.split(text.strip()) if part)


def _rows(file: Path, needed: tuple[str, ...], known: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file in UTF-8, with whatever stands between its columns' names."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            head = opened.readline()  # not read twice: it may be a pipe
            reader = csv.reader(chain([head], opened), strict=True, delimiter=separator_of(head))
            header = [column.strip() for column in next(reader, [])]
            _check_header(file, header, needed, known)
            for cells in reader:
                if not any(cells):
                    continue
                if len(cells) != len(header):
                    raise _problem(file, reader.line_num, f"{len(cells)} cells under {len(header)} columns")
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except OSError as error:
        raise _problem(file, 0, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _problem(file, 0, "is not UTF-8", "save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _problem(file, reader.line_num, f"is no CSV: {error}") from error


def separator_of(head: str) -> str:
    """What stands between the cells of a file that begins with this line."""
    return max(SEPARATORS, key=head.count)


def _check_header(file: Path, header: list[str], needed: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not header:
        raise _problem(file, 1, "is empty", f"the first line names the columns: {', '.join(known or needed)}")
    for column in needed:
        if column not in header:
            raise _problem(file, 1, f"there is no column {column!r}", did_you_mean(column, header))
    twice = next((column for column in header if column and header.count(column) > 1), None)
    if twice is not None:
        raise _problem(file, 1, f"the column {twice!r} is there twice")


def _problem(file: Path, line: int, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), line, 0, message, hint)])
