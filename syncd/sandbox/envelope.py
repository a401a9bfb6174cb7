"""Collections: pages, the view with its links, the search mapping. Must never answer more than one page.

Both envelopes: ``plain`` (API Platform 4.3: ``member``, ``view``) and ``hydra`` (3.4: ``hydra:member``, ...).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.sandbox.config import IRI_PREFIX, Envelope
from syncd.sandbox.declare import Filter, Resource
from syncd.sandbox.errors import ApiError
from syncd.sandbox.phpjson import encode
from syncd.sandbox.query import Parameters, integer, link

_PHP_INT_MAX: Final = 2**63 - 1
_OPERATORS: Final = {
    "date": ("before", "strictly_before", "after", "strictly_after"),
    "range": ("between", "gt", "gte", "lt", "lte"),
}


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page was asked for; ``size`` after the server's maximum."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many records come before it."""
        return (self.number - 1) * self.size


def page_request(query: Parameters, default: int, maximum: int) -> PageRequest:
    """Read ``page`` and ``itemsPerPage``. Raises ApiError 400 as recorded (cases 24 to 31).

    ``itemsPerPage=abc`` is 0, and 0 gives an empty page with 200; too large a size is cut without a word.
    """
    number = integer(query.get("page"), 1)
    size = min(integer(query.get("itemsPerPage"), default), maximum)
    if number < 1:
        raise ApiError(400, "Page should not be less than 1")
    if size < 0:
        raise ApiError(400, "Limit should not be less than 0")
    if size == 0 and number > 1:
        raise ApiError(400, "Page should not be greater than 1 if limit is equal to 0")
    if number * max(size, 1) > _PHP_INT_MAX:
        raise ApiError(400, "Page parameter is too large.")
    return PageRequest(number, size)


def collection(
    resource: Resource,
    path: str,
    members: Sequence[bytes],
    total: int,
    page: PageRequest,
    query: Parameters,
    envelope: Envelope,
) -> bytes:
    """An ld+json collection; ``path`` is the IRI it was asked under."""
    prefix = "hydra:" if envelope == "hydra" else ""
    head = {
        "@context": f"{IRI_PREFIX}/contexts/{resource.name}",
        "@id": path,
        "@type": f"{prefix}Collection",
        f"{prefix}totalItems": total,
    }
    tail: dict[str, Any] = {}
    if (view := _view(path, total, page, query, prefix)) is not None:
        tail[f"{prefix}view"] = view
    if resource.filters or resource.orders:
        tail[f"{prefix}search"] = _search(resource, path, prefix)
    parts = [encode(head, linked=True)[:-1], b',"', f'{prefix}member":['.encode(), b",".join(members), b"]"]
    if tail:
        parts += [b",", encode(tail, linked=True)[1:-1]]
    return b"".join([*parts, b"}"])


def _view(path: str, total: int, page: PageRequest, query: Parameters, prefix: str) -> dict[str, str] | None:
    """First, last, previous, next only where there is more than one page; no view at all without parameters."""
    last = max(math.ceil(total / page.size), 1) if page.size else 1
    shown = {name: value for name, value in query.items() if name != "page"}
    kind = f"{prefix}PartialCollectionView"
    if last == 1:
        applied = {name: value for name, value in shown.items() if name != "pagination"}
        return {"@id": link(path, shown, None), "@type": kind} if applied else None
    view = {
        "@id": link(path, shown, page.number),
        "@type": kind,
        f"{prefix}first": link(path, shown, 1),
        f"{prefix}last": link(path, shown, last),
    }
    if page.number > 1:
        view[f"{prefix}previous"] = link(path, shown, page.number - 1)
    if page.number < last:
        view[f"{prefix}next"] = link(path, shown, page.number + 1)
    return view


def search_variables(resource: Resource) -> list[tuple[str, str]]:
    """Every query parameter of a collection with the property it is about."""
    ranges = [each for each in resource.filters if each.kind == "range"]
    others = [each for each in resource.filters if each.kind != "range"]
    orders = [(f"order[{name}]", name) for name in resource.orders]
    # Recorded: ranges come after the orders (case 79).
    return [*_pairs(others), *orders, *_pairs(ranges)]


def _pairs(filters: Sequence[Filter]) -> list[tuple[str, str]]:
    return [(variable, each.name) for each in filters for variable in _variables(each)]


def _variables(each: Filter) -> tuple[str, ...]:
    if each.kind == "exact":
        return (each.name, f"{each.name}[]")
    if each.kind == "partial":
        return (each.name,)
    return tuple(f"{each.name}[{operator}]" for operator in _OPERATORS[each.kind])


def _search(resource: Resource, path: str, prefix: str) -> dict[str, Any]:
    pairs = search_variables(resource)
    mapping = [
        {"@type": "IriTemplateMapping", "variable": variable, "property": name, "required": False}
        for variable, name in pairs
    ]
    return {
        "@type": f"{prefix}IriTemplate",
        f"{prefix}template": f"{path}{{?{','.join(variable for variable, _ in pairs)}}}",
        f"{prefix}variableRepresentation": "BasicRepresentation",
        f"{prefix}mapping": mapping,
    }
