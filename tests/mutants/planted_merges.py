"""Faults planted by hand where duplicates are decided, merged and followed, and the test that has to notice. Data only."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_MERGING, _RECOVERING = "syncd/engine/dedupe/merging.py", "syncd/engine/dedupe/recovering.py"
_PROPOSING, _LOOKING = "syncd/engine/dedupe/proposing.py", "syncd/engine/dedupe/looking.py"
_VETOES, _ALIASING, _FOLLOWING = (
    "syncd/counterparties/vetoes.py",
    "syncd/core/aliasing.py",
    "syncd/core/following.py",
)
_DONE, _TROUBLE = "tests/engine/test_merging.py", "tests/engine/test_merging_trouble.py"
_MATCHER = "tests/unit/counterparties/test_matcher.py"

MERGES: Final = (
    Fault(
        "the one call is sent before its promise is kept",
        _MERGING,
        '        sending = self._step(merge, _SENDING, "")\n',
        "        sending = merge\n",
        "2",
        "after a crash nobody would know of the call, and it would be sent again",
        f"{_DONE}::test_an_approved_merge_from_the_search_to_the_redirect",
    ),
    Fault(
        "a loser that is still there is taken for merged",
        _RECOVERING,
        "    if sight.merged_into(plan.survivor) and not sight.lacking:\n",
        "    if True:\n",
        "9",
        "links would lead to a survivor that never got anything",
        f"{_TROUBLE}::test_a_call_that_did_nothing_is_a_question_and_stops_all_others",
    ),
    Fault(
        "an unclear merge stops no other",
        _MERGING,
        "        return bool(self.desk.store.merges(self.desk.directory, [_UNCLEAR], 1))\n",
        "        return False\n",
        "9",
        "a peer that answers strangely would be sent one merge after another",
        f"{_TROUBLE}::test_a_call_that_did_nothing_is_a_question_and_stops_all_others",
    ),
    Fault(
        "a record that changed since is merged",
        _LOOKING,
        "    if desk.digest(record.raw) != plan.digests[record.key]:\n",
        "    if not record.key:\n",
        "7",
        "what a person approved would not be what is merged",
        f"{_DONE}::test_a_record_that_changed_since_is_not_merged",
    ),
    Fault(
        "a merge does not wait for what has not flowed yet",
        _MERGING,
        "        return bool(waits)\n",
        "        return False\n",
        "3",
        "an edit of the loser would vanish with it",
        f"{_TROUBLE}::test_an_edit_that_has_not_flowed_yet_makes_a_merge_wait",
    ),
    Fault(
        "a fenced peer is merged in",
        _MERGING,
        "        if fenced:  #",
        "        if False:  #",
        "11",
        "a merge is for good, and this peer may have been swapped for another",
        f"{_TROUBLE}::test_a_fenced_mapping_stops_merges_of_its_records",
    ),
    Fault(
        "a merge goes on beside a run of a mapping",
        _MERGING,
        "    with leased(desk, [desk.lease, *desk.involved], stop) as held:\n        if held is None:\n            return MergeReport",
        "    with leased(desk, [desk.lease], stop) as held:\n        if held is None:\n            return MergeReport",
        "8",
        "the run would write to a record that goes away under it",
        f"{_TROUBLE}::test_no_merge_goes_on_beside_a_run_of_a_mapping",
    ),
    Fault(
        "the cap of a run is not kept",
        _MERGING,
        "if spec is None or self.calls >= spec.max_merges:",
        "if spec is None:",
        "7",
        "one wrong rule would merge everything before anybody looks",
        f"{_DONE}::test_a_run_carries_out_no_more_than_its_cap",
    ),
    Fault(
        "a tier approves new bank accounts",
        _PROPOSING,
        '        alone = not plan.needs_approval_of and not plan.evidence["review"]\n',
        "        alone = True\n",
        "7",
        "money could be sent to whoever wrote an account into a duplicate",
        f"{_DONE}::test_new_accounts_and_differing_flags_wait_for_a_person_all_the_same",
    ),
    Fault(
        "two different tax numbers are no veto",
        _VETOES,
        "    if left.tin.valid and right.tin.valid and left.tin.valid != right.tin.valid:\n",
        "    if not left.id:\n",
        "2",
        "two companies of one name would be merged",
        f"{_MATCHER}",
    ),
    Fault(
        "numbers in names are no veto",
        _VETOES,
        "    if left.name.tokens and right.name.tokens and left.name.numerals != right.name.numerals:\n",
        "    if not left.id:\n",
        "2",
        "Fund II and Fund III would be merged",
        f"{_MATCHER}",
    ),
    Fault(
        "an edit of an alias is overwritten",
        _ALIASING,
        "        if touched and not same(mine, theirs):\n",
        "        if touched and mine is theirs:\n",
        "3",
        "the word of whoever typed into the second ERP record would vanish",
        "tests/unit/core/test_aliasing.py",
    ),
    Fault(
        "who had it before is taken for the survivor",
        _FOLLOWING,
        " and mark not in one.before\n",
        "\n",
        "4",
        "a link would follow to a record that nothing was merged into",
        "tests/unit/core/test_following.py",
    ),
)
