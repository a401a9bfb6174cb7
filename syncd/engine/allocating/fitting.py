"""Whether an allocation fits the resources that it reads, asked before anything runs. Reads shapes only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from syncd.core.model import Side
from syncd.engine.allocating.spending import plan_query
from syncd.engine.allocating.words import Allocation
from syncd.engine.context import query_of
from syncd.errors import Refused
from syncd.mapping.allocation_values import words_of
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.ports import Connector, Shape

_NO_FIELDS: Final = frozenset({"of", "sign", "resource", "rule", "table", "options"})
"""Keys whose values name no field."""


def misfits(allocation: Allocation, mapping: CompiledMapping, erp: Connector) -> Iterator[Problem]:
    """Fields and lines that the ERP does not have. ``mapping`` is that of the postings, ``erp`` its system."""
    shape = erp.shape(query_of(mapping, Side.EXTERNAL))
    yield from _unknown(allocation.reading.reads, shape, _blocks(allocation.node))
    lines = allocation.reading.lines
    if lines is None:
        return
    try:
        shape = erp.shape(lines.query)
    except Refused as error:
        yield allocation.node.at("postings", "lines", "resource").problem(f"postings.lines.resource: {error}")
        return
    blocks = [allocation.node.at("postings", "lines"), *_blocks(allocation.node)[1:]]
    names = (*lines.reads, lines.query.key or "", lines.query.cursor_field or "")
    yield from _unknown(names, shape, blocks)


def plan_misfits(allocation: Allocation, erp: Connector) -> Iterator[Problem]:
    """Fields of planned amounts that the ERP does not have; ``erp`` is the system of the plan."""
    if allocation.plan is None:
        return
    node, query = allocation.node.at("plan"), plan_query(allocation.plan)
    try:
        shape = erp.shape(query)
    except Refused as error:
        yield node.at("resource").problem(f"plan.resource: {error}")
        return
    yield from _unknown((*query.fields, query.key or ""), shape, [node])


def _blocks(node: Node) -> list[Node]:
    """Where an allocation's file may name a field of postings, the likeliest first."""
    return [
        node.at("postings").without("lines"),
        *(node.at(word) for word in ("rules", "tables", "default") if node.get(word)),
    ]


def _unknown(names: tuple[str, ...], shape: Shape | None, blocks: list[Node]) -> Iterator[Problem]:
    if shape is None or shape.open:
        return
    for name in names:
        if name and name not in shape.fields:
            told = f"external has no field {name!r} in {shape.resource}"
            yield _place(blocks, name).problem(told, did_you_mean(name, shape.fields))


def _place(blocks: list[Node], name: str) -> Node:
    """Where a raw field is named."""
    return next((place for block in blocks for place in _named(block, name)), blocks[0])


def _named(node: Node, name: str) -> Iterator[Node]:
    for key, value in node.pairs():
        if key in _NO_FIELDS:
            continue
        if key == name:
            yield node.key_node(key) or value
        yield from _named(value, name)
    for item in node.elements():
        yield from _named(item, name)
    if isinstance(node.content, str) and (node.content == name or {name, f"line.{name}"} & set(words_of(node.content))):
        yield node
