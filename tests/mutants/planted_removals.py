"""Faults planted by hand around deletes (law 4), and the test that has to notice each. Data only."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_CORE, _SWEEP, _REMOVE, _STORE = (
    "syncd/core/removal.py",
    "syncd/engine/sweep.py",
    "syncd/engine/remove.py",
    "syncd/store/removals.py",
)
_T, _R = "tests/engine/test_removals.py", "tests/engine/test_removals_recovered.py"

REMOVALS: Final = (
    Fault(
        "what no list shows is not looked at",
        _SWEEP,
        "    side = absent.side\n    try:\n",
        '    side = absent.side\n    return _prove(ctx, absent, "")\n    try:\n',
        "4",
        "a list that is wrong would be proof enough",
        f"{_T}::test_one_that_is_there_although_no_list_shows_it_is_not_gone",
    ),
    Fault(
        "leaving the filter is being deleted",
        _SWEEP,
        "    ctx.store.excuse(absent, ctx.name, LEFT, ctx.lease)\n",
        "    return _prove(ctx, absent, LEFT)\n",
        "4",
        "a customer that is only out of scope would be deleted on the other side",
        f"{_T}::test_leaving_the_filter_is_not_being_deleted",
    ),
    Fault(
        "the quarantine is skipped",
        _CORE,
        "    if proof.passes < rule.quarantine:",
        "    if proof.passes < 0:",
        "4",
        "nobody would have time to notice",
        f"{_T}::test_a_record_is_deleted_after_two_readings_a_look_and_the_quarantine",
    ),
    Fault(
        "one reading is proof",
        _STORE,
        "AND one.complete AND two.complete AND one.run_id < two.run_id",
        "AND one.complete AND two.complete AND one.run_id <= two.run_id",
        "4",
        "one wrong list would be followed; the database itself refuses the row, so it must not even be tried",
        "tests/engine/test_removals_proof.py::test_one_complete_reading_is_not_even_looked_into",
    ),
    Fault(
        "removals are not capped",
        _CORE,
        "    if total > caps.most:",
        "    if total < 0:",
        "4",
        "everything could be deleted in one run",
        f"{_T}::test_more_than_the_cap_wait_for_a_person_and_nothing_else_does",
    ),
    Fault(
        "the cap forgets what was removed a run ago",
        _CORE,
        "    total = due + recent",
        "    total = due",
        "4",
        "everything could be deleted in a few runs",
        f"{_T}::test_the_cap_counts_a_day_and_not_a_run",
    ),
    Fault(
        "what was there before us needs no word",
        _CORE,
        "proof.origin not in OURS and not proof.approved",
        "proof.origin in OURS and not proof.origin",
        "4",
        "we would delete what we did not make",
        f"{_T}::test_what_was_there_before_it_was_linked_is_deleted_only_on_a_persons_word",
    ),
    Fault(
        "ignore does not mean ignore",
        _CORE,
        "    if rule.action is Action.IGNORE and not isinstance(survivor, Gone):",
        "    if False:",
        "4",
        "a mapping that says ignore would lose records",
        "tests/unit/core/test_removal.py::test_ignore_does_nothing_but_forget_what_is_gone_on_both_sides",
    ),
    Fault(
        "a removal beats an edit",
        _CORE,
        "            return Ruling(Verdict.REVIVE,",
        "            return Ruling(Verdict.CARRY_OUT,",
        "4",
        "what somebody edited since would be deleted",
        f"{_T}::test_an_edit_beats_a_delete",
    ),
    Fault(
        "the survivor is not compared before it is deleted",
        _REMOVE,
        "    elif _edited(ctx, task, current):",
        "    elif False:",
        "4",
        "an edit of the last moment would be deleted",
        f"{_R}::test_a_contact_that_somebody_edits_in_the_last_moment_is_kept",
    ),
    Fault(
        "the last look is skipped",
        _REMOVE,
        " and _still_gone(ctx, task):",
        ":",
        "4",
        "a record that is there again would be deleted on the other side",
        "tests/engine/test_removals_proof.py::"
        "test_one_that_answers_again_right_before_the_delete_is_not_even_made_anew",
    ),
    Fault(
        "a lost answer to a delete is taken for success",
        _REMOVE,
        "        _end(ctx, task, operation, OperationState.IN_DOUBT, describe(error))",
        '        settle_deleted(ctx, task.link, operation, "deleted")',
        "9",
        "the record would stay, and nobody would know of it",
        f"{_R}::test_a_lost_answer_to_a_delete_is_looked_up",
    ),
    Fault(
        "a removal is not withdrawn when the record is back",
        _STORE,
        "(a.key IS NULL OR a.excused IS NOT NULL OR l.id IS NULL OR r.fingerprint <> :fingerprint\n"
        "           OR a.first_certificate <> r.first_certificate)",
        "(l.id IS NULL OR r.fingerprint <> :fingerprint)",
        "4",
        "the proof of an earlier absence would be used against a record that is there",
        f"{_T}::test_a_record_that_comes_back_withdraws_its_removal",
    ),
)
