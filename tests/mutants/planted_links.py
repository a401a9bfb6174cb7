"""Faults planted by hand around budget links, and the test that has to notice each. Data only."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_LINKING, _JUDGING, _LINKS, _SCREENING, _CORE = (
    "syncd/budgets/linking.py",
    "syncd/engine/allocating/judging.py",
    "syncd/engine/allocating/links.py",
    "syncd/engine/allocating/screening.py",
    "syncd/core/removal.py",
)
_T = "tests/engine/test_budget_links.py"
_NOW = f"{_T}::test_right_before_a_write_the_transaction_itself_is_asked"
_COUNTED = f"{_T}::test_what_counts_already_or_does_not_fit_is_left_out_with_its_reason_and_stops_nothing"

LINKS: Final = (
    Fault(
        "a link may exceed its transaction",
        _LINKING,
        "    if amount * side + taken <= total * side:",
        "    if True:",
        "3",
        "a budget would carry more than was spent",
        "tests/unit/budgets/test_linking.py::test_links_that_were_let_pass_never_exceed_their_transaction",
    ),
    Fault(
        "a second link with one key is made",
        _JUDGING,
        "            reason = doubled(weighed, standing) or mismatch(",
        "            reason = mismatch(",
        "2",
        "a cost would count twice beside the link that people made",
        _NOW,
    ),
    Fault(
        "what the transaction lists is not looked at",
        _JUDGING,
        "        if not isinstance(listed, list | tuple):\n",
        "        if listed is not None:\n",
        "2",
        "a link that people made since the walk would be doubled",
        _NOW,
    ),
    Fault(
        "links of people are altered",
        _JUDGING,
        "        if not self._terms.own_all and before.iri not in",
        "        if self._terms.own_all and before.iri not in",
        "4",
        "what people did would be overwritten",
        _NOW,
    ),
    Fault(
        "links of people are taken over unasked",
        _SCREENING,
        "    theirs = {} if peer.terms.own_all else",
        "    theirs = {} if True else",
        "4",
        "their links would be changed and deleted as ours",
        f"{_T}::test_links_of_people_stay_theirs_and_ours_is_made_when_they_are_gone",
    ),
    Fault(
        "a budget-neutral counterparty is a cost",
        _JUDGING,
        "    if neutral and seen.counterparty is not None",
        "    if False and seen.counterparty is not None",
        "3",
        "money between own accounts would count as spent",
        _COUNTED,
    ),
    Fault(
        "a contractor counts twice",
        _JUDGING,
        "    if terms.contractors and seen.cost is not None",
        "    if False and seen.cost is not None",
        "3",
        "the same cost would be on its budget twice",
        _COUNTED,
    ),
    Fault(
        "the sign is not compared",
        _JUDGING,
        "    if total * posting.amount < 0:",
        "    if False:",
        "3",
        "income would be linked as a cost",
        _COUNTED,
    ),
    Fault(
        "a link that was deleted stays in the mirror",
        _LINKS,
        "            raise\n        self._store.unmirror(self.terms.allocation, key)",
        "            raise",
        "6",
        "its room would never be free again",
        _NOW,
    ),
    Fault(
        "a lost link is made again where nothing may be made",
        _CORE,
        "    if gone not in rules.creates:\n        return Ruling(Verdict.ASK",
        "    if False:\n        return Ruling(Verdict.ASK",
        "4",
        "a mapping that may not make records would make one",
        "tests/unit/core/test_removal.py::"
        "test_remake_makes_it_again_after_the_quarantine_where_it_may_be_made_and_else_asks",
    ),
)
