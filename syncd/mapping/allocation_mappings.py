"""The mappings that an allocation stands for: its links, and its commitments. Their nodes point into its file.

So everything that knows mappings (plans, links, references, order, the daemon) knows allocations too, and whatever is
wrong with a made mapping is reported where the allocation says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from syncd.mapping.allocations import (
    ALLOCATION_PREFIX,
    COMMITMENTS_SUFFIX,
    AllocationSpec,
    CommitmentsSpec,
    FindSpec,
    fingerprint_of,
)
from syncd.mapping.nodes import Key, Node
from syncd.mapping.parsing import parse
from syncd.mapping.spec import ExternalSpec, MappingSpec

KEY: Final = "part"
NOBODY: Final = "nobody"
"""What a link without an employee is compared by, so that it is recognised as well."""
OPTION: Final = "allocation"
THEIRS: Final = "theirs_of"
_COMMITTED_DECIMALS: Final = 4


def made_of(spec: MappingSpec) -> str | None:
    """The allocation that a mapping was made from for its links; None for any other mapping."""
    name = spec.external.options.get(OPTION)
    return name if isinstance(name, str) and spec.external.resource.startswith(ALLOCATION_PREFIX) else None


def commitments_of(spec: MappingSpec) -> str | None:
    """The allocation whose commitments a mapping writes; None for any other mapping."""
    name = spec.flowtly.options.get(THEIRS)
    return name if isinstance(name, str) and spec.mapping == f"{name}{COMMITMENTS_SUFFIX}" else None


def expanded(spec: AllocationSpec, node: Node, external: ExternalSpec) -> Iterator[tuple[MappingSpec, Node]]:
    """The mappings of an allocation with their nodes; ``external`` is the side of the mapping with its postings.

    Raises ConfigError where a part of the file that is passed on does not fit a mapping.
    """
    made = _links(spec, node, external)
    yield parse(MappingSpec, made), made
    if spec.commitments is not None:
        made = _commitments(spec, spec.commitments, node, external)
        yield parse(MappingSpec, made), made


def _links(spec: AllocationSpec, node: Node, external: ExternalSpec) -> Node:
    name, of, links = node.at("allocation"), node.at("postings", "of"), node.at("links")
    target = spec.target_field
    fields: dict[str, Any] = {
        "transaction": _at(of, {"external": "posting", "through": {"reference": spec.postings.of}, "required": True}),
        target: _at(
            links.at("target"), {"external": "budget", "through": _through(spec.links.target), "required": True}
        ),
    }
    match = ["transaction", target]
    if target == "budget":
        match.append("employee")
        fields["employee"] = _employee(spec, links, "employee")
    fields["amount"] = _at(node.at("postings", "amount"), {"external": "amount"})
    side = {
        "system": external.system,
        "resource": ALLOCATION_PREFIX + spec.allocation,
        "key": KEY,
        "options": {OPTION: spec.allocation, "rules": fingerprint_of(spec, external)},
    }
    deletes = {word: getattr(spec.deletes, word) for word in ("in_external", "in_flowtly", "quarantine")}
    return _block(
        node,
        {
            "mapping": name,
            "external": _at(node.key_node("postings") or node, {key: one for key, one in side.items() if one}),
            "flowtly": _at(links.get("resource") or links, {"resource": spec.links.resource}),
            "direction": _at(name, "to_flowtly"),
            "match": _at(links.at("target"), [match]),
            "fields": _block(links, fields),
            "conflicts": _at(node.at("conflicts"), {"default": str(spec.conflicts.default)}),
            "deletes": _at(node.at("deletes"), deletes),
            **{word: found for word in ("schedule", "limits") if (found := node.get(word)) is not None},
        },
    )


def _commitments(spec: AllocationSpec, told: CommitmentsSpec, node: Node, external: ExternalSpec) -> Node:
    name, at = node.at("allocation"), node.at("commitments")
    columns, places = told.fields, node.at("commitments", "fields")
    side = {
        "system": told.system or external.system,
        "resource": told.resource,
        "key": columns.link,
        "create": told.create,
        "options": told.options,
    }
    fields: dict[str, Any] = {
        "link": _at(places.at("link"), {"external": _column(columns.link, "text"), "flowtly": "iri", "required": True}),
        "transaction": _committed(places, "transaction", columns.transaction, {"reference": spec.postings.of}),
        "budget": _committed(places, "budget", columns.budget, _through(spec.links.target)),
        "amount": _at(
            places.at("amount"),
            {"external": _column(columns.amount, "decimal"), "through": {"decimal": _COMMITTED_DECIMALS}},
        ),
    }
    if columns.employee is not None and spec.links.employee is not None:
        fields["employee"] = _committed(places, "employee", columns.employee, _through(spec.links.employee))
    # A type is for tables that are made here; anywhere else the table knows better.
    if not told.create:
        fields = {name: _untyped(one) for name, one in fields.items()}
    return _block(
        node,
        {
            "mapping": _at(name, spec.allocation + COMMITMENTS_SUFFIX),
            "external": _at(at, {key: one for key, one in side.items() if one}),
            "flowtly": _at(at, {"resource": spec.links.resource, "options": {THEIRS: spec.allocation}}),
            "direction": _at(name, "to_external"),
            "match": _at(places.at("link"), [["link"]]),
            "fields": _block(places, fields),
            "conflicts": _at(at, {"default": "flowtly"}),
            "deletes": _at(at, {"in_external": "ignore", "in_flowtly": "delete", "quarantine": 0}),
            **{word: found for word in ("schedule", "limits") if (found := node.get(word)) is not None},
        },
    )


def _employee(spec: AllocationSpec, links: Node, raw: str) -> Node:
    """Nobody is a word on both sides: a match key with nothing in it would be none."""
    nothing = {"nothing": NOBODY}
    if spec.links.employee is None:
        return _at(links, {"external": raw, "through": [nothing]})
    return _at(links.at("employee"), {"external": raw, "through": [_through(spec.links.employee), nothing]})


def _through(spec: FindSpec) -> dict[str, Any]:
    if spec.mapping is not None:
        return {"reference": spec.mapping}
    return {"lookup": spec.lookup, "by": spec.by, **({"ignore_case": True} if spec.ignore_case else {})}


def _committed(places: Node, word: str, column: str, through: dict[str, Any]) -> Node:
    place = places.at(word)
    return _at(place, {"external": _column(column, "text"), "flowtly": word, "through": through})


def _column(name: str, kind: str) -> dict[str, str]:
    return {"field": name, "type": kind}


def _untyped(field: Node) -> Node:
    side = field.at("external").without("type")
    return _block(field, {key: side if key == "external" else value for key, value in field.pairs()})


def _at(origin: Node, data: Any) -> Node:
    """Plain data as nodes that all stand where ``origin`` does."""
    if isinstance(data, Node):
        return data
    content = data
    if isinstance(data, dict):
        content = {key: (_leaf(origin, key), _at(origin, value)) for key, value in data.items()}
    elif isinstance(data, list | tuple):
        content = tuple(_at(origin, item) for item in data)
    return _leaf(origin, content)


def _block(origin: Node, keys: dict[Any, Node]) -> Node:
    """A block whose values have places of their own; each key stands where its value does."""
    content: dict[Key, tuple[Node, Node]] = {key: (_leaf(value, key), value) for key, value in keys.items()}
    return _leaf(origin, content)


def _leaf(origin: Node, content: Any) -> Node:
    return Node(origin.file, origin.line, origin.column, content)
