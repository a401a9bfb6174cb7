"""The law check finds lenses that lie, names their field, and leaves honest ones alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from syncd.core.model import Side, Value
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.laws import LawBreach, check_laws
from syncd.mapping.lenses.base import Lens, single
from syncd.mapping.records import Unfit
from tests.unit.mapping.helpers import fields


def with_lens(lens: Lens, side: Side = Side.EXTERNAL) -> CompiledMapping:
    """A mapping whose field ``bad`` has the given lens on one side."""
    mapping = fields("  bad: bad\n  good: {external: good, through: trim}\n")
    plans = []
    for plan in mapping.fields:
        if plan.name == "bad":
            chains = {**plan.chains, side: replace(plan.chains[side], lenses=(lens,))}
            plans.append(replace(plan, chains=chains))
        else:
            plans.append(plan)
    return replace(mapping, fields=tuple(plans))


def text(change: Callable[[str], Value]) -> Callable[[Value], Value]:
    return lambda value: change(str(value))


def refuse(_: Value) -> Value:
    raise Unfit("never")


WORDS = lambda rng, _: (rng.choice(("Acme", "Nordic ApS", "x")),)  # noqa: E731 - a sample function


def broken(mapping: CompiledMapping) -> set[tuple[str, str, Side]]:
    return {(breach.field, breach.law, breach.side) for breach in check_laws(mapping, {}, Random(1), 50)}


@pytest.mark.parametrize("side", list(Side))
def test_a_lens_that_writes_something_else_breaks_put_get(side: Side) -> None:
    mapping = with_lens(single(text(str), text(str.upper), WORDS), side)
    assert ("bad", "put-get", side) in broken(mapping)
    assert not any(field == "good" for field, _, _ in broken(mapping))


def test_a_lens_that_writes_what_it_cannot_read_breaks_put_get() -> None:
    def only_lower(value: Value) -> Value:
        if str(value) != str(value).lower():
            raise Unfit("only lower case")
        return value

    lens = single(only_lower, text(str.upper), lambda rng, _: (rng.choice(("a", "b")),))
    (breach,) = check_laws(with_lens(lens), {}, Random(1), 50)
    assert (breach.field, breach.law) == ("bad", "put-get")
    assert "which is refused: only lower case" in breach.example


def test_a_lens_that_never_reads_or_never_writes_is_not_usable() -> None:
    assert ("bad", "usable", Side.EXTERNAL) in broken(with_lens(single(refuse, text(str), WORDS)))
    assert ("bad", "usable", Side.EXTERNAL) in broken(with_lens(single(text(str), refuse, WORDS)))


def test_a_lens_that_reads_differently_every_time_breaks_a_law() -> None:
    turns = iter(range(10**6))
    assert broken(with_lens(single(lambda value: f"{value}{next(turns)}", text(str), WORDS)))


def test_a_lens_that_refuses_some_values_breaks_nothing() -> None:
    def short(value: Value) -> Value:
        if len(str(value)) > 5:
            raise Unfit("too long")
        return value

    assert broken(with_lens(single(short, short, WORDS))) == set()


def test_a_one_way_field_owes_no_law_on_its_source() -> None:
    lens = single(text(str.upper), refuse, WORDS)
    mapping = with_lens(lens)
    assert broken(mapping)
    one_way = fields("  bad: {external: bad, direction: to_flowtly}\n")
    plans = tuple(
        replace(p, chains={**p.chains, Side.EXTERNAL: replace(p.chains[Side.EXTERNAL], lenses=(lens,))})
        if p.name == "bad"
        else p
        for p in one_way.fields
    )
    assert broken(replace(one_way, fields=plans)) == set()


def test_lenses_on_two_sides_that_do_not_speak_of_the_same_are_found() -> None:
    mapping = fields("  a: {external: {field: a, through: trim}, flowtly: {field: b, through: minor_units}}\n")
    assert {field for field, _, _ in broken(mapping)} == {"a"}


def test_a_breach_reads_as_a_sentence_and_stays_short() -> None:
    breach = LawBreach("tin", "put-get", Side.FLOWTLY, "'a' is written as 'b'")
    assert str(breach) == "field 'tin' breaks put-get on the flowtly side: 'a' is written as 'b'"
    long = single(text(str), lambda _: "y" * 1000, WORDS)
    assert all(len(found.example) <= 160 for found in check_laws(with_lens(long), {}, Random(1), 5))


def test_the_same_seed_finds_the_same() -> None:
    mapping = with_lens(single(text(str), text(str.upper), WORDS))
    assert check_laws(mapping, {}, Random(3)) == check_laws(mapping, {}, Random(3))
