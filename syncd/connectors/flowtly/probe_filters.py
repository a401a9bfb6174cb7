"""Which query parameters really filter and which really order: what to ask, and what the answers mean. Pure.

An unknown parameter, or a value it does not like, brings the whole collection with status 200 (recorded: cases 059,
063, 068, 074). So a filter is real only when a value seen in the data narrows to rows that have it *and* nonsense
brings none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from syncd.connectors.flowtly.catalogue import Resource
from syncd.connectors.flowtly.find import matches
from syncd.connectors.flowtly.measured import FilterKind
from syncd.connectors.flowtly.probe_rows import Row, kind_of

MOST_FILTERS: Final = 8
_LONGEST: Final = 100
_NOBODY: Final = "syncd-looks-for-nothing"
_NO_NUMBER: Final = 2147483000  # fits a 32-bit integer: a larger one may be an error instead of no row
_NO_UUID: Final = "00000000-0000-4000-8000-000000000000"


def candidates(resource: Resource, told: Iterable[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Fields worth trying: those of the declaration, of the natural keys, and what the tenant tells of itself."""
    keys = (name for level in resource.natural_keys for name in level)
    names = dict.fromkeys((*resource.filters, *keys, *told))
    return tuple(name for name in names if name != "id" and value_for(name, rows) is not None)[:MOST_FILTERS]


def value_for(name: str, rows: Sequence[Row]) -> str | int | None:
    """The rarest usable value of a field in the rows: text, a number or an IRI. None where there is none."""
    counted = Counter(value for row in rows if (value := _plain(row.get(name))) is not None)
    return min(counted, key=lambda value: counted[value]) if counted else None


def nonsense_for(value: str | int) -> str | int:
    """A value of the same form that no record has."""
    if isinstance(value, int):
        return _NO_NUMBER
    head, slash, last = value.rpartition("/")
    if value.startswith("/") and slash:
        return f"{head}/{_NO_NUMBER}" if last.isdigit() else f"{head}/{_NO_UUID}"
    return _NOBODY


def judge(name: str, value: str | int, found: Sequence[Row] | None, nothing: Sequence[Row] | None) -> FilterKind | None:
    """What the two answers say, None where they say nothing. A refused request (4xx) is None in their place.

    ``found`` are the rows for a value that some row has, ``nothing`` those for nonsense.
    """
    if found is None:
        return FilterKind.UNUSABLE
    if nothing:
        return FilterKind.IGNORED
    if not found:
        return FilterKind.UNUSABLE
    if all(matches({name: _plain(row.get(name))}, {name: value}) for row in found):
        return FilterKind.EXACT
    if isinstance(value, str) and all(value.casefold() in str(_plain(row.get(name))).casefold() for row in found):
        return FilterKind.PARTIAL
    # It does something, as nonsense finds nothing, but not what its name says.
    return FilterKind.UNUSABLE if nothing is not None else None


def descends(name: str, plain: Sequence[Row], ordered: Sequence[Row]) -> bool | None:
    """Whether ``order[name]=desc`` was honoured, None where the values are too few or too alike to tell."""
    values = [_plain(row.get(name)) for row in ordered]
    before = [_plain(row.get(name)) for row in plain][: len(values)]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(set(known)) < 2 or len({type(value) for value in known}) > 1:  # noqa: PLR2004 - two values are needed for an order
        return None
    falling = all(one >= other for one, other in pairwise(known))  # type: ignore[operator] # one type
    if falling and values != before:
        return True
    return None if falling else False


def _plain(value: Any) -> str | int | None:
    """A value that can be asked for; of a relation its IRI."""
    if isinstance(value, dict):
        value = value.get("@id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, str) and (not value.strip() or len(value) > _LONGEST or not value.isprintable()):
        return None
    return None if kind_of(value) in {"date", "datetime"} else value
