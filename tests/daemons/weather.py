"""Trouble from outside, one function a scene: the store's server, its disk, its connections, peers that do not behave.

Each scene ends in quiet and asks whether everything is as it must be. None asks how long anything took.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from syncd.store import migrate
from syncd.store.embedded import EmbeddedPostgres
from tests.daemons.crew import crew, eventually, prepare
from tests.daemons.office import Office, lawless
from tests.daemons.scenes import Counts, quiet
from tests.daemons.watchman import MovedClock, Watchman, rows, size
from tests.daemons.wire import Wire
from tests.engine.world import MAPPING, SETTINGS, World, built, plain

# No waiting between attempts: what is tested is the next turn, not the next attempt. The grace is longer than the time
# for which a request may be held, as it has to be.
SHORT = (
    SETTINGS.replace("timeout: 5s", "timeout: 600ms")
    .replace("deadline: 10s", "deadline: 1s")
    .replace("retries: 1", "retries: 0")
    .replace("listing_grace: 0s", "listing_grace: 3s")
)


def server_goes_away(folder: Path, erp_url: str, *, how: str, times: int) -> Counts:
    """The store's server is ``killed`` (SIGKILL, it recovers) or ``restarted`` in the middle of the daemons' work."""
    with own_server(durable=True) as (server, store_url), built(folder, erp_url, store_url) as world:
        prepare(world)
        office = Office(world, 5)
        with crew(world, "one", "two") as running:
            for _ in range(times):
                office.work(6)
                before = server.pid
                if how == "killed":
                    assert before is not None
                    os.kill(before, signal.SIGKILL)
                else:
                    server.stop()
                    server.start()
                office.work(6)
                eventually(lambda before=before: server.pid not in (None, before))
                eventually(lambda: not office.wrong())
            quiet(world, office)
            assert all(one.alive for one in running)
            noticed = sum(len(one.events("run.failed", "run.not_recorded", "drift.failed")) for one in running)
        assert noticed, "no daemon was in the middle of anything: this shows nothing"
        return {"times": times, "firms": office.people, "outages told": noticed}


def disk_full(folder: Path, erp_url: str) -> Counts | None:
    """No room is left where the store is; then there is some again. None where this machine lets nobody mount."""
    with small_disk(megabytes=160) as disk:
        if disk is None:
            return None
        with own_server(disk, durable=True) as (_, store_url), built(folder, erp_url, store_url) as world:
            prepare(world)
            office = Office(world, 6)
            with crew(world, "one") as (daemon,):
                office.work(6)
                eventually(lambda: not office.wrong())
                fill(disk / "ballast")
                eventually(lambda: told_of_full_disk(office, daemon))
                (disk / "ballast").unlink()
                office.work(6)
                quiet(world, office)
                assert daemon.alive
                told = len(daemon.events("run.failed"))
            return {"firms": office.people, "failures told": told}


def no_connection_left(world: World) -> Counts:
    """Somebody else holds every connection that the daemon's user may have; then gives them back."""
    prepare(world)
    office = Office(world, 7)
    few = 8
    user, way = _user_with_few_connections(world, few)
    try:
        with crew(world, "one", one={"SYNCD_DATABASE_URL": way}) as (daemon,):
            office.work(6)
            eventually(lambda: not office.wrong())
            with ExitStack() as held:
                eventually(lambda: _take_all(held, world, user, way))
                office.work(6)
                eventually(
                    lambda: [one for one in daemon.events("run.failed") if "too many connections" in one["detail"]]
                )
                assert daemon.alive
            quiet(world, office)
            return {"firms": office.people, "failures told": len(daemon.events("run.failed"))}
    finally:
        _forget(world, user)


def ill_mannered(world: World, *, rounds: int, seed: int) -> dict[str, Counts]:
    """Flowtly hangs, dribbles or resets, on each kind of request; by kind: how often, and what a turn cost at most."""
    world.configure(MAPPING, SHORT)
    world.run(person=True)
    office, found = Office(world, seed), {}
    office.work(10)
    for kind, params in (
        ("latency", {"seconds": 2.0}),
        ("slow", {"seconds": 0.05, "size": 1}),
        ("reset", {}),
        ("reset_after", {}),
        ("truncated", {}),
    ):
        man, acted = Watchman(world), 0
        for method in ("GET", "POST", "PATCH"):
            for _ in range(rounds):
                office.customer()
                office.edit_customer()
                rule = world.flowtly.faults.add(kind, method=method, path="/clients", times=2, **params)
                man.turn()
                man.turn()
                acted += rule.acted
                world.flowtly.faults.clear()
                assert office.doubles() == []
        calm(world, office, man)
        found[kind] = {"acted": acted, "turns": man.turns, "most requests a turn": man.most_asked}
    assert lawless(world) == []
    return found


