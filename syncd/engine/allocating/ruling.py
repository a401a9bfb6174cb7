"""The rules of an allocation file as the rules that ``budgets`` works by, each with its place. Checks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from syncd.budgets.model import (
    ByLines,
    ByTable,
    Mode,
    Piece,
    Pieces,
    Place,
    Rule,
    RuleSet,
    Split,
    Target,
    Test,
    Window,
)
from syncd.budgets.values import OWN
from syncd.mapping.allocation_rules import (
    ConditionSpec,
    PieceSpec,
    RuleSpec,
    SplitSpec,
    TargetSpec,
    WindowSpec,
)
from syncd.mapping.allocation_values import text_of, words_of
from syncd.mapping.allocations import AllocationSpec
from syncd.mapping.nodes import Node

_OF_LINE: Final = "line."


def rules_of(spec: AllocationSpec, node: Node) -> RuleSet:
    """All rules of an allocation; ``node`` is its file."""
    rules = node.at("rules")
    tables = node.at("tables")
    return RuleSet(
        tuple(_rule(rule, rules.at(number)) for number, rule in enumerate(spec.rules)),
        Mode(spec.match),
        None if spec.default is None else _target(spec.default),
        {
            name: {text_of(key): _pieces(row, tables.at(name, key)) for key, row in table.items()}
            for name, table in spec.tables.items()
        },
        spec.exponents,
        place_of(node.at("default")),
    )


def place_of(node: Node) -> Place:
    """Where something is written."""
    return Place(node.file, node.line, node.column)


def fields_used(spec: AllocationSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of fields that rules use: of postings, and of their lines. Words of the posting's own are left out."""
    words = list(_words(spec))
    ours = dict.fromkeys(word for word in words if not word.startswith(_OF_LINE) and word not in OWN)
    of_lines = dict.fromkeys(word.removeprefix(_OF_LINE) for word in words if word.startswith(_OF_LINE))
    return tuple(ours), tuple(of_lines)


def _words(spec: AllocationSpec) -> Iterator[str]:
    """Every name that a rule, a table or the default uses."""
    for rule in spec.rules:
        yield from rule.when
        yield from _named(rule)
        if rule.split is not None:
            yield from (word for piece in rule.split.pieces for word in _named(piece))
            yield from _named(rule.split.lines) if rule.split.lines is not None else ()
            yield from (rule.split.by,) if rule.split.by is not None else ()
    for table in spec.tables.values():
        yield from (word for row in table.values() for piece in row for word in _named(piece))
    if spec.default is not None:
        yield from _named(spec.default)


def _named(target: TargetSpec) -> Iterator[str]:
    for _, template in target.templates():
        yield from words_of(template)


def _rule(spec: RuleSpec, node: Node) -> Rule:
    when = {name: _test(condition) for name, condition in spec.when.items()}
    return Rule(spec.rule, when, _split(spec, node), _window(spec.valid), place_of(node))


def _split(spec: RuleSpec, node: Node) -> Split | None:
    if spec.leave is not None:
        return None
    if spec.split is None:
        place = node.key_node("budget") or node.key_node("project") or node
        return Pieces((Piece(_target(spec), rest=True, place=place_of(place)),))
    return _written(spec.split, node.at("split"))


def _written(spec: SplitSpec, node: Node) -> Split:
    if spec.lines is not None:
        return ByLines(_target(spec.lines))
    if spec.table is not None and spec.by is not None:
        return ByTable(spec.table, spec.by)
    return Pieces(_pieces(spec.pieces, node.at("pieces")))


def _pieces(specs: Iterable[PieceSpec], node: Node) -> tuple[Piece, ...]:
    return tuple(
        Piece(_target(one), one.share, one.amount, bool(one.rest), place_of(node.at(number)))
        for number, one in enumerate(specs)
    )


def _target(spec: TargetSpec) -> Target:
    return Target(spec.key, spec.employee)


def _test(spec: ConditionSpec) -> Test:
    window = Window(spec.first, spec.last) if spec.first or spec.last else None
    equal = frozenset(text_of(value) for value in spec.equal or ())
    return Test(equal, spec.like, spec.least, spec.most, window, spec.empty)


def _window(spec: WindowSpec | None) -> Window:
    return Window() if spec is None else Window(spec.first, spec.last)
