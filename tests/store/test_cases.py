"""Cases: one for each pair, opened, renewed and withdrawn by decisions, and never against a person's word."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party
from syncd.errors import NotFound, Refused, Stale
from syncd.ports.parties import CaseState
from syncd.store.cases import end_cases
from syncd.store.postgres import PostgresStore
from tests.store.kit import Kit
from tests.store.parties_kit import Desk, decided, hard, stored

PARTIES = {key: Party(key, name=f"Firm {key}") for key in "abcd"}
HASHES = {key: prepare(one).inputs for key, one in PARTIES.items()}
OPEN, YES, NO, MERGED, WITHDRAWN, GONE = (
    CaseState.OPEN,
    CaseState.YES,
    CaseState.NO,
    CaseState.MERGED,
    CaseState.WITHDRAWN,
    CaseState.GONE,
)


@pytest.fixture
def desk(store: PostgresStore) -> Desk:
    made = Desk.on(store)
    made.keep(*PARTIES.values())
    return made


def about(left: str, right: str, band: Band = Band.REVIEW, bits: float = 5.0, **kw):
    """A decision about parties as they are stored."""
    return decided(left, right, band, bits, hashes=kw.pop("hashes", (HASHES[left], HASHES[right])), **kw)


def answer(desk: Desk, left: str, right: str, word: str = "yes", by: str = "Ada", **kw):
    case = desk.case(left, right)
    return desk.store.answer_case(
        case.id, word, by, kw.pop("note", ""), kw.pop("seen", (case.left_inputs, case.right_inputs))
    )


def test_a_case_has_all_that_was_decided(desk: Desk) -> None:
    kept = desk.decide(about("a", "b", Band.AUTO, 9.25, tier="T1", levels=hard(), blocks=("tin",), counts={"n": 1}))
    assert [(one.left, one.right) for one in kept.opened] == [("a", "b")]
    assert kept.closed == 0
    case = desk.case("b", "a")
    assert (case.left, case.right, case.band, case.tier, case.bits, case.state) == (
        "a",
        "b",
        Band.AUTO,
        "T1",
        9.25,
        OPEN,
    )
    assert case.decision == kept.opened[0].as_json()
    assert (case.left_inputs, case.right_inputs) == (HASHES["a"], HASHES["b"])
    assert (case.decided_by, case.decided_at, case.note) == (None, None, "")
    assert desk.store.case(case.id) == case
    assert desk.store.case(case.id + 1) is None
    assert desk.store.case_of("others", "a", "b") is None


def test_deciding_the_same_again_writes_nothing(desk: Desk, kit: Kit) -> None:
    one = about("a", "b", levels=hard(), counts={"z": 1, "y": 2})
    desk.decide(one)
    before = kit.rows("SELECT ctid::text, xmin::text, updated_at FROM party_case")
    kept = desk.decide(one)
    assert (kept.opened, kept.closed) == ((), 0)
    assert kit.rows("SELECT ctid::text, xmin::text, updated_at FROM party_case") == before


def test_a_new_decision_renews_an_open_case(desk: Desk) -> None:
    desk.decide(about("a", "b", bits=5.0))
    first = desk.case("a", "b")
    kept = desk.decide(about("a", "b", Band.AUTO, 8.0, tier="T2", hashes=("other", "hash")))
    case = desk.case("a", "b")
    assert (kept.opened, kept.closed) == ((), 0)
    assert (case.id, case.opened_at) == (first.id, first.opened_at)
    assert (case.band, case.tier, case.bits, case.left_inputs, case.right_inputs) == (
        Band.AUTO,
        "T2",
        8.0,
        "other",
        "hash",
    )
    assert case.updated_at > first.updated_at


def test_the_matchers_own_no_is_kept_only_with_a_number_in_common(desk: Desk) -> None:
    desk.decide(
        about("a", "b", Band.NO),
        about("a", "c", Band.NO, levels=hard("shared")),
        about("a", "d", Band.NO, levels=hard("different")),
    )
    assert desk.store.case_of(desk.name, "a", "b") is None
    assert desk.store.case_of(desk.name, "a", "d") is None
    assert desk.case("a", "c").state is WITHDRAWN
    assert desk.store.cases(desk.name, [OPEN]) == []
    kept = desk.decide(about("a", "c", Band.REVIEW, levels=hard("shared")))
    assert len(kept.opened) == 1
    assert desk.case("a", "c").state is OPEN


def test_an_open_case_is_withdrawn_when_the_matcher_says_no_by_now(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    kept = desk.decide(about("a", "b", Band.NO, -3.0))
    assert (kept.opened, kept.closed) == ((), 1)
    assert (desk.case("a", "b").state, desk.case("a", "b").bits) == (WITHDRAWN, -3.0)
    assert desk.decide(about("a", "b", Band.NO, -3.0)).closed == 0


@pytest.mark.parametrize("band", list(Band))
def test_a_no_is_for_good_whatever_the_records_become(desk: Desk, band: Band) -> None:
    desk.decide(about("a", "b"))
    case = answer(desk, "a", "b", "no", note="the sister company")
    assert (case.state, case.decided_by, case.note) == (NO, "Ada", "the sister company")
    assert case.decided_at is not None
    kept = desk.decide(about("a", "b", band, 12.0, hashes=("changed", "changed")))
    assert (kept.opened, kept.closed) == ((), 0)
    assert desk.case("a", "b") == case
    desk.forget("b", "c", "d"), desk.forget("b", "c", "d")
    assert desk.case("a", "b").state is NO
    desk.keep(PARTIES["a"])
    assert desk.decide(about("a", "b", band)).opened == ()
    assert desk.store.case_answers(desk.name) == {("a", "b"): NO}


def test_a_yes_holds_while_both_records_are_as_they_were(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    answer(desk, "a", "b")
    assert desk.decide(about("a", "b", Band.NO, -9.0)).closed == 0
    assert desk.case("a", "b").state is YES
    assert desk.store.case_answers(desk.name) == {("a", "b"): YES}
    kept = desk.decide(about("a", "b", hashes=(HASHES["a"], "changed")))
    assert [(one.left, one.right) for one in kept.opened] == [("a", "b")]
    case = desk.case("a", "b")
    assert (case.state, case.decided_by) == (OPEN, "Ada")
    assert desk.store.case_answers(desk.name) == {}
    # Somebody said yes once: the matcher alone does not take the question back.
    desk.decide(about("a", "b", Band.NO, -9.0))
    assert desk.case("a", "b").state is OPEN
    assert [one.answer for one in desk.store.case_history(case.id)] == ["yes"]


def test_nobody_answers_about_records_that_are_others_by_now(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    with pytest.raises(Stale, match="look at it again"):
        answer(desk, "a", "b", seen=(HASHES["a"], "older"))
    desk.keep(stored(Party("b", name="Firm b Ltd")))
    for word in ("yes", "no"):
        with pytest.raises(Stale, match="a record changed since"):
            answer(desk, "a", "b", word)
    assert desk.case("a", "b").state is OPEN
    assert desk.store.case_history(desk.case("a", "b").id) == []


def test_a_no_can_be_taken_back_and_is_asked_about_anew(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    answer(desk, "a", "b", "no")
    desk.keep(stored(Party("b", name="Firm b Ltd")))
    with pytest.raises(Stale, match="answer it with open, scan again"):
        answer(desk, "a", "b", "yes")
    desk.based()
    assert answer(desk, "a", "b", "open", by="Bo").state is OPEN
    assert desk.due() == ((), ("a", "b"))
    now = prepare(Party("b", name="Firm b Ltd")).inputs
    desk.decide(about("a", "b", hashes=(HASHES["a"], now)))
    assert answer(desk, "a", "b", "yes", by="Bo").state is YES
    assert [(one.answer, one.by) for one in desk.store.case_history(desk.case("a", "b").id)] == [
        ("no", "Ada"),
        ("open", "Bo"),
        ("yes", "Bo"),
    ]


def test_an_answer_needs_a_case_and_a_name(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    with pytest.raises(NotFound, match="no case 4711"):
        desk.store.answer_case(4711, "yes", "Ada", "", None)
    with pytest.raises(Refused, match="name of who gave it"):
        answer(desk, "a", "b", by="  ")
    assert answer(desk, "a", "b", note="bad \x00 byte").note == "bad \ufffd byte"


def test_cases_of_a_party_that_is_gone_close_and_open_again_when_it_is_back(desk: Desk) -> None:
    desk.decide(about("a", "b"), about("b", "c"), about("c", "d"), about("a", "d", Band.NO, levels=hard()))
    answer(desk, "b", "c")
    desk.forget("a", "c", "d")
    assert desk.case("a", "b").state is OPEN
    desk.forget("a", "c", "d")
    assert [desk.case(*pair).state for pair in ("ab", "bc", "cd", "ad")] == [GONE, GONE, OPEN, WITHDRAWN]
    with pytest.raises(Stale, match="is over: gone"):
        answer(desk, "a", "b")
    desk.keep(PARTIES["b"])
    kept = desk.decide(about("a", "b"), about("b", "c"))
    assert len(kept.opened) == 2
    assert desk.case("a", "b").state is OPEN


def test_a_merge_closes_its_case_as_merged_and_the_losers_others_as_gone(desk: Desk) -> None:
    desk.decide(about("a", "b"), about("b", "c"), about("b", "d"), about("c", "d"))
    answer(desk, "a", "b")
    answer(desk, "b", "d", "no")
    with desk.store.transaction() as connection:
        assert end_cases(connection, desk.name, "b", "a") == 2
    assert [desk.case(*pair).state for pair in ("ab", "bc", "bd", "cd")] == [MERGED, GONE, NO, OPEN]
    desk.forget("a", "c", "d"), desk.forget("a", "c", "d")
    assert desk.case("a", "b").state is MERGED


def test_the_list_is_ordered_by_bits_and_narrowed(desk: Desk, store: PostgresStore) -> None:
    other = Desk.on(store, "customers")
    other.decide(decided("x", "y", bits=7.0))
    desk.decide(
        about("a", "b", bits=3.0), about("a", "c", bits=8.0), about("b", "c", bits=8.0), about("c", "d", bits=6.5)
    )
    answer(desk, "c", "d")

    def listed(*arguments, **kw):
        return [f"{one.left}{one.right}" for one in store.cases(*arguments, **kw)]

    assert listed(desk.name, [OPEN]) == ["ac", "bc", "ab"]
    assert listed(None, [OPEN, YES]) == ["ac", "bc", "xy", "cd", "ab"]
    assert listed(desk.name, [OPEN], limit=2) == ["ac", "bc"]
    assert listed(desk.name, [OPEN, YES], about="c") == ["ac", "bc", "cd"]
    assert listed(desk.name, [NO]) == []


def test_case_pairs_have_the_blocks_that_are_not_capped(desk: Desk) -> None:
    desk.decide(about("a", "b"), about("c", "d"), about("b", "d", Band.NO, levels=hard()), about("a", "d"))
    answer(desk, "a", "d", "no")
    desk.key({"a": ["word=x", "tin=1", "big=1"], "b": ["tin=1", "big=1", "word=y"], "c": ["big=1"], "d": ["word=z"]})
    found = {(one.left, one.right): one.blocks for one in desk.store.case_pairs(desk.name, None, 2)}
    assert found == {("a", "b"): ("tin=1",), ("b", "d"): (), ("c", "d"): ()}
    assert [(one.left, one.right) for one in desk.store.case_pairs(desk.name, ["b"], 9)] == [("a", "b"), ("b", "d")]
    assert [one.blocks for one in desk.store.case_pairs(desk.name, ["a"], 9)] == [("big=1", "tin=1")]
    desk.forget("a", "b", "c"), desk.forget("a", "b", "c")
    assert [(one.left, one.right) for one in desk.store.case_pairs(desk.name, None, 9)] == [("a", "b")]


def test_a_pair_that_somebody_said_no_to_is_no_pair_any_more(desk: Desk) -> None:
    desk.key({key: ["word=firm"] for key in "abc"})
    desk.decide(about("a", "b"), about("a", "c"))
    answer(desk, "a", "b", "no")
    answer(desk, "a", "c", "yes")
    for keys in (None, ["a", "b", "c"]):
        assert [(one.left, one.right) for one in desk.store.pairs(desk.name, keys, 9)] == [("a", "c"), ("b", "c")]
    answer(desk, "a", "b", "open")
    assert len(list(desk.store.pairs(desk.name, ["a"], 9))) == 2


def test_two_who_answer_at_once_are_both_in_the_history_and_one_case_is_left(desk: Desk) -> None:
    desk.decide(about("a", "b"))
    case = desk.case("a", "b")
    words = ["yes", "no", "yes", "no"]
    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(desk.store.answer_case, case.id, word, f"p{n}", "", None) for n, word in enumerate(words)
        ]:
            done.result(timeout=60)
    history = desk.store.case_history(case.id)
    assert sorted(one.by for one in history) == ["p0", "p1", "p2", "p3"]
    last = desk.case("a", "b")
    assert (last.state, last.decided_by) == (history[-1].answer, history[-1].by)


@pytest.mark.parametrize(
    "wrong", ["left_key = 'b'", "left_key = 'z'", "state = 'yes'", "state = 'maybe'", "band = 'sure'"]
)
def test_the_database_refuses_cases_that_cannot_be(desk: Desk, wrong: str) -> None:
    desk.decide(about("a", "b"))
    with desk.store.engine.connect() as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql(f"UPDATE party_case SET {wrong}")