def errors_in_a_row(world: World, *, errors: int, writes_only: bool, people: int) -> Counts:
    """Nothing but errors, on every request or on writes only, turn after turn; then Flowtly is well again.

    A turn that can read nothing meets one error; one that can write nothing meets one for each record.
    """
    # Half of all records change at once: the guard would refuse that, and nothing would be sent to meet an error.
    wide = "limits: {failures_in_a_row: 1000, max_share: 1, "
    world.configure(MAPPING, SHORT.replace("limits: {", wide))
    world.run(person=True)
    office = Office(world, 8)
    for _ in range(people):
        office.customer()
    world.settled()
    for _ in range(people):
        office.edit_customer()
        office.customer()
    man = Watchman(world)
    path = "/clients" if writes_only else "/"
    methods = ("POST", "PATCH") if writes_only else ("*",)
    rules = [world.flowtly.faults.add("status", method=one, path=path, status=500) for one in methods]
    while (had := sum(rule.acted for rule in rules)) < errors:
        assert man.turns <= errors, "turn after turn without an error: nothing is sent"
        world.later()  # what failed is set aside until later
        man.turn()
    world.flowtly.faults.clear()
    most = {"most requests a turn": man.most_asked, "most lines a turn": man.most_said}
    counts = {"errors": had, "turns": man.turns, "records": people * 2, **most}
    assert max(most.values()) <= people * 16 + 60, counts
    assert man.said["run.failed"] <= 3, f"the same failure was told again and again: {man.said}"
    calm(world, office, man)
    return counts


def long_day(folder: Path, erp_url: str, store_url: str, *, minutes: int, seed: int) -> dict[str, Any]:
    """24 hours by a moved clock, one turn each ``minutes``, with people, faults at Flowtly and wires that are cut."""
    clock, chance = MovedClock(), random.Random(seed)
    with (
        Wire(erp_url) as to_erp,
        Wire(store_url) as to_store,
        built(folder, erp_url, store_url, now=clock.seconds) as world,
    ):
        world.env |= {"ERP_DATABASE_URL": plain(to_erp.url), "SYNCD_DATABASE_URL": plain(to_store.url)}
        world.configure(MAPPING, SHORT)
        assert world.app is not None
        world.app.clock = clock  # type: ignore[assignment]
        world.run(person=True)
        world.env["SYNCD_DATABASE_URL"] = plain(store_url)
        office, man = Office(world, seed), Watchman(world)
        turns = 24 * 60 // minutes
        office.work(40)
        faults, cuts, warm = 0, 0, None
        for number in range(turns):
            clock.sleep(minutes * 60)
            _people(office, chance)
            faults += _fault(world, chance)
            cuts += _cut(chance, to_erp, to_store)
            man.turn()
            if number % 20 == 0:
                assert office.doubles() == []
            if number == turns // 3:
                warm = size()
        for wire in (to_erp, to_store):
            wire.mend()
        world.flowtly.faults.clear()
        calm(world, office, man, clock)
        assert lawless(world) == []
        end = size()
        assert warm is not None
        return {
            "turns": man.turns,
            "faults": faults,
            "cuts": cuts,
            "people": dict(office.done),
            "firms": office.people,
            "outcomes": dict(man.outcomes),
            "warm": warm,
            "end": end,
            "rows": rows(world),
        }


def swollen(day: dict[str, Any]) -> list[str]:
    """What grew in a long day that should not have."""
    warm, end, stored = day["warm"], day["end"], day["rows"]
    found = []
    if end.megabytes > warm.megabytes + 12:
        found.append(f"memory grew from {warm.megabytes} to {end.megabytes} MB")
    if end.files > warm.files + 4:
        found.append(f"open files grew from {warm.files} to {end.files}")
    if end.threads > warm.threads + 3:
        found.append(f"threads grew from {warm.threads} to {end.threads}")
    if stored["observation"] or stored["link"] != day["firms"] or stored["cursor"] > 2 or stored["lease"] > 1:
        found.append(f"the store holds more than it needs: {stored}")
    return found


