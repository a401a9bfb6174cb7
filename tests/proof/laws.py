"""The laws of the blueprint, and what holds each: tests by their ids, sections of the proof by name. Holds no code.

``tests/unit/test_laws.py`` fails when a law names nothing, or something that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Law:
    """One law. ``tests`` are ``path::test`` or ``path::Class::test`` below the root of the project."""

    number: int
    name: str
    sentence: str
    tests: tuple[str, ...]
    sections: tuple[str, ...] = ()


LAWS: Final = (
    Law(
        1,
        "Idle is silent",
        "A run over unchanged data sends no write to either peer, changes no link, and rewrites no row of the store.",
        (
            "tests/engine/test_first_link.py::test_the_next_full_run_writes_nothing",
            "tests/engine/test_edits.py::test_a_peer_that_rewrites_what_it_is_sent_stays_quiet",
            "tests/store/test_passes.py::test_an_idle_pass_rewrites_no_row_of_a_permanent_table",
            "tests/unit/core/test_merge_enumerated.py::test_idle_is_silent_and_carrying_out_reaches_a_fixpoint_in_one_step",
            "tests/histories/test_machine.py::test_histories_keep_the_laws",
            "tests/engine/test_allocations.py::test_thirty_postings_are_linked_once_and_then_nothing_happens",
            "tests/store/test_allocations.py::test_an_unchanged_reading_rewrites_no_row",
        ),
        ("histories", "enumeration", "losses"),
    ),
    Law(
        2,
        "One source, one target",
        "However often the process dies, and whatever answers are lost, a source record never has two targets that "
        "we made.",
        (
            "tests/engine/test_lost_answers.py::test_a_create_that_was_stored_but_not_answered_is_adopted",
            "tests/engine/test_lost_answers.py::test_a_listing_that_lags_behind_does_not_make_a_second_record",
            "tests/engine/test_no_doubles.py::test_a_twin_that_comes_while_the_first_is_in_doubt_has_to_wait",
            "tests/store/test_operations.py::test_of_two_who_intend_the_same_create_at_once_one_is_refused",
            "tests/store/test_settle.py::test_the_database_itself_refuses_two_links_for_one_key",
            "tests/e2e/test_daemon.py::test_two_daemons_at_once_make_no_duplicate",
            "tests/crash/test_crashes.py::test_wherever_it_dies_the_end_is_the_same",
            "tests/crash/test_crashes.py::test_the_harness_sees_a_duplicate",
            "tests/daemons/test_several_daemons.py::test_one_that_stands_still_while_its_create_is_under_way_makes_no_second_one",
            "tests/histories/test_noticed.py::test_a_create_that_is_sent_twice",
            "tests/crash/test_merging.py::test_wherever_it_dies_it_is_merged_once_or_asked",
            "tests/store/test_merges.py::test_a_pair_is_never_sent_twice_whichever_survives",
            "tests/engine/test_budget_links.py::test_right_before_a_write_the_transaction_itself_is_asked",
            "tests/engine/test_allocations_attacked.py::test_a_posting_that_turns_back_while_its_delete_is_in_doubt_has_its_links_once",
            "tests/store/test_allocations.py::test_parts_may_change_places_but_no_two_share_a_target",
            "tests/unit/budgets/test_pairing.py::test_the_laws_of_slots",
            "tests/crash/test_allocations.py::test_wherever_it_dies_the_links_are_the_same_and_none_was_made_twice",
        ),
        ("crash", "histories", "losses", "daemons", "outside", "mutants"),
    ),
    Law(
        3,
        "No lost update",
        "Edits of different fields on both sides both survive. A value that is overwritten is in the ledger, with who "
        "had it and the rule that decided.",
        (
            "tests/engine/test_edits.py::test_edits_of_different_fields_on_both_sides_both_survive",
            "tests/engine/test_edits.py::test_an_edit_between_our_reading_and_our_writing_is_not_overwritten",
            "tests/engine/test_edits.py::test_a_decision_for_a_side_is_carried_out_and_the_loser_kept_in_the_ledger",
            "tests/engine/test_edits.py::test_a_policy_decides_and_names_what_it_overwrote",
            "tests/store/test_settle.py::test_the_ledger_refuses_to_be_rewritten",
            "tests/store/test_ledger.py::test_no_row_is_changed_or_removed_also_not_in_its_partition",
            "tests/e2e/test_history.py::test_why_prints_the_chain_of_one_value",
            "tests/histories/test_noticed.py::test_a_ledger_without_what_was_written",
            "tests/engine/test_merging_trouble.py::test_an_edit_that_has_not_flowed_yet_makes_a_merge_wait",
            "tests/store/test_redirects.py::test_an_edit_of_the_loser_that_had_not_flowed_is_in_the_ledger_and_asked",
            "tests/engine/test_aliases.py::test_a_field_edited_on_both_is_asked_about_and_the_others_flow",
            "tests/unit/core/test_merge_enumerated.py::test_an_edit_is_only_overwritten_by_a_rule_that_was_chosen_and_is_then_named",
            "tests/engine/test_budget_links.py::test_links_of_people_stay_theirs_and_ours_is_made_when_they_are_gone",
            "tests/engine/test_allocations_kinds.py::test_links_of_people_to_income_are_theirs_and_a_link_never_exceeds_its_transaction",
        ),
        ("histories", "enumeration", "crash", "mutants"),
    ),
    Law(
        4,
        "Deletes need proof",
        "A record counts as gone only when two certified readings did not see it and its own address answers that "
        "there is none. Then come quarantine, caps and, over the cap, a person. An edit beats a delete.",
        (
            "tests/engine/test_bad_weather.py::test_a_bad_answer_to_the_walk_deletes_creates_and_links_nothing",
            "tests/engine/test_bad_weather.py::test_a_page_shift_in_mid_walk_is_noticed_and_nothing_is_taken_for_gone",
            "tests/engine/test_bad_weather.py::test_an_edit_of_a_record_that_is_gone_on_the_other_side_is_asked_about",
            "tests/store/test_certificates.py::test_seeing_nothing_is_believed_only_while_nothing_is_linked",
            "tests/store/test_certificates.py::test_shrinking_by_more_than_the_limit_is_a_doubt",
            "tests/store/test_certificates.py::test_an_absence_withdraws_itself_when_the_record_is_seen_again",
            "tests/unit/core/test_record_laws.py::test_an_edit_beats_a_delete",
            "tests/unit/core/test_reconcile.py::test_unread_is_never_gone",
            "tests/engine/test_removals.py::test_a_record_is_deleted_after_two_readings_a_look_and_the_quarantine",
            "tests/engine/test_removals.py::test_a_delete_without_a_proof_cannot_be_stored",
            "tests/engine/test_removals.py::test_an_edit_beats_a_delete",
            "tests/engine/test_removals.py::test_a_record_that_comes_back_withdraws_its_removal",
            "tests/engine/test_removals.py::test_one_that_is_there_although_no_list_shows_it_is_not_gone",
            "tests/engine/test_removals.py::test_leaving_the_filter_is_not_being_deleted",
            "tests/engine/test_removals.py::test_what_was_there_before_it_was_linked_is_deleted_only_on_a_persons_word",
            "tests/engine/test_removals.py::test_more_than_the_cap_wait_for_a_person_and_nothing_else_does",
            "tests/unit/core/test_removal.py::test_nothing_follows_before_the_quarantine_is_over",
            "tests/engine/test_allocations.py::test_links_follow_the_erp_with_the_smallest_change_and_in_an_order_that_never_takes_too_much",
            "tests/engine/test_allocations_held.py::test_a_reading_that_is_cut_or_suspicious_changes_nothing_else",
            "tests/engine/test_allocations_held.py::test_a_posting_that_cannot_be_read_keeps_its_links_and_is_told_once",
            "tests/store/test_allocations.py::test_missed_is_what_two_complete_full_readings_did_not_see",
        ),
        ("no_deletes", "histories", "enumeration", "mutants"),
    ),
    Law(
        5,
        "Nothing waits in line",
        "One contested field does not hold back its record's other fields, one bad record does not hold back the "
        "others, and a child that waits for its parent is woken by it.",
        (
            "tests/engine/test_edits.py::test_the_same_field_on_both_sides_is_asked_and_holds_nothing_else_back",
            "tests/engine/test_bad_weather.py::test_a_refused_record_is_parked_and_the_stream_goes_on",
            "tests/engine/test_no_doubles.py::test_a_create_that_waits_for_a_person_holds_back_only_its_own_kind",
            "tests/engine/test_stubborn_records.py::test_records_that_always_fail_do_not_starve_the_others",
            "tests/engine/test_references.py::test_a_child_that_came_before_its_parent_waits_and_is_made_once_when_the_parent_is_linked",
            "tests/unit/core/test_reconcile.py::test_one_contested_field_does_not_hold_back_the_others",
        ),
        ("crash", "enumeration"),
    ),
    Law(
        6,
        "It converges",
        "When both peers fall quiet, a finite number of runs leaves every mapped field equal or in an open conflict.",
        (
            "tests/unit/core/test_merge_enumerated.py::test_it_converges_to_equal_or_contested_or_kept_by_a_rule_that_says_so",
            "tests/unit/core/test_reconcile.py::test_a_history_of_edits_settles_in_two_cycles_even_with_a_peer_that_rewrites",
            "tests/engine/test_edits.py::test_an_edit_on_either_side_arrives_on_the_other",
            "tests/e2e/test_daemon.py::test_it_stays_up_while_flowtly_is_away_and_goes_on_by_itself",
            "tests/histories/test_machine.py::test_histories_keep_the_laws",
            "tests/unit/core/test_small_world.py::test_every_theorem_holds_in_a_drawn_part_of_the_domain",
            "tests/e2e/test_budget_books.py::test_the_books_of_a_year_agree_to_the_cent_whatever_people_do",
            "tests/engine/test_control_totals.py::test_both_sides_agree_to_the_cent_and_idle_runs_say_nothing",
            "tests/unit/budgets/test_allocate_laws.py::test_parts_add_up_mirror_and_come_again",
            "tests/unit/budgets/test_totals.py::test_a_breach_is_exactly_a_difference_that_is_not_pending",
        ),
        ("crash", "histories", "enumeration", "losses", "outside"),
    ),
    Law(
        7,
        "Preview is reality",
        "The daemon plans and then applies. A saved plan applies item by item, only where what it was made from still "
        "holds, and does nothing else.",
        (
            "tests/engine/test_first_link.py::test_nothing_happens_anywhere_before_a_person_approved_the_plan",
            "tests/engine/test_first_link.py::test_planning_writes_nothing_and_says_everything",
            "tests/engine/test_first_link.py::test_an_edited_mapping_has_to_be_approved_again",
            "tests/engine/test_answers.py::test_what_a_person_sees_in_a_plan_is_what_that_person_applies",
            "tests/engine/test_references_applied.py::test_an_apply_that_was_shown_does_nothing_else",
            "tests/e2e/test_cli.py::test_a_saved_plan_applies_only_where_it_still_holds",
            "tests/engine/test_saved_plans.py::test_every_item_that_does_not_hold_says_why_and_nothing_else_happens",
            "tests/engine/test_saved_plans.py::test_an_item_that_moves_between_our_reading_and_our_writing_is_told_as_well",
            "tests/engine/test_saved_plans.py::test_an_edited_mapping_writes_nothing_before_a_person_applied_a_plan",
            "tests/e2e/test_plans.py::test_a_plan_of_an_edited_mapping_is_refused_as_a_whole",
            "tests/e2e/test_bad_input.py::test_a_plan_file_that_is_not_as_it_was_saved_is_refused_as_a_whole",
            "tests/engine/test_allocations_held.py::test_edited_rules_wait_for_approval_and_the_plan_shows_how_far_they_reach",
        ),
        ("mutants",),
    ),
    Law(
        8,
        "Two daemons do no harm",
        "Each mapping has one lease with a fencing token, checked in the transaction that stores each intent.",
        (
            "tests/store/test_leases.py::test_only_one_owner_has_the_lease",
            "tests/store/test_leases.py::test_a_stale_owner_can_neither_intend_nor_settle",
            "tests/store/test_leases.py::test_who_takes_over_waits_until_an_allowed_transaction_has_ended",
            "tests/engine/test_bad_weather.py::test_a_second_daemon_is_kept_out_by_the_lease",
            "tests/e2e/test_daemon.py::test_a_second_daemon_waits_and_takes_over_when_the_first_is_killed",
            "tests/daemons/test_several_daemons.py::test_two_daemons_and_people_at_both_ends",
            "tests/daemons/test_several_daemons.py::test_one_that_stands_still_between_intent_and_create_does_not_send_it_after_its_lease",
            "tests/daemons/test_several_daemons.py::test_one_without_the_store_stops_and_the_other_goes_on",
            "tests/daemons/test_right_to_send.py::test_a_write_is_not_sent_without_the_right_to",
        ),
        ("daemons", "histories", "mutants"),
    ),
    Law(
        9,
        "Unknown is not success and not failure",
        "No answer means look; several hits mean ask.",
        (
            "tests/engine/test_merging_trouble.py::test_a_call_that_did_nothing_is_a_question_and_stops_all_others",
            "tests/engine/test_lost_answers.py::test_a_create_that_was_not_stored_is_sent_again_after_a_complete_look",
            "tests/engine/test_lost_answers.py::test_within_the_listing_grace_nothing_is_sent_again",
            "tests/engine/test_lost_answers.py::test_several_hits_are_quarantined_and_a_person_says_which",
            "tests/engine/test_lost_answers.py::test_a_change_that_was_stored_but_not_answered_is_found_applied",
            "tests/connectors/test_sql_writes.py::test_a_lost_create_is_in_doubt_only_when_its_commit_was_sent",
            "tests/engine/test_removals_recovered.py::test_a_lost_answer_to_a_delete_is_looked_up",
            "tests/crash/test_crashes.py::test_a_create_without_an_answer_where_lists_come_late",
            "tests/engine/test_allocations_attacked.py::test_lost_answers_while_postings_turn",
            "tests/engine/test_control_totals.py::test_an_incomplete_reading_neither_opens_nor_clears",
        ),
        ("losses", "crash", "outside"),
    ),
    Law(
        10,
        "Secrets stay secret",
        "They are not in logs, plans, the store, errors or the status page.",
        (
            "tests/e2e/test_daemon.py::test_no_secret_and_no_masked_field_is_in_the_log",
            "tests/e2e/test_cli.py::test_a_missing_variable_names_itself_and_no_secret_is_shown",
            "tests/unit/mapping/test_parsing.py::test_a_literal_secret_is_refused_wherever_it_stands_and_never_shown",
            "tests/connectors/test_http_credentials.py::test_neither_password_nor_token_is_ever_shown",
            "tests/connectors/test_sql_settings.py::test_the_password_is_in_no_text",
            "tests/store/test_trouble.py::test_a_driver_that_quotes_the_password_is_not_quoted",
            "tests/e2e/test_history.py::test_a_sensitive_field_is_never_shown_and_equal_values_stay_equal",
            "tests/store/test_ledger.py::test_a_sensitive_value_is_nowhere_in_the_ledger_and_equal_ones_stay_equal",
        ),
        ("mutants",),
    ),
    Law(
        11,
        "Restored is noticed",
        "When a peer or our own store has gone back in time, or was swapped for another tenant, stop and ask.",
        (
            "tests/engine/test_fencing.py::test_a_flowtly_restored_from_a_backup_gets_and_causes_no_write",
            "tests/engine/test_fencing.py::test_an_erp_restored_from_a_backup_gets_and_causes_no_write",
            "tests/engine/test_fencing.py::test_another_tenant_with_other_records_under_the_same_numbers_is_noticed",
            "tests/engine/test_fencing.py::test_another_tenant_with_no_number_in_common_is_noticed",
            "tests/engine/test_fencing.py::test_an_old_copy_of_our_store_is_noticed_by_what_both_sides_agree_on",
            "tests/engine/test_fencing.py::test_after_a_person_accepted_it_everything_goes_through_a_plan",
            "tests/engine/test_fencing.py::test_a_busy_day_is_no_restore",
            "tests/e2e/test_guards.py::test_a_swapped_tenant_ends_every_command_with_3_until_a_person_accepts_it",
            "tests/unit/core/test_fencing_rules.py::test_each_rule_at_its_edge",
            "tests/engine/test_going_back.py::test_a_row_restored_from_a_backup_is_an_edit_of_what_was_agreed_since",
        ),
        ("no_deletes", "histories"),
    ),
)
