"""Two real peers, a store and a mapping between them, and every move that a history is made of. Judges nothing.

A move is a method with plain arguments, so that a list of moves is a history that can be kept and told again. Where a
move names a record, it does so by its place among those that exist then: a move without an object does nothing.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final, Self

import psycopg

from syncd.core.model import Side
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.errors import SyncdError
from syncd.wiring import App, limits_of, silent
from tests.histories.peers import FIELDS, ORIGIN, PASSWORD, Diary, Peer
from tests.histories.steps import Died, Interruption, Process
from tests.support.postgres import conninfo

SETTINGS: Final = """
flowtly: &peer
  url: "${FLOWTLY_URL}"
  login: {username: sync@flowtly.test, password: "${PASSWORD}"}
  timeout: 10s
  deadline: 20s
  retries: 1
  page_size: 3
systems:
  erp:
    connector: flowtly
    url: "${ERP_URL}"
    login: {username: sync@flowtly.test, password: "${PASSWORD}"}
    timeout: 10s
    deadline: 20s
    retries: 1
    page_size: 3
store: {url: "${STORE_URL}"}
limits: {listing_grace: 30m, max_creates: 100, max_changes: 100, shrink: 0.9, write_threads: 1}
mappings: [parties.yaml]
"""
MAPPING: Final = """
mapping: parties
external: {resource: counterparties, key: "@id"}
flowtly: {resource: counterparties}
match: [[tin], [name]]
fields:
  tin: tin
  origin: {external: corporateWebsiteUrl, flowtly: corporateWebsiteUrl}
  name: {external: displayName, flowtly: displayName}
  logo: {external: logoUrl, flowtly: logoUrl}
  kind: {external: type, flowtly: type}
"""
DELETES: Final = """deletes: {in_external: delete, in_flowtly: delete, quarantine: 0}
limits: {max_removals: 100, max_removal_share: 1.0}
"""
HOUR: Final = timedelta(hours=1)
PAIRS: Final = 3
LISTED_LATE: Final = 1200
"""Seconds until a late listing shows a record; less than the listing grace of the settings."""

# Everything the store remembers becomes an hour older; what happened stays in its order.
_AGE: Final = """
DO $$ DECLARE one record; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT c.table_name, string_agg(format('%1$I = %1$I - interval ''1 hour''', c.column_name), ', ') AS sets
        FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'ledger%'
          AND c.data_type = 'timestamp with time zone'
        GROUP BY c.table_name LOOP
        EXECUTE format('UPDATE %I SET %s', one.table_name, one.sets);
    END LOOP;
END $$
"""
_EMPTY: Final = """
DO $$ DECLARE names text; BEGIN
    SET LOCAL session_replication_role = replica;
    SELECT string_agg(format('%I', tablename), ', ') INTO names FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'ledger_salt');
    EXECUTE format('TRUNCATE %s RESTART IDENTITY CASCADE', names);
END $$
"""


class SteppingClock:
    """The machine's clock, set wrong at will. Waiting takes no time: the clock is put forward instead."""

    def __init__(self) -> None:
        self.wrong, self.passed = 0.0, 0.0

    def now(self) -> datetime:
        """The time as this daemon believes it."""
        return datetime.fromtimestamp(time.time() + self.passed + self.wrong, UTC)

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic() + self.passed

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.passed += seconds


