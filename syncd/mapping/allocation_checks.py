"""What is wrong with an allocation file beyond single values: by itself, and beside the rest of the configuration.

Each problem stands at its own place. What rules say against each other (one that can never match) is not judged here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from syncd.mapping.allocation_rules import PieceSpec, RuleSpec, SplitSpec, TargetSpec
from syncd.mapping.allocation_values import text_of, words_of
from syncd.mapping.allocations import COMMITMENTS_SUFFIX, AllocationSpec, FindSpec
from syncd.mapping.nodes import Node
from syncd.mapping.parsing import parse
from syncd.mapping.problems import ConfigError, Problem, did_you_mean
from syncd.mapping.spec import MappingSpec

OWN_WORDS: Final = frozenset({"amount", "date", "currency", "year", "month", "quarter"})
"""Words that rules know without any field: what they mean is the posting's own."""
_OF_LINE: Final = "line."
_LONGEST_NAME: Final = 63
_TARGETS: Final = {
    "budget-transactions": "budgets",
    "income-transactions": "budgets",
    "project-transactions": "projects",
}


@dataclass(frozen=True, slots=True)
class Around:
    """The rest of the configuration: mappings by name, names of systems (without flowtly), names of event targets."""

    mappings: Mapping[str, MappingSpec]
    systems: Collection[str]
    targets: Collection[str]


def parse_allocation(node: Node) -> AllocationSpec:
    """A validated allocation file that is sound in itself. Raises ConfigError with every problem."""
    spec = parse(AllocationSpec, node)
    problems = sorted(set(_own_problems(spec, node)), key=lambda one: (one.line, one.column, one.message))
    if problems:
        raise ConfigError(problems)
    return spec


def allocation_problems(spec: AllocationSpec, node: Node, around: Around) -> Iterator[Problem]:
    """What an allocation names that is not there, or is something else."""
    yield from _mapping_named(around, spec.postings.of, "transactions", node.at("postings", "of"), "postings.of")
    links = node.at("links")
    wanted = _TARGETS[spec.links.resource]
    yield from _found_by(around, spec.links.target, wanted, links.at("target"), "links.target")
    if spec.links.employee is not None:
        yield from _found_by(around, spec.links.employee, "employees", links.at("employee"), "links.employee")
    for word, block in (("commitments", spec.commitments), ("plan", spec.plan)):
        if block is not None and block.system is not None and block.system not in around.systems:
            hint = did_you_mean(block.system, around.systems) or f"known: {', '.join(sorted(around.systems))}"
            yield node.at(word, "system").problem(f"{word}.system: no system is called {block.system!r}", hint)
    for number, name in enumerate(spec.plan.to if spec.plan is not None else ()):
        if name not in around.targets:
            hint = did_you_mean(name, around.targets) or "targets are named in events.targets of syncd.yaml"
            yield node.at("plan", "to", number).problem(f"plan.to: no event target is called {name!r}", hint)


def _found_by(around: Around, spec: FindSpec, resource: str, node: Node, shown: str) -> Iterator[Problem]:
    if spec.mapping is not None:
        yield from _mapping_named(around, spec.mapping, resource, node.at("mapping"), f"{shown}.mapping")


def _mapping_named(around: Around, name: str, resource: str, node: Node, shown: str) -> Iterator[Problem]:
    found = around.mappings.get(name)
    if found is None:
        hint = did_you_mean(name, around.mappings) or f"known: {', '.join(sorted(around.mappings))}"
        yield node.problem(f"{shown}: there is no mapping {name!r}", hint)
    elif found.flowtly.resource != resource:
        others = sorted(one.mapping for one in around.mappings.values() if one.flowtly.resource == resource)
        told = f"{shown}: mapping {name!r} is about {found.flowtly.resource}, not {resource}"
        yield node.problem(told, f"of {resource}: {', '.join(others)}" if others else f"no mapping is about {resource}")


