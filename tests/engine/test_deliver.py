"""Telling real receivers: signatures, lost answers, receivers that are down, order, giving up, rows of a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

import psycopg
import pytest

from syncd.connectors.sql.connector import SqlConnector
from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.webhook import WebhookTarget, body_of
from syncd.core.events import About, NewEvent
from syncd.core.signing import verify
from syncd.engine.deliver import Deliverer
from syncd.engine.event_table import TableTarget
from syncd.errors import Later, Refused, StoreUnavailable, SyncdError, UnknownOutcome
from syncd.ports import DeliveryState, LastSeen, OutboxEvent, RetryRule, Target
from syncd.store.postgres import PostgresStore
from syncd.wiring import SystemClock
from tests.engine.world import plain
from tests.wire.scripted import Answering, Drip, Drop, Got, Hang, Reply, ScriptedServer

SECRET = "hook-secret-0815"
RULE = RetryRule(timedelta(seconds=10), timedelta(hours=1), attempts=3, give_up=timedelta(days=3))
OK = Reply(204, kind="")


class Died(BaseException):
    """The process is no more."""


class Receiver:
    """A receiver that answers as told and keeps what it got, refusing what is not signed."""

    def __init__(self) -> None:
        self.answer: Callable[[Got], Answering] = lambda _: OK
        self.ids: list[str] = []
        self.server = ScriptedServer(self._script)

    def _script(self, got: Got) -> Answering:
        assert got.method == "POST"
        if not verify(SECRET, got.headers, got.body, datetime.now(UTC).timestamp(), 60):
            return Reply(401)
        self.ids.append(got.json["id"])
        assert got.headers["webhook-id"] == got.json["id"]
        return self.answer(got)

    def records(self) -> list[str]:
        """The records it was told of, in order."""
        return [f"{got.json['data']['record']['key']}:{got.json['data']['after']['n']}" for got in self.server.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with made.server:
        yield made


class Outbox:
    """A store with events for one target, and whoever delivers them."""

    def __init__(self, store: PostgresStore, target: Target) -> None:
        self.store = store
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.deliverer = Deliverer("hook", target, store, SystemClock(), self.note, RULE, longest=timedelta(seconds=10))
        self._count = 0

    def note(self, event: str, /, **fields: Any) -> None:
        self.said.append((event, fields))

    def put(self, *keys: str) -> None:
        """An event for each of these records; their numbers go on."""
        lease = self.store.acquire("watch:w", "me", timedelta(minutes=5))
        assert lease is not None
        events = []
        for key in keys:
            self._count += 1
            events.append(
                NewEvent("x.changed", ("hook",), About("watch:w", key, {"key": key}), None, {"n": self._count})
            )
        with self.store.begin_watch("w", "f", lease) as passing:
            passing.keep([LastSeen("r", b"r", {})], events)

    def deliver(self) -> dict[str, int]:
        return dict(self.deliverer.deliver(Event()).counts)

    def later(self) -> None:
        """Hours go by: everything is due."""
        with self.store.transaction() as connection:
            connection.exec_driver_sql("UPDATE delivery SET due_at = now()")

    def states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.store.deliveries(None, 1000):
            found[str(one.state)] = found.get(str(one.state), 0) + 1
        return found


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[WebhookTarget]:
    url = f"{receiver.server.url}/in?token=url-secret-1234"
    made = WebhookTarget("hook", url, SECRET, timedelta(seconds=1), SystemClock())
    yield made
    made.close()


@pytest.fixture
def outbox(store: PostgresStore, hook: WebhookTarget) -> Outbox:
    return Outbox(store, hook)


EVENT = OutboxEvent(
    UUID("6a8f0c1e-5c0a-4b8e-9f0e-0c6f4d2b7a11"),
    1,
    datetime(2031, 5, 1, 12, 0, tzinfo=UTC),
    "budget.over",
    "watch:budgets",
    "/api/budgets/1",
    {"resource": "budgets", "key": "/api/budgets/1"},
    {"total": Decimal("79.90"), "name": "Ø"},
    {"total": Decimal("80.10"), "name": None},
    ("name", "total"),
    Decimal(80),
)


def test_what_a_receiver_gets(receiver: Receiver, hook: WebhookTarget) -> None:
    hook.deliver(EVENT)
    (got,) = receiver.server.got
    assert got.headers["content-type"] == "application/json"
    assert got.json == {
        "id": str(EVENT.id),
        "type": "budget.over",
        "timestamp": "2031-05-01T12:00:00+00:00",
        "data": {
            "source": "watch:budgets",
            "record": {"resource": "budgets", "key": "/api/budgets/1"},
            "changed": ["name", "total"],
            "before": {"total": "79.90", "name": "Ø"},
            "after": {"total": "80.10", "name": None},
            "level": "80",
        },
    }
    assert body_of(EVENT) == body_of(EVENT) == got.body


def test_everything_is_told_once_and_in_order_per_record(outbox: Outbox, receiver: Receiver) -> None:
    outbox.put("a", "b", "a", "c", "a", "b")
    assert outbox.deliver() == {"delivered": 6}
    told = receiver.records()
    for key, numbers in (("a", "135"), ("b", "26"), ("c", "4")):
        assert [one for one in told if one.startswith(key)] == [f"{key}:{number}" for number in numbers]
    assert outbox.deliver() == {}
    assert len(receiver.ids) == 6


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(500, {"detail": "oops"}), Later),
        (Reply(503), Later),
        (Reply(408), Later),
        (Reply(400, {"detail": "no"}), Refused),
        (Reply(410), Refused),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), Refused),
        (Reply(308, headers={"Location": "/elsewhere"}), Refused),
        (Drop(), UnknownOutcome),
        (Drop(b"HTTP/1.1 2"), UnknownOutcome),
        (Drop(b"garbage\r\n\r\n"), UnknownOutcome),
        (Hang(), UnknownOutcome),
        (Drip(b"HTTP/1.1 200 OK\r\n" + b"x-slow: " + b"y" * 5000), UnknownOutcome),
    ],
)
def test_what_counts_as_not_told(
    receiver: Receiver, hook: WebhookTarget, answer: Answering, error: type[SyncdError]
) -> None:
    receiver.answer = lambda _: answer
    with pytest.raises(error) as caught:
        hook.deliver(EVENT)
    assert type(caught.value) is error
    assert len(receiver.server.got) == 1
    for secret in (SECRET, "url-secret-1234", "/in"):
        assert secret not in f"{caught.value!r} {hook!r}"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"x" * 5_000_000),
        Reply(200, b"not json at all"),
        Reply(202, b"\x1f\x8b broken", headers={"Content-Encoding": "gzip"}),
        Drop(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"),
        Reply(299),
    ],
)
def test_any_2xx_is_told_whatever_else_it_says(receiver: Receiver, hook: WebhookTarget, answer: Answering) -> None:
    receiver.answer = lambda _: answer
    hook.deliver(EVENT)
    hook.deliver(EVENT)
    assert len(receiver.ids) == 2


def test_a_wait_that_the_receiver_asks_for_is_kept(outbox: Outbox, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(429, headers={"Retry-After": "1800"})
    outbox.put("a")
    outbox.deliver()
    (one,) = outbox.store.deliveries(None, 1)
    assert one.due_at is not None
    assert one.due_at - datetime.now(UTC) > timedelta(minutes=25)


def test_a_lost_answer_means_the_same_event_again(outbox: Outbox, receiver: Receiver) -> None:
    receiver.answer = lambda _: Drop() if len(receiver.ids) < 3 else OK
    outbox.put("a")
    for _ in range(2):
        assert outbox.deliver() == {"failed": 1}
        outbox.later()
    assert outbox.deliver() == {"delivered": 1}
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1
    assert len({got.body for got in receiver.server.got}) == 1


def test_a_failing_record_waits_and_others_go_on(outbox: Outbox, receiver: Receiver) -> None:
    receiver.answer = lambda got: Reply(500) if got.json["data"]["record"]["key"] == "a" else OK
    outbox.put("a", "b", "a", "c")
    assert outbox.deliver() == {"failed": 1, "delivered": 2}
    receiver.answer = lambda _: OK
    outbox.later()
    assert outbox.deliver() == {"delivered": 2}
    assert receiver.records() == ["a:1", "b:2", "c:4", "a:1", "a:3"]


def test_a_receiver_that_is_down_is_left_alone_and_told_all_when_it_is_back(outbox: Outbox, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(502)
    outbox.put(*"abcdefgh")
    assert outbox.deliver() == {"failed": 3}
    assert [one.attempts for one in outbox.store.deliveries(None, 10)] == [0] * 5 + [1] * 3
    assert outbox.deliver() == {"failed": 3}
    receiver.answer = lambda _: OK
    outbox.later()
    assert outbox.deliver() == {"delivered": 8}
    names = [event for event, _ in outbox.said]
    assert names == ["delivery.failed", "delivery.recovered"]
    assert len(set(receiver.ids)) == 8


def test_nobody_there(store: PostgresStore) -> None:
    target = WebhookTarget("hook", "http://127.0.0.1:9/in", SECRET, timedelta(seconds=1), SystemClock())
    outbox = Outbox(store, target)
    outbox.put("a")
    assert outbox.deliver() == {"failed": 1}
    (one,) = store.deliveries(None, 1)
    assert one.detail.startswith("Later: hook: cannot connect: ConnectError")


def test_it_is_given_up_kept_and_tried_again_on_request(outbox: Outbox, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(400)
    outbox.put("a", "a")
    for _ in range(3):
        outbox.deliver()
        outbox.later()
    (dead,) = [fields for event, fields in outbox.said if event == "delivery.dead"]
    assert dead["detail"] == "Refused: hook answered 400"
    receiver.answer = lambda _: OK
    assert outbox.deliver() == {"delivered": 1}
    assert outbox.states() == {"dead": 1, "delivered": 1}
    assert outbox.store.retry_deliveries(None, None) == 1
    assert outbox.deliver() == {"delivered": 1}
    assert receiver.records()[-2:] == ["a:2", "a:1"]


def test_a_stop_gives_back_what_was_not_tried(outbox: Outbox, receiver: Receiver) -> None:
    stop = Event()

    def answer(_: Got) -> Answering:
        stop.set()
        return OK

    receiver.answer = answer
    outbox.put("a", "b", "c")
    assert dict(outbox.deliverer.deliver(stop).counts) == {"delivered": 1}
    assert outbox.deliver() == {"delivered": 2}


class Mortal:
    """A store or a target that dies right before or right after its n-th step."""

    def __init__(self, real: Any, life: list[int], *, after: bool) -> None:
        self._real, self._life, self._after = real, life, after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)

        def step(*arguments: Any, **named: Any) -> Any:
            if not self._after:
                self._count()
            answer = call(*arguments, **named)
            if self._after:
                self._count()
            return answer

        return step

    def _count(self) -> None:
        self._life[0] -= 1
        if self._life[0] < 0:
            raise Died


@pytest.mark.parametrize("after", [False, True])
def test_dying_at_any_step_loses_nothing_and_doubles_only_under_the_same_id(
    outbox: Outbox, receiver: Receiver, hook: WebhookTarget, after: bool
) -> None:
    steps, died = 0, True
    while died:
        outbox.put("a", "b", "a")
        before, life, died = len(receiver.ids), [steps], False
        deliverer = Deliverer(
            "hook",
            Mortal(hook, life, after=after),
            Mortal(outbox.store, life, after=after),
            SystemClock(),
            outbox.note,
            RULE,
            timedelta(seconds=10),
        )
        try:
            deliverer.deliver(Event())
        except Died:
            died = True
        outbox.later()
        outbox.deliver()
        ids = receiver.ids[before:]
        assert len(set(ids)) == 3, f"died at step {steps}"
        assert len(ids) <= 4
        told = [one[0] for one in dict.fromkeys(receiver.records()[before:])]
        assert sorted(told) == ["a", "a", "b"]
        steps += 1
    assert steps > 7
    assert outbox.states() == {"delivered": 3 * steps}


def test_a_store_that_goes_away_ends_the_turn_and_tells_again(
    outbox: Outbox, receiver: Receiver, hook: WebhookTarget
) -> None:
    class Away(Mortal):
        def delivered(self, *_: Any) -> None:
            raise StoreUnavailable("away")

    outbox.put("a")
    away = Away(outbox.store, [99], after=False)
    deliverer = Deliverer("hook", hook, away, SystemClock(), outbox.note, RULE, timedelta(seconds=10))  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        deliverer.deliver(Event())
    assert outbox.deliver() == {}
    outbox.later()
    assert outbox.deliver() == {"delivered": 1}
    assert receiver.ids[0] == receiver.ids[1]


# ---------------------------------------------------------------------- a table


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        (tmp_path / "events.db").touch()
        return f"sqlite:///{tmp_path / 'events.db'}"
    return plain(request.getfixturevalue("pg_url"))


@pytest.fixture
def connector(database: str) -> Iterator[SqlConnector]:
    settings = SqlSettings.model_validate({"url": database})
    made = SqlConnector.from_settings("bi", settings, SystemClock())
    yield made
    made.close()


def rows(connector: SqlConnector) -> list[dict[str, Any]]:
    from syncd.engine.event_table import KEY, TYPES
    from syncd.ports import Query

    pages = connector.pages(Query("syncd_events", fields=tuple(TYPES), key=KEY), None)
    return [dict(record.raw) for page in pages for record in page.records]


def test_an_event_is_one_row_however_often_it_is_told(connector: SqlConnector) -> None:
    target = TableTarget(connector, "syncd_events", create=True)
    for _ in range(3):
        target.deliver(EVENT)
    (row,) = rows(connector)
    assert (row["id"], row["event"], row["source"], row["record"]) == (
        str(EVENT.id),
        "budget.over",
        "watch:budgets",
        "/api/budgets/1",
    )
    assert row["level"] == Decimal(80)
    assert row["occurred_at"] == EVENT.at
    data = json.loads(row["data"])
    assert data["after"] == {"total": "80.10", "name": None}
    assert data["changed"] == ["name", "total"]


def test_without_the_table_it_is_a_failure_that_says_so(connector: SqlConnector) -> None:
    with pytest.raises(Refused, match="syncd_events"):
        TableTarget(connector, "syncd_events", create=False).deliver(EVENT)


def test_a_commit_whose_answer_was_lost_is_found_again(connector: SqlConnector) -> None:
    class Lossy:
        lost = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(connector, name)

        def create(self, query: Any, fields: Any) -> Any:
            connector.create(query, fields)
            self.lost += 1
            raise UnknownOutcome("the connection was lost during COMMIT")

    TableTarget(connector, "syncd_events", create=True).deliver(EVENT)
    with connector._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM syncd_events")
    lossy = Lossy()
    TableTarget(lossy, "syncd_events", create=False).deliver(EVENT)
    assert (lossy.lost, len(rows(connector))) == (1, 1)


def test_the_outbox_fills_a_table(connector: SqlConnector, store: PostgresStore) -> None:
    outbox = Outbox(store, TableTarget(connector, "syncd_events", create=True))
    outbox.put(*"abcabc")
    assert outbox.deliver() == {"delivered": 6}
    assert len(rows(connector)) == 6
    assert outbox.store.deliveries(DeliveryState.PENDING, 10) == []


def test_a_table_of_another_shape_is_left_as_it_is(store: PostgresStore, pg_url: str) -> None:
    with psycopg.connect(plain(pg_url), autocommit=True) as connection:
        connection.execute("CREATE TABLE syncd_events (id integer PRIMARY KEY, note text)")
    made = SqlConnector.from_settings("bi", SqlSettings.model_validate({"url": plain(pg_url)}), SystemClock())
    try:
        with pytest.raises(Refused, match="id"):
            TableTarget(made, "syncd_events", create=True).deliver(EVENT)
    finally:
        made.close()
    with psycopg.connect(plain(pg_url)) as connection:
        assert connection.execute("SELECT count(*) FROM syncd_events").fetchone() == (0,)
