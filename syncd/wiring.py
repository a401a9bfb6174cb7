"""Puts the parts together; the only file that knows all classes. Decides nothing and does no work of its own."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from syncd import telemetry
from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.webhook import WebhookTarget
from syncd.core.model import Side
from syncd.core.order import by_references
from syncd.engine import event_table
from syncd.engine.allocating.compiling import Allocation, allocations_of
from syncd.engine.allocating.rounds import repeated
from syncd.engine.context import Around, Options, Progress
from syncd.engine.deliver import Deliverer
from syncd.engine.event_table import TableTarget
from syncd.engine.run import Engine, Report
from syncd.engine.watch import Watcher
from syncd.errors import ConfigError, GuardRefused, Problem, Refused
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.directories import FLOWTLY
from syncd.mapping.nodes import Node
from syncd.mapping.parsing import parse
from syncd.mapping.problems import did_you_mean
from syncd.mapping.watched import Watch, watch_of
from syncd.ports import Connector, ContentKeeper, ContentSource, Retention, RetryRule, Target
from syncd.ports.merges import Referring
from syncd.settings import Settings, load
from syncd.store import migrate
from syncd.store.embedded import EmbeddedPostgres, ensure
from syncd.store.postgres import PostgresStore
from syncd.wiring_budgets import BudgetDesk
from syncd.wiring_parts import compiled, limits_of, load_connector

__all__ = ["App", "SystemClock", "limits_of", "load_connector", "owner", "silent"]

DATABASE_VARIABLE = "SYNCD_DATABASE_URL"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def silent(_stage: str, _done: int, _total: int | None) -> None:
    """Progress that nobody watches."""


class App:
    """Settings, mappings, peers and the store of one configuration, opened on first use and closed together."""

    def __init__(self, config: Path, env: Mapping[str, str] | None = None) -> None:
        self.env = dict(os.environ if env is None else env)
        self.settings: Settings = load(config, self.env)
        self.clock = SystemClock()
        self.mappings: dict[str, CompiledMapping] = compiled(self.settings)
        self.allocations: dict[str, Allocation] = allocations_of(self.settings.allocations, self.settings.mappings)
        self.budgets = BudgetDesk(
            self.allocations,
            self.mappings,
            self.connector,
            lambda: self.store,
            self.clock,
            next(iter(self.settings.systems)),
        )
        self.believe_measured = True
        """False, set before the first connection, leaves the file of measured capabilities aside."""
        self._closing = ExitStack()
        self._connectors: dict[str, Connector] = {}
        self._store: PostgresStore | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release every connection and stop what was started."""
        self._closing.close()
        self._connectors.clear()
        self._store = None

    def at_close(self, release: Callable[[], None]) -> None:
        """Have something released together with everything else."""
        self._closing.callback(release)

    def secrets(self) -> set[str]:
        """Every text that came from outside the configuration files and must not be shown: passwords, tokens."""
        nodes = [self.settings.flowtly_node, *(node for _, node in self.settings.systems.values())]
        nodes += [self.settings.node.at(section) for section in ("events", "hooks") if self.settings.node.get(section)]
        texts = {text for node in nodes for text in _from_outside(node)}
        if self.settings.store.url is not None:
            texts.add(self.settings.store.url.get_secret_value())
        texts.add(self.env.get(DATABASE_VARIABLE, ""))
        return {secret for text in texts if (secret := _secret_part(text))}

    def personal(self) -> set[str]:
        """Canonical fields whose values never appear in logs: the masked and the sensitive ones."""
        told = (mapping.sensitive for mapping in self.mappings.values())
        return {*self.settings.log.mask, *(field for fields in told for field in fields)}

    def retention(self) -> Retention:
        """How long history is kept."""
        told = self.settings.history
        return Retention(told.ledger, told.runs, told.certificates, told.operations, told.conflicts)

    # ------------------------------------------------------------------ the store

    def database_url(self) -> str:
        """The configured database, or an embedded one under ``var`` that is started now."""
        configured = self.settings.store.url
        if configured is not None:
            return configured.get_secret_value()
        if self.env.get(DATABASE_VARIABLE):
            return self.env[DATABASE_VARIABLE]
        server: EmbeddedPostgres = ensure(Path(self.settings.store.var))
        self._closing.callback(server.stop)
        return server.url("syncd")

    @property
    def store(self) -> PostgresStore:
        """The mapping store, migrated to this version."""
        if self._store is None:
            url = self.database_url()
            self._upgrade(url)
            self._store = PostgresStore(url)
            self._store.protect({name: mapping.sensitive for name, mapping in self.mappings.items()})
            self._closing.callback(self._store.close)
        return self._store

    def _upgrade(self, url: str) -> None:
        try:
            migrate.upgrade(url)
        except ValueError as error:  # the URL is none; the message does not quote it
            raise ConfigError([Problem(str(self.settings.file), 0, 0, f"store.url: {error}")]) from None

    # ------------------------------------------------------------------ the peers

    def connector(self, system: str) -> Connector:
        """The connector of a system by its name in the configuration; ``flowtly`` is Flowtly. Opened once."""
        if system not in self._connectors:
            made = self._open(system)
            self._connectors[system] = made
            self._closing.callback(made.close)
        return self._connectors[system]

    @property
    def flowtly(self) -> FlowtlyConnector:
        """Flowtly's connector with what only it can do. Raises Refused where another one has taken its name."""
        made = self.connector(Side.FLOWTLY)
        if not isinstance(made, FlowtlyConnector):
            raise Refused("only the built-in connector to Flowtly can measure a tenant")
        return made

    @property
    def capabilities(self) -> Path | None:
        """The file of measured capabilities, if the configuration names one; relative to the configuration."""
        told = self.settings.flowtly_node.get("capabilities")
        return None if told is None else Path(told.file).parent / str(told.content)

    def peers(self, mapping: CompiledMapping) -> dict[Side, Connector]:
        """The two peers of a mapping; for the links of an allocation these are made for one cycle."""
        return {
            Side.EXTERNAL: self.budgets.external(mapping) or self.connector(self.system_of(mapping)),
            Side.FLOWTLY: self.budgets.flowtly(mapping) or self.connector(Side.FLOWTLY),
        }

    def system_of(self, mapping: CompiledMapping) -> str:
        """The external system a mapping names, or the only one there is."""
        return mapping.system or next(iter(self.settings.systems))

    def _open(self, system: str) -> Connector:
        if system == Side.FLOWTLY:
            kind, node = "flowtly", self.settings.flowtly_node
        else:
            kind, node = self.settings.systems[system]
        factory = load_connector(kind, node)
        settings: Any = parse(factory.Settings, node)
        if system == Side.FLOWTLY and self.capabilities is not None:
            believed = self.capabilities if self.believe_measured else None
            settings = settings.model_copy(update={"capabilities": believed})
        made: Connector = factory.from_settings(system, settings, self.clock)
        if isinstance(made, ContentKeeper):
            made.read_content_from(self._content_source)
        return made

    def _content_source(self) -> ContentSource:
        source = self.connector(Side.FLOWTLY)
        if not isinstance(source, ContentSource):
            raise Refused("the connector that has taken Flowtly's name gives no content")
        return source

    # ------------------------------------------------------------------ runs

    def run(self, name: str, options: Options, stop: Event | None = None, progress: Progress = silent) -> Report:
        """One cycle of one mapping, under the mapping's own caps and an owner name that no other process has.

        That is one run; for an allocation more of them, while each makes room or proof for the next.
        """
        mapping = self.mappings[name]
        self._refuse_stopped(name)
        limits = limits_of(self.settings, mapping)
        engine = Engine(self.store, self.clock, limits, telemetry.emit, progress, owner(), self.around())
        peers, until = self.peers(mapping), stop or Event()
        return repeated(lambda chosen: engine.run(mapping, peers, chosen, until), options, until)

    def around(self) -> Around:
        """What a run has to know beyond its own mapping."""
        directories: dict[str, tuple[str, ...]] = {}
        for name, spec in sorted(self.settings.dedupe.items()):
            if spec.system == FLOWTLY:
                directories[spec.resource] = (*directories.get(spec.resource, ()), name)
        referring = tuple(
            Referring(one.name, plan.name, plan.refers_to)
            for one in self.mappings.values()
            for plan in one.fields
            if plan.refers_to is not None
        )
        return Around(self.store, directories, referring, self.budgets.steps())

    # ------------------------------------------------------------------ events

    @property
    def watches(self) -> dict[str, Watch]:
        """Every watch by its name."""
        told = self.settings.events
        listed = self.settings.node.at("events", "watches")
        return {spec.name: watch_of(spec, listed.at(n), told.targets) for n, spec in enumerate(told.watches)}

    def walk(self, watch: Watch, stop: Event) -> Report:
        """One walk of a watch."""
        limits = limits_of(self.settings)
        watcher = Watcher(self.store, self.clock, limits, telemetry.emit, owner())
        return watcher.walk(watch, self.connector(watch.spec.system), stop)

    def deliverer(self, name: str) -> Deliverer:
        """What tells one target of the configuration. It remembers whether the target took the last event."""
        told = self.settings.events
        target, longest = self._target(name)
        self._closing.callback(target.close)
        retry = RetryRule(told.retry.first, told.retry.longest, told.retry.attempts, told.retry.give_up)
        return Deliverer(name, target, self.store, self.clock, telemetry.emit, retry, longest)

    def _target(self, name: str) -> tuple[Target, timedelta]:
        """A target, and how long one delivery to it may take."""
        spec = self.settings.events.targets[name]
        if spec.webhook is not None:
            url, secret = spec.webhook.url.get_secret_value(), spec.webhook.secret.get_secret_value()
            return WebhookTarget(name, url, secret, spec.webhook.timeout, self.clock), spec.webhook.timeout
        if spec.table is None:
            raise Refused(f"target {name} is neither a webhook nor a table")  # the settings do not let this pass
        connector = self.connector(spec.table.system)
        return TableTarget(connector, spec.table.resource, create=spec.table.create), event_table.LONGEST

    def _refuse_stopped(self, name: str) -> None:
        """Raises GuardRefused for a mapping that a change at Flowtly has stopped: a lost field reads as cleared."""
        stop = self.store.stops().get(name)
        if stop is not None:
            raise GuardRefused((f"mapping {name} is stopped since {stop['since']}: {stop['line']}",))

    def in_order(self, only: str | None = None) -> list[str]:
        """Mapping names, parents first. Raises ConfigError for a name that does not exist."""
        if only is not None:
            if only not in self.mappings:
                hint = did_you_mean(only, self.mappings)
                raise ConfigError([Problem(str(self.settings.file), 0, 0, f"there is no mapping {only!r}", hint)])
            return [only]
        return list(by_references({name: mapping.references for name, mapping in self.mappings.items()}))

    def children(self, name: str) -> list[str]:
        """The mappings whose records refer to those of this one, without itself."""
        return [other for other, mapping in self.mappings.items() if name in mapping.references and other != name]

    def runner(self, name: str, options: Options) -> Callable[[Event], Report]:
        """A run of one mapping as a function of the stop signal, for the daemon."""
        return partial(self.run, name, options)


def owner() -> str:
    """A name for the owner of a lease that no other process has, and no other run of this one."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _from_outside(node: Node) -> Iterator[str]:
    if node.interpolated and isinstance(node.content, str):
        yield node.content
    for _, value in node.pairs():
        yield from _from_outside(value)
    for value in node.elements():
        yield from _from_outside(value)


def _secret_part(text: str) -> str:
    """The password of a URL, or the whole of any other text."""
    return urlsplit(text).password or "" if "://" in text else text