# ---------------------------------------------------------------------- what scenes are made of


def calm(world: World, office: Office, man: Watchman, clock: MovedClock | None = None) -> None:
    """Turns until everything is as it must be. What is in doubt waits for the grace, which no clock of ours shortens."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        world.later()
        if clock is not None:
            clock.sleep(1800)
        man.turn()
        if not office.wrong():
            return
        time.sleep(0.1)
    raise AssertionError("\n".join(office.wrong()))


def _people(office: Office, chance: random.Random) -> None:
    if chance.random() < 0.06:
        chance.choice([office.customer, office.client])()
    for _ in range(chance.choice([0, 0, 0, 1, 1, 3])):
        chance.choice([office.edit_customer, office.edit_client])()


_FAULTS = (
    ("status", {"status": 500}),
    ("status", {"status": 429}),
    ("status", {"status": 502}),
    ("status_after", {"status": 504}),
    ("reset", {}),
    ("reset_after", {}),
    ("truncated", {}),
    ("html", {}),
    ("wrong_types", {}),
    ("empty_list", {}),
    ("latency", {"seconds": 0.8}),
)


def _fault(world: World, chance: random.Random) -> int:
    world.flowtly.faults.clear()
    if chance.random() > 0.25:
        return 0
    kind, params = chance.choice(_FAULTS)
    method = chance.choice(["*", "GET", "POST", "PATCH"])
    path = chance.choice(["/", "/clients", "/clients"])
    world.flowtly.faults.add(kind, method=method, path=path, times=chance.choice([1, 2, 5]), **params)
    return 1


def _cut(chance: random.Random, *wires: Wire) -> int:
    for wire in wires:
        if wire.how != "whole":
            wire.mend()
    if chance.random() > 0.04:
        return 0
    chance.choice(wires).cut()
    return 1


@contextmanager
def own_server(root: Path | None = None, *, durable: bool) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server that a scene may treat badly, and the URL of a migrated store on it."""
    memory = Path("/dev/shm")
    parent = root or (memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir()))
    place = Path(tempfile.mkdtemp(prefix="syncd-weather-", dir=parent))
    try:
        with EmbeddedPostgres(place / "pg", durable=durable) as server:
            url = server.url("store")
            migrate.upgrade(url)
            yield server, url
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A file system of its own with this much room; None where we may not mount one."""
    place = Path(tempfile.mkdtemp(prefix="syncd-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(place)],
        check=False,
        capture_output=True,
    )
    try:
        yield place if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def fill(ballast: Path) -> None:
    """Take all the room there is."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            if file.write(b"\0" * 65536) < 65536:
                break


def told_of_full_disk(office: Office, daemon: Any) -> bool:
    """Work on until the daemon says that its store failed: there is no room, or the server could not go on without."""
    office.customer()
    return bool(daemon.events("run.failed"))


def _user_with_few_connections(world: World, few: int) -> tuple[str, str]:
    """A user who owns the store's tables and may have this many connections, and the store's URL for it."""
    user = f"few_{os.urandom(4).hex()}"
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"], autocommit=True) as owner:
        named = psycopg.sql.Identifier(user)
        owner.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'few' CONNECTION LIMIT {}").format(named, few))
        owner.execute(psycopg.sql.SQL("GRANT {} TO {}").format(psycopg.sql.Identifier(owner.info.user), named))
    url = make_url(world.env["SYNCD_DATABASE_URL"]).set(username=user, password="few")
    return user, url.render_as_string(hide_password=False)


def _take_all(held: ExitStack, world: World, user: str, way: str) -> bool:
    """End the daemon's connections and take every one before it does; True once none is left."""
    world.erp_store(
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}' AND application_name = 'syncd'"
    )
    while True:
        try:
            held.enter_context(psycopg.connect(way, application_name="greedy"))
        except psycopg.OperationalError:
            break
    return not world.erp_store(f"SELECT FROM pg_stat_activity WHERE usename = '{user}' AND application_name = 'syncd'")


def _forget(world: World, user: str) -> None:
    with psycopg.connect(world.env["SYNCD_DATABASE_URL"], autocommit=True) as owner:
        owner.execute(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'")
        for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
            owner.execute(psycopg.sql.SQL(statement).format(psycopg.sql.Identifier(user)))