# --------------------------------------------------------------------- the file by itself


def _own_problems(spec: AllocationSpec, node: Node) -> Iterator[Problem]:
    yield from _field_names(spec, node)
    yield from _blocks(spec, node)
    first: dict[str, Node] = {}
    for number, rule in enumerate(spec.rules):
        place = node.at("rules", number)
        known = first.setdefault(rule.rule, place)
        if known is not place:
            told = f"rules: {rule.rule!r} is there twice"
            yield place.at("rule").problem(told, f"first in line {known.at('rule').line}")
        yield from _rule(spec, rule, place)
    for name, table in spec.tables.items():
        rows: dict[str, Node] = {}
        for key, row in table.items():
            at = node.at("tables", name)
            place = at.key_node(key) or at
            if rows.setdefault(text_of(key), place) is not place:
                yield place.problem(f"tables.{name}: {text_of(key)!r} is there twice")
            yield from _pieces(spec, row, at.at(key), f"tables.{name}")
    if spec.default is not None:
        yield from _target(spec, spec.default, node.at("default"), "default")


def _field_names(spec: AllocationSpec, node: Node) -> Iterator[Problem]:
    """Names that rules could never use, since they mean something else already."""
    for name in spec.postings.fields:
        fields = node.at("postings", "fields")
        if name in OWN_WORDS or name.startswith(_OF_LINE):
            place = fields.key_node(name) or fields
            yield place.problem(f"postings.fields: {name!r} means something of its own in rules", "choose another name")


def _blocks(spec: AllocationSpec, node: Node) -> Iterator[Problem]:
    if spec.links.employee is not None and spec.target_field == "project":
        place = node.at("links").key_node("employee") or node
        yield place.problem("links.employee: project-transactions have no employee")
    if spec.direction == "both" and spec.commitments is None:
        hint = "add commitments: they are written there"
        yield node.at("direction").problem("direction: both, but no commitments are configured", hint)
    if spec.commitments is None:
        return
    at = node.at("commitments")
    if spec.direction == "to_flowtly":
        place = node.key_node("commitments") or node
        yield place.problem("commitments are written to the ERP, but the direction is to_flowtly", "write both")
    if len(spec.allocation) + len(COMMITMENTS_SUFFIX) > _LONGEST_NAME:
        told = f"allocation: with commitments its name has at most {_LONGEST_NAME - len(COMMITMENTS_SUFFIX)} letters"
        yield node.at("allocation").problem(told)
    fields = spec.commitments.fields
    if fields.employee is not None and spec.links.employee is None:
        hint = "add links.employee: {mapping: employees}"
        yield at.at("fields", "employee").problem("commitments.fields.employee: links have no employee", hint)
    columns = [
        name for name in (fields.link, fields.transaction, fields.budget, fields.employee, fields.amount) if name
    ]
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        yield at.at("fields").problem(f"commitments.fields: two of them go into {name!r}")


def _rule(spec: AllocationSpec, rule: RuleSpec, node: Node) -> Iterator[Problem]:
    """A rule says one thing about where a posting goes."""
    shown = f"rules: {rule.rule}"
    targeted = rule.budget is not None or rule.project is not None
    if sum((targeted, rule.split is not None, rule.leave is not None)) != 1:
        said = [word for word in ("budget", "project", "split", "leave") if getattr(rule, word) is not None]
        place = (node.key_node(said[-1]) if said else None) or node
        told = f"{' and '.join(said)} exclude each other" if said else f"no {spec.target_field}, no split and no leave"
        yield place.problem(f"{shown}: {told}", f"write {spec.target_field}, split, or leave: unassigned")
        return
    if targeted:
        yield from _target(spec, rule, node, shown)
    elif rule.employee is not None:
        hint = "write it into the pieces" if rule.split is not None else "nothing of it is assigned"
        yield node.at("employee").problem(f"{shown}: employee stands beside {spec.target_field}", hint)
    if rule.split is not None:
        yield from _split(spec, rule.split, node.at("split"), shown)


