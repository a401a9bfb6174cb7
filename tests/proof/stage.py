"""Two peers that can both delete, forty linked records we made, and a way back to that moment. Never shared by two runs.

Both peers are real HTTP servers; ``external`` is a Flowtly as well, so that every fault can befall either side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from syncd.core.model import Side
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.store import migrate
from syncd.wiring import App, limits_of, silent
from tests.engine.world import plain
from tests.support.postgres import PostgresServer

NAME = "parties"
TABLE = "Counterparty"
RECORDS = 40
LATER = 8  # of these that came after the old backup was made
PAGE = 10

SETTINGS = """
flowtly: {url: "${FLOWTLY}", login: {username: sync@flowtly.test, password: "${PASSWORD}"}, retries: 1, timeout: 5s, deadline: 10s}
systems:
  erp: {connector: flowtly, url: "${ERP}", login: {username: sync@flowtly.test, password: "${PASSWORD}"}, retries: 1, timeout: 5s, deadline: 10s}
store: {url: "${STORE}"}
limits: {listing_grace: 0s, max_removals: 1000, max_removal_share: 1, max_share: 1}
mappings: [parties.yaml]
"""
MAPPING = """
mapping: parties
external: {resource: counterparties}
flowtly: {resource: counterparties}
match: [[tin]]
fields:
  displayName: displayName
  tin: tin
  type: type
  corporateWebsiteUrl: corporateWebsiteUrl
"""


@dataclass
class Stage:
    """The peers as they are now, the daemon between them, and what it said and did since the last ``back``."""

    server: PostgresServer
    folder: Path
    peers: Mapping[Side, SandboxServer]
    template: str
    present: Mapping[Side, dict[str, Any]]
    old: Mapping[Side, dict[str, Any]]
    app: App | None = None
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @contextmanager
    def back(self) -> Iterator[None]:
        """Back to the moment when all is linked and quiet, with a store and connections of its own."""
        database = self.server.create(template=self.template)
        try:
            for side, peer in self.peers.items():
                peer.faults.clear()
                put(peer, self.present[side])
                peer.reset_requests()
            self.said.clear()
            with _app(self.folder, self.peers, self.server.url(database)) as self.app:
                yield
        finally:
            self.app = None
            self.server.drop(database)

    def run(self, *, person: bool = False) -> Report:
        """One cycle with full walks of both sides."""
        assert self.app is not None
        return cycle(self.app, self._note, person=person)

    def _note(self, event: str, /, **fields: Any) -> None:
        self.said.append((event, fields))

    def heard(self, *events: str) -> int:
        """How often any of these was said."""
        return sum(event in events for event, _ in self.said)

    def asked(self, *methods: str) -> int:
        """Requests of these methods that both peers got, logins aside."""
        return sum(
            count
            for peer in self.peers.values()
            for route, count in peer.requests.items()
            if route.split()[0] in methods and "login" not in route
        )

    def keys(self, side: Side) -> set[Any]:
        """The ids of what a side holds."""
        return {row["id"] for row in self.peers[side].state.rows(TABLE)}

    def links(self) -> dict[str, str]:
        """External IRI to Flowtly IRI."""
        assert self.app is not None
        return {one.external_key: one.flowtly_key for one in self.app.store.links(NAME)}


def cycle(app: App, events: Any, *, person: bool = False) -> Report:
    """One cycle as the daemon makes it, with full walks."""
    mapping = app.mappings[NAME]
    engine = Engine(app.store, app.clock, limits_of(app.settings, mapping), events, silent, "proof")
    chosen = Options("proof", write=True, person=person, full=True, beyond_caps=person)
    return engine.run(mapping, app.peers(mapping), chosen, Event())


def put(peer: SandboxServer, dumped: Mapping[str, Any]) -> None:
    """Make a peer hold exactly what it held when it was dumped."""
    kept = {row["id"] for row in dumped[TABLE]["rows"]}
    for row in peer.state.rows(TABLE):
        if row["id"] not in kept:
            peer.state.delete(TABLE, row["id"])
    peer.state.restore(dumped)


@contextmanager
def staged(server: PostgresServer, folder: Path, deletes: str) -> Iterator[Stage]:
    """The stage under one policy for deletes."""
    folder.mkdir()
    (folder / "parties.yaml").write_text(f"{MAPPING}deletes: {deletes}\n")
    (folder / "syncd.yaml").write_text(SETTINGS)
    template = server.create()
    with ExitStack() as stack:
        stack.callback(server.drop, template)
        migrate.upgrade(server.url(template))
        config = SandboxConfig(empty=True, max_page_size=PAGE)
        peers = {side: stack.enter_context(SandboxServer(config)) for side in Side}
        old = _linked(folder, peers, server.url(template))
        present = {side: peer.state.dump() for side, peer in peers.items()}
        yield Stage(server, folder, peers, template, present, old)


def _linked(folder: Path, peers: Mapping[Side, SandboxServer], url: str) -> dict[Side, dict[str, Any]]:
    """Make and link everything; the peers as they were before the last records came and some values changed."""

    def note(event: str, /, **_: Any) -> None:
        """Nobody listens while the stage is set."""

    with _app(folder, peers, url) as app:
        _made(peers, range(RECORDS - LATER))
        _quiet(app, note, person=True)
        old = {side: peer.state.dump() for side, peer in peers.items()}
        _made(peers, range(RECORDS - LATER, RECORDS))
        for row in peers[Side.FLOWTLY].state.rows(TABLE)[:LATER]:
            peers[Side.FLOWTLY].state.update(TABLE, row["id"], {"corporateWebsiteUrl": "https://new.example.test"})
        _quiet(app, note)
    for side, peer in peers.items():
        if len(peer.state.rows(TABLE)) != RECORDS:
            raise AssertionError(f"the stage was not set: {side} holds {len(peer.state.rows(TABLE))} records")
    return old


def _made(peers: Mapping[Side, SandboxServer], numbers: range) -> None:
    """People add records, at either side in turn."""
    for number in numbers:
        side = Side.FLOWTLY if number % 2 else Side.EXTERNAL
        values = {"displayName": f"Party {number}", "tin": f"{10000000 + number}", "type": "company"}
        peers[side].state.insert(TABLE, {**values, "corporateWebsiteUrl": f"https://p{number}.example.test"})


def _quiet(app: App, events: Any, *, person: bool = False) -> None:
    for _ in range(6):
        report = cycle(app, events, person=person)
        if report.outcome == "done" and report.plan is not None and not report.plan.pending:
            return
    raise AssertionError(f"the stage was not set: {report}")


@contextmanager
def _app(folder: Path, peers: Mapping[Side, SandboxServer], url: str) -> Iterator[App]:
    env = {
        "FLOWTLY": peers[Side.FLOWTLY].url,
        "ERP": peers[Side.EXTERNAL].url,
        "PASSWORD": "sandbox",
        "STORE": plain(url),
    }
    with App(folder / "syncd.yaml", env) as app:
        yield app
