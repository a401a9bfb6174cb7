"""Faults planted by hand in how postings become wanted parts, and the test that has to notice each. Data only."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_ALLOCATE, _MONEY, _PAIRING, _SPLITS, _TOTALS = (
    f"syncd/budgets/{name}.py" for name in ("allocate", "money", "pairing", "splits", "totals")
)
_AUDIT, _DERIVE, _PLACING, _STEPS, _WANTED = (
    f"syncd/engine/allocating/{name}.py" for name in ("audit", "derive", "placing", "steps", "wanted")
)
_UNIT, _ENGINE = "tests/unit/budgets", "tests/engine"
_SPLIT = f"{_UNIT}/test_allocate.py::test_what_cannot_be_split_is_refused_with_the_posting_and_the_place"
_READING = f"{_ENGINE}/test_allocations_held.py::test_a_reading_that_is_cut_or_suspicious_changes_nothing_else"

ALLOCATIONS: Final = (
    Fault(
        "the last cent of a split is lost",
        _MONEY,
        "    if missing > 0:",
        "    if missing > 1:",
        "6",
        "parts would not add up to their posting",
        f"{_UNIT}/test_money.py::test_sharing_out_in_small",
    ),
    Fault(
        "decimals that a currency has not are cut off",
        _MONEY,
        "    if power + places < 0:",
        "    if False:",
        "6",
        "a wrong amount would be booked in silence",
        f"{_UNIT}/test_money.py::test_what_is_not_exact_is_refused",
    ),
    Fault(
        "pieces may come to more than their posting",
        _ALLOCATE,
        "        if remainder < 0:",
        "        if False:",
        "6",
        "a budget would get what nobody spent",
        _SPLIT,
    ),
    Fault(
        "lines need not add up to their posting",
        _SPLITS,
        "        if found != posting.amount:",
        "        if False:",
        "6",
        "half an invoice would be taken for all of it",
        _SPLIT,
    ),
    Fault(
        "a part that moves is made anew",
        _PAIRING,
        "    free = [one for one in held if one.slot not in kept and not one.withdrawn]",
        "    free: list[Held] = []",
        "1",
        "each move would be a delete and a create",
        f"{_UNIT}/test_pairing.py::test_a_moved_part_keeps_its_slot",
    ),
    Fault(
        "a slot whose link is about to go is given away",
        _PAIRING,
        "    free = [one for one in held if one.slot not in kept and not one.withdrawn]",
        "    free = [one for one in held if one.slot not in kept]",
        "2",
        "a removal that is under way would hit another part's link",
        f"{_UNIT}/test_pairing.py::test_a_withdrawn_slot_is_for_no_other_target",
    ),
    Fault(
        "sums may differ when the counts agree",
        _TOTALS,
        "        return self.left != NOTHING",
        "        return self.left.count != 0",
        "6",
        "a wrong amount would never be named",
        f"{_UNIT}/test_totals.py::test_a_breach_is_exactly_a_difference_that_is_not_pending",
    ),
    Fault(
        "whatever is pending excuses a transaction that is linked for too much",
        _TOTALS,
        "        return self.over > 0 and (not self.moving or _beyond(self.wanted + self.theirs, self.posted) > 0)",
        "        return self.over > 0 and not self.moving",
        "6",
        "an over-allocation would wait for an edit that does not mend it",
        f"{_UNIT}/test_totals.py::test_what_is_pending_excuses_only_what_it_will_mend",
    ),
    Fault(
        "a reading that shrank is believed",
        _DERIVE,
        "        doubts = [describe(error)] if error is not None else self._doubts(place, live) if full else []",
        "        doubts = [describe(error)] if error is not None else []",
        "4",
        "links would be deleted after half a reading",
        _READING,
    ),
    Fault(
        "postings of a restored ERP are believed",
        _DERIVE,
        "    if fence is not None:",
        "    if False:",
        "11",
        "corrections that the backup lacks would be taken back",
        _READING,
    ),
    Fault(
        "a posting that cannot be read loses its parts",
        _PLACING,
        "        return replace(now, state=PostingState.REFUSED, reason=reason)",
        "        return replace(now, state=PostingState.REFUSED, reason=reason, slots=())",
        "4",
        "a typing error in the ERP would delete links",
        f"{_ENGINE}/test_allocations_held.py::test_a_posting_that_cannot_be_read_keeps_its_links_and_is_told_once",
    ),
    Fault(
        "what makes room is not written first",
        _STEPS,
        "sorted(tasks, key=self.stage))",
        "sorted(tasks, key=lambda task: -self.stage(task)))",
        "6",
        "a corrected split would be held back or over-allocated on its way",
        f"{_ENGINE}/test_allocations.py::"
        "test_links_follow_the_erp_with_the_smallest_change_and_in_an_order_that_never_takes_too_much",
    ),
    Fault(
        "a whole posting carries its amount where it should carry none",
        _WANTED,
        "        if slot.whole and self._omit_whole:",
        "        if slot.whole and not self._omit_whole:",
        "9",
        "links that need no amount would wait for the unit, or carry a wrong one",
        f"{_ENGINE}/test_allocations_held.py::test_amounts_wait_for_their_unit_and_links_of_a_whole_posting_do_not",
    ),
    Fault(
        "an incomplete reading opens and clears incidents",
        _AUDIT,
        '    if outcome != "done" or not complete:',
        "    if False:",
        "9",
        "a budget would be written to again while it is still off",
        f"{_ENGINE}/test_control_totals.py::test_an_incomplete_reading_neither_opens_nor_clears",
    ),
)
