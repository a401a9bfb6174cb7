"""What may happen to several daemons on one store, one function a scene. Each says what it counted, or fails.

A scene never reads a daemon's memory: it acts on processes, wires and peers, and judges by both peers and the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.daemons.crew import LIMITS, at_work, crew, eventually, holder, prepare
from tests.daemons.office import Office, fences, lawless
from tests.daemons.wire import Wire
from tests.engine.world import World

Counts = dict[str, int]


def several_at_once(world: World, *, daemons: int, acts: int, seed: int) -> Counts:
    """People work at both ends while several daemons run; now and then one is killed and another one started."""
    prepare(world)
    office = Office(world, seed)
    names = [f"d{number}" for number in range(daemons)]
    with crew(world, *names) as running:
        for part in range(4):
            office.work(acts // 4)
            assert office.doubles() == []
            if part == 1:
                at_work(world, running).kill()
                with crew(world, "late"):
                    office.work(acts // 4)
        quiet(world, office)
    highest, owners = fences(world)
    assert owners >= 2, "one daemon did everything: this shows nothing"
    return {"daemons": daemons + 1, "firms": office.people, **office.done, "fence": highest, "owners": owners}


def frozen_while_sending(world: World, *, answer: str) -> Counts:
    """The POST is out, the daemon stands still past its lease; another one takes over and looks before it sends.

    ``answer``: ``held`` (carried out later than sent, within the grace), ``slow`` (carried out, the answer dribbles).
    """
    prepare(world, LIMITS.replace("listing_grace: 1s", "listing_grace: 6s"))
    office = Office(world, 1)
    with crew(world, "one", "two") as running:
        if answer == "held":
            rule = world.flowtly.faults.add("latency", method="POST", path="/clients", times=1, seconds=4.0)
        else:
            rule = world.flowtly.faults.add("slow", method="POST", path="/clients", times=1, seconds=0.5, size=64)
        office.customer()
        eventually(lambda: rule.acted)
        first = at_work(world, running)
        with frozen(first):
            taken_over(world, first.pid)
            eventually(lambda: len(world.links()) == 1)
        quiet(world, office)
        assert all(one.alive for one in running)
    return {"takeovers": fences(world)[1] - 1, "clients made": len(world.clients())}


def frozen_before_sending(world: World) -> Counts:
    """The intent is committed, the request is not out: its token was refused and the login hangs. Then it stands still.

    Another daemon takes over, finds nothing at the peer and makes the record. The first goes on with a create in hand.
    """
    prepare(world)
    office = Office(world, 2)
    with crew(world, "one", "two") as running:
        first, login = caught_between_intent_and_send(world, running, office.customer)
        with frozen(first):
            taken_over(world, first.pid)
            eventually(lambda: len(world.links()) == 1)
            assert len(world.clients()) == 1
            eventually(lambda: time.monotonic() > login)
        said = eventually(lambda: first.events("run.failed"))
        assert "LeaseLost" in said[-1]["detail"]
        quiet(world, office, intents=False)  # the request that was refused for its token counts as a second one
    return {"takeovers": fences(world)[1] - 1, "clients made": len(world.clients())}


def frozen_before_an_edit(world: World) -> Counts:
    """The same with a change: by the time the first daemon goes on, what it wanted to write is older than the truth."""
    prepare(world)
    office = Office(world, 3)
    office.customer()
    world.settled()
    (iri,) = world.clients()
    with crew(world, "one", "two") as running:

        def edit(city: str) -> None:
            world.erp("UPDATE customers SET city = %s", city)

        first, login = caught_between_intent_and_send(world, running, lambda: edit("Vejle"))
        with frozen(first):
            taken_over(world, first.pid)
            eventually(lambda: world.clients()[iri]["addressCity"] == "Vejle")
            edit("Skive")
            eventually(lambda: world.clients()[iri]["addressCity"] == "Skive")
            patches = asked(world, "PATCH")
            eventually(lambda: time.monotonic() > login)
        eventually(lambda: first.events("run.failed"))
        eventually(lambda: not world.diverged())
        assert asked(world, "PATCH") == patches, "a change was sent outside of the lease"
        assert [row["city"] for row in world.customers().values()] == ["Skive"]
    return {"takeovers": fences(world)[1] - 1, "stale changes sent": 0}


def frozen_within_a_transaction(world: World) -> Counts:
    """It stands still while its intent is stored, so its session keeps the lease's row locked until the server ends it."""
    prepare(world)
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"], autocommit=True) as owner:
        name = psycopg.sql.Identifier(owner.info.dbname)
        owner.execute(psycopg.sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '3s'").format(name))
    office = Office(world, 4)
    with crew(world, "one", "two") as running:
        with stuck_at_its_intent(world):
            office.customer()
            first = waiting_for_a_lock(world, running)
            first.freeze()
        try:
            taken_over(world, first.pid)
            eventually(lambda: len(world.links()) == 1)
        finally:
            first.thaw()
        quiet(world, office)
        assert first.alive
    return {"takeovers": fences(world)[1] - 1, "clients made": len(world.clients())}


def cut_off_from_the_store(world: World, *, how: str, acts: int, seed: int) -> Counts:
    """One daemon cannot reach PostgreSQL, in the middle of its work; the other goes on; then the wire is mended.

    ``how``: ``cut`` (connections end) or ``silent`` (nothing arrives and nobody is told).
    """
    prepare(world)
    office = Office(world, seed)
    with Wire(world.env["SYNCD_DATABASE_URL"]) as wire, crew(world, "far", far={"SYNCD_DATABASE_URL": wire.url}) as one:
        (far,) = one
        office.work(acts)
        eventually(lambda: holder(world, one) is far)
        wire.cut() if how == "cut" else wire.fall_silent()
        office.work(acts)
        with crew(world, "near") as other:
            eventually(lambda: holder(world, other))
            eventually(lambda: not office.wrong())
            wire.mend()
            office.work(acts)
            eventually(lambda: not office.wrong())
            other[0].kill()
        office.work(acts)
        eventually(lambda: holder(world, one) is far)
        quiet(world, office)
        assert far.alive
    return {"firms": office.people, **office.done, "fence": fences(world)[0]}


# ---------------------------------------------------------------------- what scenes are made of


def quiet(world: World, office: Office, *, intents: bool = True) -> None:
    """People rest, and in the end everything is as it must be. Fails with what is not."""
    try:
        eventually(lambda: not office.wrong())
    except AssertionError:
        raise AssertionError("\n".join(office.wrong())) from None
    broken = [line for line in lawless(world) if intents or "intents" not in line]
    assert broken == []


@contextmanager
def frozen(daemon: Any) -> Iterator[None]:
    """It stands still inside the block."""
    daemon.freeze()
    try:
        yield
    finally:
        daemon.thaw()


def taken_over(world: World, pid: int) -> None:
    """Wait until another process has the lease."""
    eventually(
        lambda: world.erp_store(
            f"SELECT FROM lease WHERE name = 'clients' AND split_part(owner, ':', 2) <> '{pid}'"
            " AND expires_at > clock_timestamp()"
        )
    )


def asked(world: World, method: str) -> int:
    """How many requests of a method Flowtly got."""
    return sum(count for route, count in world.flowtly.requests.items() if route.startswith(method))


@contextmanager
def stuck_at_its_intent(world: World) -> Iterator[None]:
    """Nobody can store an intent inside the block: somebody else has the table locked."""
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"]) as keeper:
        keeper.execute("LOCK TABLE operation IN SHARE MODE")
        yield


def waiting_for_a_lock(world: World, running: list[Any]) -> Any:
    """The daemon that waits to store an intent."""
    eventually(
        lambda: world.erp_store(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE 'INSERT INTO operation%'"
        )
    )
    return at_work(world, running)


def caught_between_intent_and_send(world: World, running: list[Any], act: Callable[[], Any]) -> tuple[Any, float]:
    """A daemon whose intent is stored and whose write waits for a login that hangs, and when that will be over.

    Every token ends while the intent is being stored, so the write is answered 401 and the login comes after it.
    """
    with stuck_at_its_intent(world):
        act()
        first = waiting_for_a_lock(world, running)
        world.flowtly.auth._key = b"another key" * 3
        hangs = 3.0
        rule = world.flowtly.faults.add("latency", method="POST", path="/login", times=1, seconds=hangs)
    eventually(lambda: rule.acted)
    return first, time.monotonic() + hangs
