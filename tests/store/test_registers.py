"""What is remembered of registers: answers for as long as they count, failures that change nothing, a budget a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from syncd.connectors.registers.vies import Vies
from syncd.connectors.registers.white_list import WhiteList
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party, Prepared
from syncd.engine.dedupe.registers import Asked, Registers
from syncd.ports.registers import Answer, Lifetimes, Outcome
from syncd.store.postgres import PostgresStore
from tests.support.vies import ViesServer, WhiteListServer
from tests.wire.peers import StandingClock

DAY = date(2026, 11, 20)
LIFE = Lifetimes()
VALID = Answer(
    "PL8567346215",
    Outcome.VALID,
    "ŻÓŁW SP. Z O.O.",
    "DŁUGA 1",
    ("PL61109010140000071219812874",),
    "W1",
    "VALID",
    datetime(2026, 11, 20, tzinfo=UTC),
)
LOST = Answer(VALID.number, Outcome.UNAVAILABLE, detail="MS_UNAVAILABLE")


def passes(store: PostgresStore, wait: timedelta) -> None:
    """Time goes by for everything that was stored."""
    with store.transaction() as connection:
        moved = ", ".join(f"{name} = {name} - :wait" for name in ("fetched_at", "expires_at", "due_at"))
        connection.execute(text(f"UPDATE register_answer SET {moved}"), {"wait": wait})


def kept(store: PostgresStore) -> Any:
    return store.kept_answers("vies", [VALID.number])[VALID.number]


def test_an_answer_comes_back_as_it_was_and_counts_for_its_life(store: PostgresStore) -> None:
    store.keep_answers("vies", [VALID], LIFE)
    assert kept(store).answer == VALID
    assert (kept(store).counts, kept(store).due) == (True, False)
    assert store.kept_answers("white_list", [VALID.number]) == {}
    passes(store, timedelta(days=29, hours=23))
    assert (kept(store).counts, kept(store).due) == (True, False)
    passes(store, timedelta(hours=2))
    assert (kept(store).counts, kept(store).due) == (False, True)


def test_not_valid_counts_for_three_days(store: PostgresStore) -> None:
    store.keep_answers("vies", [Answer(VALID.number, Outcome.INVALID)], LIFE)
    passes(store, timedelta(days=2, hours=23))
    assert (kept(store).counts, kept(store).due) == (True, False)
    passes(store, timedelta(hours=2))
    assert (kept(store).counts, kept(store).due) == (False, True)


def test_a_failure_never_counts_and_is_asked_again_later_and_later(store: PostgresStore) -> None:
    waits = []
    for _ in range(10):
        store.keep_answers("vies", [LOST], LIFE)
        assert (kept(store).counts, kept(store).due) == (False, False)
        (row,) = store.rows(text("SELECT due_at - now() AS wait, outcome FROM register_answer"))
        waits.append(row["wait"])
    assert timedelta(minutes=2) < waits[0] < timedelta(minutes=8)
    assert timedelta(hours=3) - timedelta(minutes=1) < waits[-1] <= timedelta(hours=9)
    assert row["outcome"] == "unavailable"


def test_a_failure_leaves_an_earlier_answer_as_it_was(store: PostgresStore) -> None:
    store.keep_answers("vies", [VALID], LIFE)
    passes(store, timedelta(days=31))
    store.keep_answers("vies", [LOST], LIFE)
    assert (kept(store).answer, kept(store).counts, kept(store).due) == (VALID, False, False)
    passes(store, timedelta(minutes=10))
    assert kept(store).due


def test_an_answer_ends_a_row_of_failures(store: PostgresStore) -> None:
    for _ in range(3):
        store.keep_answers("vies", [LOST], LIFE)
    store.keep_answers("vies", [VALID], LIFE)
    assert (kept(store).answer, kept(store).counts) == (VALID, True)
    assert store.rows(text("SELECT failures FROM register_answer"))[0]["failures"] == 0


def test_a_pause_that_the_register_asked_for_is_kept(store: PostgresStore) -> None:
    store.keep_answers("vies", [Answer(VALID.number, Outcome.UNAVAILABLE, retry_after=7200.0)], LIFE)
    passes(store, timedelta(minutes=119))
    assert not kept(store).due
    passes(store, timedelta(minutes=2))
    assert kept(store).due


def test_words_that_no_database_holds_lose_only_what_it_cannot_hold(store: PostgresStore) -> None:
    store.keep_answers("vies", [Answer(VALID.number, Outcome.VALID, name="A\0B", address="C\ud800D")], LIFE)
    assert (kept(store).answer.name, kept(store).answer.address) == ("AB", "C\ufffdD")


@pytest.mark.parametrize(("year", "hours"), [(1, 14), (9999, -14)])
def test_an_absurd_time_of_an_answer_is_none_and_the_answer_can_be_read(
    store: PostgresStore, year: int, hours: int
) -> None:
    month, day = (1, 1) if year == 1 else (12, 31)
    said = datetime(year, month, day, 12, tzinfo=timezone(timedelta(hours=hours)))
    store.keep_answers("vies", [replace(VALID, answered_at=said)], LIFE)
    assert kept(store).answer == replace(VALID, answered_at=None)


def test_the_budget_of_a_day_is_shared_and_a_new_day_has_a_new_one(store: PostgresStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        spent = list(pool.map(lambda _: store.spend_request("vies", DAY, 7), range(20)))
    assert spent.count(True) == 7
    assert store.spend_request("white_list", DAY, 1)
    assert not store.spend_request("vies", DAY, 7)
    assert store.spend_request("vies", DAY + timedelta(days=1), 7)
    assert not store.spend_request("vies", DAY, 0)
    rows = store.rows(text("SELECT register, day FROM register_budget ORDER BY register"))
    assert [tuple(row.values()) for row in rows] == [("vies", DAY + timedelta(days=1)), ("white_list", DAY)]


# --------------------------------------------------------------------- asking

NIPS = ("8567346215", "5261040828", "7740001454")
ZOLW = {"PL" + NIPS[0]: "ŻÓŁW SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ"}


def party(key: str, name: str, tin: str) -> Prepared:
    return prepare(Party(key, name=name, tin=tin, country=tin[:2]))


class Desk:
    """Registers on the real store and real HTTP; ``said`` are the events."""

    def __init__(self, store: PostgresStore, asked: list[Asked]) -> None:
        self.said: list[tuple[str, Mapping[str, Any]]] = []
        self.stop = Event()
        self.clock = StandingClock()
        self.registers = Registers(asked, store, self.clock, self._note, stop=self.stop)

    def _note(self, event: str, /, **fields: Any) -> None:
        self.said.append((event, fields))

    def names(self) -> list[str]:
        return [event for event, _ in self.said]


@contextmanager
def vies_desk(store: PostgresStore, server: ViesServer, budget: int = 100) -> Iterator[Desk]:
    desk = Desk(store, [Asked(Vies(server.url, StandingClock(), timeout=2.0), budget)])
    yield desk
    desk.registers.close()


def test_a_number_is_asked_about_once_and_answers_later_from_the_store(store: PostgresStore) -> None:
    one = party("1", "Żółw sp. z o.o.", "PL" + NIPS[0])
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        facts = desk.registers([one, party("2", "Żółw", "PL" + NIPS[0]), party("3", "Nobody", "")])
        assert len(server.got) == 1
        fact = facts["PL" + NIPS[0]]
        assert fact.confirms(one.names) is True
        assert fact.reference == "vies: valid on 2026-11-20"
        assert desk.registers([one]) == facts
        assert len(server.got) == 1
        passes(store, timedelta(days=31))
        assert desk.registers([one]) == facts
        assert len(server.got) == 2


def test_a_number_that_is_not_valid_itself_is_never_sent(store: PostgresStore) -> None:
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        assert desk.registers([party("1", "Żółw", "PL8567346216"), party("2", "Swiss", "CHE107787577")]) == {}
        assert server.got == []


def test_another_name_is_told_once_for_each_record_and_says_no(store: PostgresStore) -> None:
    stranger = party("9", "Turtle Shipping GmbH", "PL" + NIPS[0])
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        for _ in range(2):
            facts = desk.registers([stranger])
        assert facts["PL" + NIPS[0]].confirms(stranger.names) is False
        ((event, fields),) = desk.said
        assert (event, fields["key"], fields["registered"]) == ("register.other_name", "9", ZOLW["PL" + NIPS[0]])


def test_a_number_that_is_not_registered_says_nothing_against_the_record(store: PostgresStore) -> None:
    one = party("1", "Żółw", "PL" + NIPS[1])
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        facts = desk.registers([one])
        assert facts["PL" + NIPS[1]].confirms(one.names) is None
        assert desk.names() == ["register.not_valid"]


def test_a_country_in_trouble_is_left_alone_and_the_others_are_asked(store: PostgresStore) -> None:
    known = {**ZOLW, "DE136695976": "Test GmbH"}
    parties = [party(nip, "x", "PL" + nip) for nip in NIPS] + [party("de", "Test GmbH", "DE136695976")]
    with ViesServer(known, frozenset({"PL"})) as server, vies_desk(store, server) as desk:
        assert set(desk.registers(parties)) == {"DE136695976"}
        assert [got.path[:6] for got in server.got] == ["/ms/DE", "/ms/PL"], "one question, not three"
        assert desk.names() == ["register.unavailable"]
        asked = len(server.got)
        desk.registers([party(NIPS[1], "x", "PL" + NIPS[1])])
        assert len(server.got) == asked, "the number that failed waits; it was the first of the three"


def test_the_budget_ends_questions_and_not_the_scan(store: PostgresStore) -> None:
    known = {"PL" + nip: f"Firma {nip}" for nip in NIPS}
    parties = [party(nip, "x", "PL" + nip) for nip in NIPS]
    with ViesServer(known) as server, vies_desk(store, server, budget=2) as desk:
        assert len(desk.registers(parties)) == 2
        desk.registers(parties)
        assert len(server.got) == 2
        assert desk.names().count("register.budget_spent") == 1
    with ViesServer(known) as server, vies_desk(store, server, budget=2) as desk:
        desk.registers(parties)
        assert server.got == [], "another process has the same budget"
        desk.clock.pass_by(86_400)
        assert len(desk.registers(parties)) == 3, "and one that lives on asks again on the next day"


def test_a_country_that_somebody_else_asks_now_is_not_asked(store: PostgresStore) -> None:
    lease = store.acquire("register:vies:PL", "another daemon", timedelta(minutes=1))
    assert lease is not None
    one = party("1", "Żółw", "PL" + NIPS[0])
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        assert desk.registers([one]) == {}
        assert server.got == []
        store.release(lease)
        assert set(desk.registers([one])) == {"PL" + NIPS[0]}


def test_two_daemons_ask_about_one_number_once(store: PostgresStore) -> None:
    one = party("1", "Żółw", "PL" + NIPS[0])
    with ViesServer(ZOLW) as server, vies_desk(store, server) as left, vies_desk(store, server) as right:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda desk: desk.registers([one]), (left, right)))
        assert len(server.got) == 1


def test_every_request_has_a_lease_of_its_own_so_that_many_outlast_none(store: PostgresStore) -> None:
    parties = [party(nip, "x", "PL" + nip) for nip in NIPS]
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        desk.registers(parties)
        (row,) = store.rows(text("SELECT fence FROM lease WHERE name = 'register:vies:PL'"))
        assert (row["fence"], len(server.got)) == (3, 3)


def test_a_stopped_scan_asks_nothing_more(store: PostgresStore) -> None:
    with ViesServer(ZOLW) as server, vies_desk(store, server) as desk:
        desk.stop.set()
        assert desk.registers([party("1", "Żółw", "PL" + NIPS[0])]) == {}
        assert server.got == []


def test_a_register_that_is_not_there_is_as_if_there_were_none(store: PostgresStore) -> None:
    with ViesServer() as gone:
        url = gone.url
    desk = Desk(store, [Asked(Vies(url, StandingClock(), timeout=0.2), 100)])
    assert desk.registers([party("1", "Żółw", "PL" + NIPS[0])]) == {}
    assert desk.names() == ["register.unavailable"]
    desk.registers.close()


def test_the_white_list_asks_thirty_at_once_and_both_registers_speak(store: PostgresStore) -> None:
    from stdnum.pl import nip as checked

    numbers = [text for text in map(str, range(5_260_000_000, 5_260_000_500)) if checked.is_valid(text)][:31]
    listed = {number: {"name": f"FIRMA {number} S.A."} for number in numbers}
    parties = [party(number, f"Firma {number} SA", "PL" + number) for number in numbers]
    with WhiteListServer(listed) as white, ViesServer({"PL" + numbers[0]: "---"}) as vies:
        desk = Desk(
            store,
            [Asked(WhiteList(white.url, StandingClock(), timeout=2.0), 10), Asked(Vies(vies.url, StandingClock()), 1)],
        )
        facts = desk.registers(parties)
        assert [got.path.count(",") for got in white.got] == [29, 0]
        assert len(vies.got) == 1
        desk.registers.close()
    assert len(facts) == 31
    first = facts["PL" + min(numbers)]
    assert [entry.register for entry in first.entries] == ["white_list", "vies"]
    assert first.confirms(parties[0].names) is True


@pytest.mark.parametrize("outcome", ["", "maybe"])
def test_the_database_refuses_other_outcomes(store: PostgresStore, outcome: str) -> None:
    with pytest.raises(IntegrityError), store.transaction() as connection:
        connection.execute(
            text("INSERT INTO register_answer (register, number, outcome) VALUES ('vies', 'x', :outcome)"),
            {"outcome": outcome},
        )
