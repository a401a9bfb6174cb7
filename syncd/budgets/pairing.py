"""Which part keeps which slot when a posting is allocated anew. Pure; no slot is given to two parts or used again.

A part lives at Flowtly as a link under its slot. So a part that moves to another budget keeps its slot (the link is
changed, not made anew), and a target that returns before its link is gone finds its slot again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from syncd.budgets.model import Part


@dataclass(frozen=True, slots=True)
class Held:
    """A slot as it is kept: its target, '' or None for nobody's, and whether nobody wants it any more."""

    slot: int
    target: str
    employee: str | None = None
    withdrawn: bool = False
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """What becomes of a slot. ``part`` None: it is wanted no more, and keeps what it had (``target``, ``employee``)."""

    slot: int
    target: str
    employee: str
    part: Part | None


def paired(held: Sequence[Held], next_slot: int, parts: Sequence[Part]) -> tuple[tuple[Assigned, ...], int]:
    """Slots of a posting for its new parts, in the order of the slots, and the next slot that was never used.

    The same target keeps its slot, also a withdrawn one. Other parts move into slots that would be withdrawn: first
    those with the same budget, then with the same amount. What finds none gets a new slot.
    Raises ValueError when two parts share a target or ``next_slot`` was used.
    """
    if len({part.key for part in parts}) != len(parts):
        raise ValueError("two parts of a posting share budget and employee")
    if any(one.slot >= next_slot for one in held):
        raise ValueError(f"slot {next_slot} is in use already")
    places = {(one.target, one.employee or ""): one for one in held}
    given = {places[part.key].slot: part for part in parts if part.key in places}
    kept = set(given)
    free = [one for one in held if one.slot not in kept and not one.withdrawn]
    left = [part for part in parts if part.key not in places]
    for of_slot, of_part in _STAGES:
        left = _fill(given, free, left, of_slot, of_part)
    for part in left:
        given[next_slot] = part
        next_slot += 1
    wanted = [Assigned(slot, part.budget, part.employee or "", part) for slot, part in given.items()]
    unwanted = [Assigned(one.slot, one.target, one.employee or "", None) for one in held if one.slot not in given]
    return tuple(sorted((*wanted, *unwanted), key=lambda one: one.slot)), next_slot


_STAGES: tuple[tuple[Callable[[Held], Hashable], Callable[[Part], Hashable]], ...] = (
    (lambda one: (one.target, one.amount), lambda part: (part.budget, part.amount)),
    (lambda one: one.target, lambda part: part.budget),
    (lambda one: (one.employee or "", one.amount), lambda part: (part.employee or "", part.amount)),
    (lambda one: one.amount, lambda part: part.amount),
    (lambda _: None, lambda _: None),
)
"""What a part and the slot it moves into should have in common, the best first: the smallest change to the link."""


def _fill(
    given: dict[int, Part],
    free: Sequence[Held],
    parts: Sequence[Part],
    of_slot: Callable[[Held], Hashable],
    of_part: Callable[[Part], Hashable],
) -> list[Part]:
    """Give free slots to parts that agree with them; the parts that found none."""
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for one in free:
        if one.slot not in given:
            waiting[of_slot(one)].append(one.slot)
    left = []
    for part in parts:
        if found := waiting.get(of_part(part)):
            given[found.popleft()] = part
        else:
            left.append(part)
    return left
