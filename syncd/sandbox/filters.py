"""Which records of a collection a query means. Must never raise for a strange filter: silence is what is recorded.

A filter that is unknown, of the wrong form or with a value that cannot be parsed is dropped, and everything comes
back (recorded: cases 59, 63, 65, 68, 70, 73, 74). A relation filter takes an IRI or a bare id; an IRI of the wrong kind
finds nothing (cases 75 to 78). Dates compare wall clocks: an offset in the bound is not converted.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from syncd.sandbox.config import IRI_PREFIX
from syncd.sandbox.declare import Field, Filter, Id, Resource, Row, View
from syncd.sandbox.query import Parameter, Parameters, values
from syncd.sandbox.state import State
from syncd.sandbox.table import Table

Test: TypeAlias = Callable[[Row], bool]

_DATE_OPERATORS: Final = {
    "before": operator.le,
    "strictly_before": operator.lt,
    "after": operator.ge,
    "strictly_after": operator.gt,
}
_RANGE_OPERATORS: Final = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}


def select(state: State, resource: Resource, query: Parameters, view: View | None = None) -> Sequence[Id]:
    """Ids of the matching records in the order asked for, by id when none is. Hold ``state.lock``.

    ``view``: only what it shows. The list belongs to the state: do not change it, do not keep it. It is made once for
    all pages of a walk, for as long as nothing changes.
    """
    named = (*(each.name for each in resource.filters), "order")
    asked = tuple((name, repr(query[name])) for name in named if name in query)
    if not asked:
        return _shown(state, resource, view)
    return state.memo((resource.name, view, asked), lambda: _selected(state, resource, query, view))


def _shown(state: State, resource: Resource, view: View | None) -> Sequence[Id]:
    return state.view(resource.name, view) if view and view.where else state.table(resource.name).ids


def _selected(state: State, resource: Resource, query: Parameters, view: View | None) -> Sequence[Id]:
    table = state.table(resource.name)
    ids = _shown(state, resource, view)
    tests: list[Test] = []
    for each in resource.filters:
        parameter = query.get(each.name)
        if parameter is None:
            continue
        if each.kind == "exact":
            found = _exact(state, table, each, parameter)
            ids = ids if found is None else _both(found, ids)
        elif (test := _test(each, parameter)) is not None:
            tests.append(test)
    if tests:
        ids = [key for key in ids if all(test(table.rows[key]) for test in tests)]
    return _ordered(table, ids, query.get("order"))


def _exact(state: State, table: Table, each: Filter, parameter: Parameter) -> Sequence[Id] | None:
    """Ids with one of the values, in order; None when the filter is dropped."""
    resource = table.resource
    texts = values(parameter)
    if each.name == "id":
        wanted = [_key(resource, text) for text in texts]
        if not wanted or None in wanted:
            return None
        return [key for key in sorted(set(wanted)) if key in table.rows]  # type: ignore[type-var] # no None left
    own, _, inner = each.name.partition(".")
    field = resource.by_name[own]
    if inner:
        return _by_children(state, table, field, inner, texts)
    converted = _converted(state, field, texts)
    return None if converted is None else table.with_value(each.name, converted)


def _by_children(state: State, table: Table, field: Field, inner: str, texts: list[str]) -> Sequence[Id] | None:
    """Ids of records that have a child with one of the values."""
    child = state.table(field.children or "")
    converted = _converted(state, child.resource.by_name[inner], texts)
    if converted is None:
        return None
    parents = {child.rows[key].get(field.parent) or "" for key in child.with_value(inner, converted)}
    found = {place[1] for iri in parents if (place := state.find(iri)) is not None}
    return sorted(key for key in found if key in table.rows)


def _both(found: Sequence[Any], ids: Sequence[Any]) -> Sequence[Id]:
    """What is in both; both are in id order."""
    places = ((key, bisect_left(ids, key)) for key in found)
    return [key for key, place in places if place < len(ids) and ids[place] == key]


def _key(resource: Resource, text: str) -> Id | None:
    own = f"{IRI_PREFIX}/{resource.path}/"
    return resource.parse_id(text.removeprefix(own))


def _converted(state: State, field: Field, texts: list[str]) -> list[Any] | None:
    """The values to look up; None when one cannot be converted, which drops the whole filter."""
    if not texts:
        return None
    if field.reference:
        target = state.resources[field.reference]
        keys = [text if text.startswith("/") else target.parse_id(text) for text in texts]
        if None in keys:
            return None
        return [key if isinstance(key, str) and key.startswith("/") else target.iri(key) for key in keys if key]
    if field.type == "integer":
        return [int(text) for text in texts] if all(_is_integer(text) for text in texts) else None
    return list(texts)


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _test(each: Filter, parameter: Parameter) -> Test | None:
    if each.kind == "partial":
        return _partial(each.name, values(parameter))
    if not isinstance(parameter, dict):
        return None
    if each.kind == "date":
        return _bounds(each.name, parameter, _DATE_OPERATORS, _wall_clock)
    return _bounds(each.name, _spread(parameter), _RANGE_OPERATORS, _number)


def _spread(parameter: dict[str, str]) -> dict[str, str]:
    """``between=1..2`` as the two bounds it stands for."""
    low, separator, high = parameter.get("between", "").partition("..")
    return {**parameter, "gte": low, "lte": high} if separator else parameter


def _partial(name: str, texts: list[str]) -> Test | None:
    if not texts:
        return None
    # Only ASCII letters lose their case, as in the recorded server's database.
    wanted = [_folded(text) for text in texts]
    return lambda row: any(text in _folded(row.get(name) or "") for text in wanted)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else "".join(each.lower() if each.isascii() else each for each in text)


def _bounds(
    name: str,
    parameter: dict[str, str],
    operators: dict[str, Callable[[Any, Any], bool]],
    read: Callable[[Any], Any],
) -> Test | None:
    bounds = [(operators[key], read(text)) for key, text in parameter.items() if key in operators]
    usable = [(compare, bound) for compare, bound in bounds if bound is not None]
    if not usable:
        return None

    def test(row: Row) -> bool:
        value = read(row.get(name))
        return value is not None and all(compare(value, bound) for compare, bound in usable)

    return test


def _wall_clock(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _ordered(table: Table, ids: Sequence[Id], order: Parameter | None) -> Sequence[Id]:
    if not isinstance(order, dict):
        return ids
    wanted = [
        (name, direction.lower() == "desc")
        for name, direction in order.items()
        if name in table.resource.orders and direction.lower() in ("asc", "desc")
    ]
    result = list(ids) if wanted else ids
    for name, reverse in reversed(wanted):
        # Null sorts below everything, as in the recorded server's database.
        result = sorted(result, key=lambda key: _sortable(table.rows[key].get(name)), reverse=reverse)
    return result


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
