"""What becomes of one posting as it reads now: its state, and the parts that are wanted of it in their slots."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from syncd.budgets.allocate import Allocator
from syncd.budgets.model import DEFAULT, Allocated, ByLines, Part, Posting
from syncd.budgets.pairing import Assigned, Held, paired
from syncd.engine.allocating.books import Entry
from syncd.engine.allocating.reading import posting_of, unkept
from syncd.engine.allocating.words import Allocation, PostingProblem
from syncd.engine.context import Context
from syncd.ports.allocations import PostingState, SeenPosting, Slot

OUTSIDE = "postings.where leaves it out"
DOUBLED = "the source has several postings under this key"
NO_LINES = "it is split by its lines, and the ERP shows none of them now"


class Placing:
    """Applies the rules of an allocation to postings, and says once which of them cannot be allocated."""

    def __init__(self, ctx: Context, allocation: Allocation, allocator: Allocator) -> None:
        self._ctx = ctx
        self._allocation = allocation
        self._allocator = allocator

    def seen(
        self, entry: Entry, digest: bytes, known: SeenPosting | None, doubled: Container[str]
    ) -> SeenPosting | None:
        """The posting as it is to be kept; None for one that is none of the allocation's and never was.

        One that cannot be read or allocated keeps its parts as they were.
        """
        record, reading = entry.record, self._allocation.reading
        now = known or SeenPosting(record.key, b"", PostingState.REFUSED, None, None, "", None)
        now = replace(now, digest=digest, account=reading.account_of(record.raw))
        if record.key in doubled:
            return self._refused(replace(now, digest=b"", amount=None), known, DOUBLED)
        if not reading.in_scope(record.raw):
            return None if known is None else self._outside(now)
        try:
            posting = posting_of(self._allocation, record, entry.lines)
        except PostingProblem as problem:
            return self._refused(replace(now, amount=None), known, problem.message)
        now = _with(now, posting)
        if not posting.lines and self._lost_lines(now, posting):
            return self._refused(now, known, NO_LINES)
        allocated = self._allocator.allocate(posting)
        if reason := allocated.problem or unkept(allocated):
            return self._refused(now, known, reason)
        return _placed(now, allocated)

    def _lost_lines(self, now: SeenPosting, posting: Posting) -> bool:
        """True where a posting would lose its parts for want of lines: their table may be loading anew."""
        if self._allocation.reading.lines is None or all(one.withdrawn or one.rule == DEFAULT for one in now.slots):
            return False
        return any(isinstance(one.rule.split, ByLines) for one in self._allocator.matching(posting))

    def _refused(self, now: SeenPosting, known: SeenPosting | None, reason: str) -> SeenPosting:
        self._ctx.tally.add("postings_refused")
        if known is None or known.state is not PostingState.REFUSED or known.reason != reason:
            kept = sum(1 for slot in now.slots if not slot.withdrawn)
            self._ctx.events(
                "posting.refused", allocation=self._allocation.name, posting=now.key, detail=reason, parts_kept=kept
            )
        return replace(now, state=PostingState.REFUSED, reason=reason)

    def _outside(self, now: SeenPosting) -> SeenPosting:
        """It was a posting of this allocation and is none any more: nothing of it is wanted."""
        slots = tuple(replace(slot, withdrawn=True, skipped="") for slot in now.slots)
        return replace(now, state=PostingState.UNASSIGNED, unassigned=now.amount or 0, reason=OUTSIDE, slots=slots)


def _with(now: SeenPosting, posting: Posting) -> SeenPosting:
    return replace(
        now,
        on=posting.on,
        currency=posting.currency,
        amount=posting.amount,
        base=posting.base,
        base_currency=posting.base_currency,
    )


def _placed(now: SeenPosting, allocated: Allocated) -> SeenPosting:
    """The new parts in slots: a part that moves keeps its slot, so that its link is changed and not made anew."""
    held = [Held(one.slot, one.target, one.employee, one.withdrawn, one.amount) for one in now.slots]
    assigned, next_slot = paired(held, now.next_slot, allocated.parts)
    before = {one.slot: one for one in now.slots}
    slots = tuple(_slot(now.key, one, before.get(one.slot)) for one in assigned)
    state = PostingState.ALLOCATED
    if allocated.unassigned:
        state = PostingState.PARTLY if allocated.parts else PostingState.UNASSIGNED
    return replace(
        now,
        state=state,
        unassigned=allocated.unassigned,
        reason=allocated.reason,
        slots=slots,
        next_slot=next_slot,
    )


def _slot(posting: str, one: Assigned, before: Slot | None) -> Slot:
    if one.part is None:
        if before is None:
            raise ValueError(f"posting {posting}: slot {one.slot} is kept for nobody and was nobody's")
        return replace(before, withdrawn=True, skipped="")
    part: Part = one.part
    same = before is not None and (before.target, before.employee) == (one.target, one.employee)
    skipped = before.skipped if before is not None and same and not before.withdrawn else ""
    return Slot(
        posting, one.slot, one.target, one.employee, part.amount, part.whole, part.rule, part.base, skipped=skipped
    )
