"""Histories that once broke a law, or that stand for a kind of trouble, kept as they were. Each is told and judged."""

from __future__ import annotations

import pytest

from tests.histories.tales import told
from tests.histories.town import Move, Town


def _edit(side: str, pick: int = 1, field: str = "name") -> Move:
    return ("edit", {"side": side, "pick": pick, "field": field})


def _die(step: str, when: str, *, successor: bool) -> Move:
    return ("die", {"step": step, "nth": 1, "when": when, "successor": successor})


def _lost(side: str, method: str) -> Move:
    return ("fault", {"side": side, "kind": "reset_after", "method": method, "times": 1, "skip": 0})


ADD: Move = ("add", {"side": "external"})
RUN: Move = ("run", {})

TALES: dict[str, list[Move]] = {
    "a change was sent and the process died before it heard so": [
        _edit("external"),
        _die("flowtly.update", "after", successor=True),
    ],
    "a change of both sides, of which one is sent by a process that dies": [
        _edit("external", field="name"),
        _edit("flowtly", field="logo"),
        _die("external.update", "after", successor=False),
    ],
    "a record was made by a process that died, and edited before its successor looked": [
        ADD,
        _die("flowtly.create", "after", successor=False),
        _edit("flowtly", 3),
        ("hours_pass", {}),
        RUN,
    ],
    "somebody made the same record while the answer to ours was lost": [
        ADD,
        _lost("flowtly", "POST"),
        (
            "meanwhile",
            {"step": "flowtly.create", "nth": 1, "when": "before", "move": "twin", "side": "flowtly", "pick": 0},
        ),
        RUN,
    ],
    "a list shows a new record late, after its answer was lost": [
        ADD,
        ("fault", {"side": "flowtly", "kind": "listing_delay", "method": "POST", "times": 1, "skip": 0}),
        _lost("flowtly", "POST"),
        RUN,
        RUN,
        ("hours_pass", {}),
        RUN,
    ],
    "one record is deleted between two pages of a walk": [
        ("add", {"side": "flowtly"}),
        RUN,
        ("fault", {"side": "flowtly", "kind": "page_shift", "method": "GET", "times": 1, "skip": 1}),
        RUN,
        RUN,
    ],
    "a record is deleted, edited at the other side, and comes back": [
        ("delete", {"side": "flowtly", "pick": 0}),
        _edit("external"),
        RUN,
        RUN,
        ("restore", {"side": "flowtly", "pick": 0}),
    ],
    "two records are merged while both are edited at the other side": [
        ("merge", {"side": "flowtly", "pick": 1, "loser": 0}),
        _edit("external", 1),
        _edit("external", 2),
        RUN,
    ],
    "a contested field is decided and edited again": [
        _edit("external"),
        _edit("flowtly"),
        RUN,
        ("answer", {"pick": 0, "choice": "external"}),
        _edit("flowtly"),
        RUN,
    ],
    "a daemon stands still before its create, and another takes over": [
        ADD,
        ("meanwhile", {"step": "flowtly.create", "nth": 1, "when": "before", "move": "second", "lapse": True}),
        RUN,
    ],
    "a daemon stands still before it settles, and another takes over": [
        ADD,
        _edit("external"),
        ("meanwhile", {"step": "store.settle", "nth": 1, "when": "before", "move": "second", "lapse": True}),
        RUN,
    ],
    "the clock goes back a day while writes are in doubt": [
        ADD,
        _lost("flowtly", "POST"),
        RUN,
        ("clock_steps", {"hours": -24}),
        RUN,
        ("clock_steps", {"hours": 48}),
        RUN,
    ],
    "an empty list with everything linked": [
        ("fault", {"side": "flowtly", "kind": "empty_list", "method": "GET", "times": 2, "skip": 0}),
        ADD,
        RUN,
        RUN,
    ],
}


@pytest.mark.parametrize("tale", TALES.values(), ids=TALES)
def test_a_tale_keeps_the_laws(town: Town, tale: list[Move]) -> None:
    told(town, tale)


DELETIONS: dict[str, list[Move]] = {
    "a copy is deleted after its original was": [
        ADD,
        RUN,
        ("delete", {"side": "external", "pick": 2}),
        *[("hours_pass", {}), RUN] * 4,
    ],
    "an edit beats a deletion": [
        ADD,
        RUN,
        ("delete", {"side": "external", "pick": 2}),
        _edit("flowtly", 3),
        *[("hours_pass", {}), RUN] * 4,
    ],
    "a record comes back before its partner is deleted": [
        ADD,
        RUN,
        ("delete", {"side": "flowtly", "pick": 2}),
        ("hours_pass", {}),
        RUN,
        ("restore", {"side": "flowtly", "pick": 0}),
        *[("hours_pass", {}), RUN] * 3,
    ],
    "an empty list is no deletion": [
        ADD,
        RUN,
        ("fault", {"side": "flowtly", "kind": "empty_list", "method": "GET", "times": 3, "skip": 0}),
        *[("hours_pass", {}), RUN] * 3,
    ],
}


@pytest.mark.parametrize("tale", DELETIONS.values(), ids=DELETIONS)
def test_a_tale_of_deletions_keeps_the_laws(deleting_town: Town, tale: list[Move]) -> None:
    told(deleting_town, tale)


def test_deletions_are_followed_at_all(deleting_town: Town) -> None:
    told(deleting_town, DELETIONS["a copy is deleted after its original was"])
    assert [one for one in deleting_town.diary.entries if one.after is None and not one.person]