def _split(spec: AllocationSpec, split: SplitSpec, node: Node, shown: str) -> Iterator[Problem]:
    if sum((bool(split.pieces), split.lines is not None, split.table is not None)) != 1:
        hint = "a list of pieces, {lines: {budget: ...}}, or {table: NAME, by: FIELD}"
        yield node.problem(f"{shown}: split must be one of three", hint)
        return
    if (split.table is None) != (split.by is None):
        yield node.problem(f"{shown}: table and by belong together", "write {table: NAME, by: FIELD}")
    elif split.table is not None and split.table not in spec.tables:
        known = f"known: {', '.join(sorted(spec.tables))}" if spec.tables else "there are no tables"
        hint = did_you_mean(split.table, spec.tables) or known
        yield node.at("table").problem(f"{shown}: there is no table {split.table!r}", hint)
    if split.lines is not None:
        if spec.postings.lines is None:
            place = node.key_node("lines") or node
            yield place.problem(f"{shown}: split by lines, but postings.lines does not say where they are")
        yield from _target(spec, split.lines, node.at("lines"), shown, of_lines=True)
    yield from _pieces(spec, split.pieces, node, shown)


def _pieces(spec: AllocationSpec, pieces: Iterable[PieceSpec], node: Node, shown: str) -> Iterator[Problem]:
    """Each piece says how much in one way, and together they are not more than everything."""
    sum_of_shares, rests = Fraction(0), 0
    for number, piece in enumerate(pieces):
        place = node.at(number)
        said = [word for word in ("share", "amount", "rest") if getattr(piece, word) is not None]
        if len(said) != 1:
            told = f"{' and '.join(said)} exclude each other" if said else "how much is not said"
            at = (place.key_node(said[-1]) if said else None) or place
            yield at.problem(f"{shown}: {told}", "write share: 40%, amount: 500.00, or rest: true")
            continue
        before, sum_of_shares = sum_of_shares, sum_of_shares + (piece.share or 0)
        if sum_of_shares > 1 >= before:
            told = f"{shown}: shares of one split are {_percent(sum_of_shares)} up to here, more than 100%"
            yield place.at("share").problem(told, f"{_percent(1 - before)} were left")
        rests += bool(piece.rest)
        if piece.rest and rests > 1:
            at = place.key_node("rest") or place
            yield at.problem(f"{shown}: two pieces of one split both claim the rest", "only one can have it")
        yield from _target(spec, piece, place, shown)


def _target(
    spec: AllocationSpec, target: TargetSpec, node: Node, shown: str, *, of_lines: bool = False
) -> Iterator[Problem]:
    if (target.budget is None) == (target.project is None):
        told = "budget and project exclude each other" if target.budget else f"missing key {spec.target_field!r}"
        yield node.problem(f"{shown}: {told}", f"links.resource is {spec.links.resource}")
        return
    if target.project is not None and spec.target_field != "project":
        place = node.key_node("project") or node
        yield place.problem(f"{shown}: {spec.links.resource} have no project", "write budget")
    if target.employee is not None and spec.links.employee is None and spec.target_field != "project":
        hint = "add links.employee: {mapping: employees}"
        yield node.at("employee").problem(f"{shown}: links.employee does not say how employees are found", hint)
    if target.employee is not None and spec.target_field == "project":
        yield node.at("employee").problem(f"{shown}: {spec.links.resource} have no employee")
    for key, template in target.templates():
        for word in words_of(template):
            if word.startswith(_OF_LINE) and not of_lines:
                yield node.at(key).problem(
                    f"{shown}: {{{word}}} is a line's field", "only split: {lines: ...} has lines"
                )


def _percent(share: Fraction) -> str:
    """A share for people, with as few decimals as it needs, three at most."""
    return f"{float(share * 100):.3f}".rstrip("0").rstrip(".") + "%"