class Town:
    """Everything a history takes place in. ``fresh`` begins a new one."""

    def __init__(self, folder: Path, store_url: str, *, deletes: bool = False) -> None:
        self.deletes = deletes
        self._open = ExitStack()
        self.diary = Diary()
        self.peers = {side: Peer(side, self.diary) for side in Side}
        for peer in self.peers.values():
            self._open.enter_context(peer.server)
        self.database = self._open.enter_context(psycopg.connect(conninfo(store_url), autocommit=True))
        (folder / "syncd.yaml").write_text(SETTINGS)
        (folder / "parties.yaml").write_text(MAPPING + DELETES * deletes)
        env = {
            "FLOWTLY_URL": self.peers[Side.FLOWTLY].server.url,
            "ERP_URL": self.peers[Side.EXTERNAL].server.url,
            "PASSWORD": PASSWORD,
            "STORE_URL": store_url,
        }
        self.clock = SteppingClock()
        self.apps = [self._open.enter_context(App(folder / "syncd.yaml", env)) for _ in range(2)]
        for app in self.apps:
            app.clock = self.clock  # type: ignore[assignment]
            app.store.ping()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.counts: Counter[str] = Counter()
        self.script: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[tuple[int, str, str, Any]] = []
        self._gone: dict[Side, dict[str, Mapping[str, Any]]] = {}
        self._kin: dict[str, str] = {}
        self._numbers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def fresh(self) -> None:
        """A new history: three pairs stand at both peers, linked under an approved mapping; the first is never deleted."""
        self.execute(_EMPTY)
        for peer in self.peers.values():
            self._collect(peer)
            peer.reset()
        self.diary.clear()
        self.clock.wrong = 0.0
        self.events.clear()
        self.script.clear()
        self.answers.clear()
        self._kin.clear()
        self._gone = {side: {} for side in Side}
        self._numbers = 0
        for origin in range(PAIRS):
            values = self._values(str(origin))
            for peer in self.peers.values():
                peer.add(values)
        self._cycle(0, person=True)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A look into the store's own tables."""
        cursor = self.database.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []

    def do(self, move: str, /, **arguments: Any) -> None:
        """One move of the history, noted so that it can be told again."""
        self.script.append((move, arguments))
        self.counts["moves"] += 1
        getattr(self, move)(**arguments)

    # ------------------------------------------------------------------ people

    def add(self, side: str) -> None:
        """A person makes a record of something new."""
        self._numbers += 1
        self.peers[Side(side)].add(self._values(str(PAIRS + self._numbers)))

    def twin(self, side: str, pick: int) -> None:
        """A person makes a record of something that stands at the other peer and not, or not yet, at this one."""
        here = {row[ORIGIN] for row in self.peers[Side(side)].records().values()}
        there = self.peers[Side(side).other].records().values()
        free = sorted(row[ORIGIN] for row in there if row[ORIGIN] not in here)
        if free:
            self.peers[Side(side)].add(self._values(free[pick % len(free)]))

    def edit(self, side: str, pick: int, field: str) -> None:
        """A person writes a value nobody wrote before; a new name is a rename."""
        iri = self._picked(side, pick)
        self.peers[Side(side)].edit(iri, {FIELDS[field]: self._word(field)})

    def clear(self, side: str, pick: int) -> None:
        """A person empties a field."""
        self.peers[Side(side)].edit(self._picked(side, pick), {FIELDS["logo"]: None})

    def delete(self, side: str, pick: int) -> None:
        """A person deletes a record."""
        iri = self._picked(side, pick, spared=True)
        if iri:
            self._gone[Side(side)][iri] = self.peers[Side(side)].records()[iri]
            self.peers[Side(side)].delete(iri)

    def merge(self, side: str, pick: int, loser: int) -> None:
        """A person merges two records."""
        peer, survivor, lost = self.peers[Side(side)], self._picked(side, pick), self._picked(side, loser, spared=True)
        if not lost or survivor == lost:
            return
        rows = peer.records()
        self._gone[Side(side)][lost] = rows[lost]
        self._kin[self.kin(rows[survivor][ORIGIN])] = self.kin(rows[lost][ORIGIN])
        peer.merge(survivor, lost)

    def restore(self, side: str, pick: int) -> None:
        """A deleted record comes back under its old id."""
        gone = self._gone[Side(side)]
        if gone:
            iri = sorted(gone)[pick % len(gone)]
            self.peers[Side(side)].restore(iri, gone.pop(iri))

    def answer(self, pick: int, choice: str) -> None:
        """A person decides a contested field."""
        rows = self.execute(
            "SELECT id, external_key, field, external, flowtly FROM conflict"
            " WHERE kind = 'field' AND resolved_at IS NULL ORDER BY external_key, field"
        )
        if rows:
            number, key, field, external, flowtly = rows[pick % len(rows)]
            self.apps[0].store.resolve(number, Side(choice), None, "tester")
            self.answers.append((len(self.diary.entries), key, field, external if choice == "external" else flowtly))

    # ------------------------------------------------------------------ the world

    def fault(self, side: str, kind: str, method: str, times: int, skip: int) -> None:
        """The network, or the peer, begins to fail. Of what is not asked for nothing comes."""
        peer, more = self.peers[Side(side)], _PARAMETERS.get(kind, {})
        if kind == "page_shift":
            iri = self._picked(side, times, spared=True)
            if not iri:
                return
            self._gone[Side(side)][iri] = peer.records()[iri]
            more, method, times = {"action": "remove", "id": int(iri.rpartition("/")[2])}, "GET", 1
        path = "/counterparties"
        peer.trouble(kind, method=method, path=path, times=times, after_nth=skip, **more)

    def clock_steps(self, hours: int) -> None:
        """The daemon's clock is set, forwards or backwards."""
        self.clock.wrong += hours * 3600

    def hours_pass(self) -> None:
        """An hour goes by, for everybody."""
        self.execute(_AGE)
        self.clock.passed += HOUR.total_seconds()
        for peer in self.peers.values():
            peer.offset += HOUR.total_seconds()

    # ------------------------------------------------------------------ syncd

    def run(self, *, person: bool = False) -> None:
        """One cycle; with ``person`` as somebody would order it who looks at the plan."""
        self._cycle(0, person=person)

    def die(self, step: str, nth: int, when: str, *, successor: bool) -> None:
        """One cycle that dies at a step. A successor is another process, which has to wait for the lease to end."""
        plan = Interruption(step, nth, when)
        self._cycle(0, plan)
        if plan.struck:
            self.counts["deaths"] += 1
            if successor:
                self.hours_pass()
                self._cycle(1)

    def meanwhile(self, step: str, nth: int, when: str, move: str, **arguments: Any) -> None:
        """One cycle in the midst of which somebody makes a move."""
        plan = Interruption(step, nth, when, lambda: getattr(self, move)(**arguments))
        self._cycle(0, plan)
        self.counts["moves within a run"] += plan.struck

    def second(self, lapse: bool) -> None:
        """Another daemon begins a cycle now; ``lapse``: whoever is at work stood still past its lease."""
        if lapse:
            self.execute("UPDATE lease SET expires_at = clock_timestamp() - interval '1 second'")
        self.counts["cycles of a second daemon"] += 1
        self._cycle(1)

    def _cycle(self, daemon: int, plan: Interruption | None = None, *, person: bool = False) -> Report | None:
        app, process = self.apps[daemon], Process(plan)
        mapping = app.mappings["parties"]
        peers = {side: process.watched(str(side), peer) for side, peer in app.peers(mapping).items()}
        store = process.watched("store", app.store)
        limits = limits_of(app.settings, mapping)
        engine = Engine(store, self.clock, limits, self._note, silent, f"daemon {daemon}")
        self.counts["runs"] += 1
        try:
            return engine.run(mapping, peers, Options("test", write=True, person=person), Event())
        except Died:
            return None
        except SyncdError as error:
            self._note("run.failed", detail=f"{type(error).__name__}: {error}")
            return None

    def cycle(self, *, person: bool = False) -> Report | None:
        """One undisturbed cycle, with its report."""
        return self._cycle(0, person=person)

    # ------------------------------------------------------------------ what there is

    def calm(self) -> None:
        """The network is mended and the clock right; who is left alone is nobody's business here."""
        for peer in self.peers.values():
            self._collect(peer)
            peer.server.faults.clear()
        self.clock.wrong = 0.0

    def kin(self, origin: str) -> str:
        """What a person made one of: origins that were merged are one."""
        while origin in self._kin and self._kin[origin] != origin:
            origin = self._kin[origin]
        return origin

    def links(self) -> list[tuple[str, str]]:
        """Both keys of every link."""
        return [(one, other) for one, other in self.execute("SELECT external_key, flowtly_key FROM link ORDER BY 1")]

    def writes(self) -> int:
        """Requests of ours that would change something at a peer."""
        return sum(peer.writes() for peer in self.peers.values())

    def told(self) -> str:
        """The history so far, as it can be told again."""
        return (
            "".join(f"    ({move!r}, {json.dumps(given)}),\n" for move, given in self.script)
            .replace("false", "False")
            .replace("true", "True")
        )

    def _note(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def _collect(self, peer: Peer) -> None:
        self.counts["faults"] += peer.faults_acted()
        self.counts["writes"] += peer.writes()
        peer.server.reset_requests()

    def _picked(self, side: str, pick: int, *, spared: bool = False) -> str:
        """A record by its place; ``spared``: never the first pair, so that no peer is ever empty."""
        rows = self.peers[Side(side)].records()
        found = [iri for iri, row in sorted(rows.items()) if not (spared and row[ORIGIN] == "0")]
        return found[pick % len(found)] if found else ""

    def _word(self, field: str) -> str:
        self._numbers += 1
        return f"{field} {self._numbers}"

    def _values(self, origin: str) -> dict[str, Any]:
        words = {raw: self._word(field) for field, raw in FIELDS.items()}
        return {**words, "tin": f"T{int(origin):07}", ORIGIN: origin}


Move = tuple[str, dict[str, Any]]
_PARAMETERS: Final[Mapping[str, dict[str, Any]]] = {
    "listing_delay": {"seconds": LISTED_LATE},
    "slow": {"seconds": 0.0, "size": 50},
    "status": {"status": 503},
    "status_after": {"status": 504},
}
Judge = Callable[[Town], None]
