"""An allocation made ready for work: its rules, how its postings are read, and every problem that stands in the way.

Reads no peer. ``allocation_of`` is asked once, from the configuration; ``posting_of`` and ``digest_of`` for each
posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from syncd.budgets.checks import Finding, checks, warnings
from syncd.budgets.model import RuleSet
from syncd.budgets.money import exponent, to_minor
from syncd.engine.allocating.reading import digest_of, posting_of
from syncd.engine.allocating.ruling import fields_used, rules_of
from syncd.engine.allocating.words import Allocation, LineReading, PostingProblem, PostingReading
from syncd.mapping.allocations import AllocationSpec, fingerprint_of
from syncd.mapping.nodes import Node
from syncd.mapping.problems import ConfigError, Problem
from syncd.mapping.spec import ExternalSpec, MappingSpec
from syncd.ports import Query

__all__ = [
    "Allocation",
    "LineReading",
    "PostingProblem",
    "PostingReading",
    "allocation_of",
    "allocations_of",
    "digest_of",
    "doubts",
    "findings",
    "posting_of",
    "rules_of",
]

_FACTORS: Final = {"negative": -1, "positive": 1}


def allocation_of(spec: AllocationSpec, node: Node, external: ExternalSpec) -> Allocation:
    """Compile a validated spec; ``node`` is its file, ``external`` the external side of the mapping of its postings.

    Raises ConfigError with every problem of the rules.
    """
    rules = rules_of(spec, node)
    problems = [*findings(node, rules), *_amounts(spec, node)]
    if problems:
        raise ConfigError(sorted(set(problems), key=lambda one: (one.line, one.column, one.message)))
    sign = spec.links.transaction_sign or spec.postings.sign
    fingerprint = fingerprint_of(spec, external)
    return Allocation(spec, node, spec.postings.of, external, rules, _reading(spec), fingerprint, _FACTORS[sign])


def allocations_of(
    allocations: Iterable[tuple[AllocationSpec, Node]], mappings: Iterable[tuple[MappingSpec, Node]]
) -> dict[str, Allocation]:
    """All allocations of a configuration by their names. Raises ConfigError, never after the settings were loaded."""
    external = {spec.mapping: spec.external for spec, _ in mappings}
    return {
        spec.allocation: allocation_of(spec, node, external[spec.postings.of])
        for spec, node in allocations
        if spec.postings.of in external
    }


def findings(node: Node, rules: RuleSet) -> Iterator[Problem]:
    """What keeps rules from being used, at their places in the file."""
    return (_problem(node, found) for found in checks(rules))


def doubts(allocation: Allocation) -> Iterator[Problem]:
    """What may be meant so and is worth a look: for people, nothing is refused for it."""
    return (_problem(allocation.node, found) for found in warnings(allocation.rules))


def _problem(node: Node, found: Finding) -> Problem:
    place = found.place
    return Problem(place.file or node.file, place.line, place.column, found.message, found.hint)


def _reading(spec: AllocationSpec) -> PostingReading:
    told = spec.postings
    base = told.base
    used, used_of_lines = fields_used(spec)
    aliases = {"account": told.account} | dict(told.fields) if told.account else dict(told.fields)
    names = {name: aliases.get(name) or name for name in used}
    single = (told.amount, told.currency.field, told.date, told.account, base and base.amount)
    reads = dict.fromkeys(name for name in (*single, *names.values(), *told.where) if name)
    return PostingReading(
        told.amount,
        _FACTORS[told.sign],
        told.currency,
        told.date,
        told.account,
        base.amount if base else None,
        base.currency if base else None,
        names,
        tuple(reads),
        told.where,
        _line_reading(spec, used_of_lines),
    )


def _line_reading(spec: AllocationSpec, used: Iterable[str]) -> LineReading | None:
    told = spec.postings.lines
    if told is None:
        return None
    names = {name: told.fields.get(name) or name for name in used}
    reads = dict.fromkeys((told.posting, told.amount, *names.values(), *told.where))
    where = {name: allowed[0] if len(allowed) == 1 else list(allowed) for name, allowed in told.where.items()}
    query = Query(told.resource, tuple(reads), where, told.key, told.cursor, told.options)
    factor = _FACTORS[told.sign or spec.postings.sign]
    return LineReading(query, told.posting, told.amount, factor, names, told.where)


def _amounts(spec: AllocationSpec, node: Node) -> Iterator[Problem]:
    """A constant currency that nobody knows, and fixed amounts that the postings' only currency cannot have."""
    currency, base = spec.postings.currency.constant, spec.postings.base
    if base is not None:
        yield from _unknown(spec, base.currency, node.at("postings", "base", "currency"), "postings.base.currency")
    if currency is None:
        return
    if faults := list(_unknown(spec, currency, node.at("postings", "currency", "constant"), "postings.currency")):
        yield from faults
        return
    for number, rule in enumerate(spec.rules):
        for index, piece in enumerate(rule.split.pieces if rule.split is not None else ()):
            try:
                to_minor(piece.amount or 0, currency, spec.exponents)
            except ValueError as error:
                place = node.at("rules", number, "split", index, "amount")
                yield place.problem(f"rules: {rule.rule}: {error}", "postings.currency is constant")


def _unknown(spec: AllocationSpec, currency: str, node: Node, shown: str) -> Iterator[Problem]:
    """A currency whose decimals nobody knows: no posting could be read."""
    try:
        exponent(currency, spec.exponents)
    except ValueError as error:
        yield node.problem(f"{shown}: {error}", f"exponents: {{{currency}: 2}}")
