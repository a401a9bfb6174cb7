"""Puts the parts together; the only file that knows all classes. Decides nothing and does no work of its own."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from syncd import telemetry
from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.webhook import WebhookTarget
from syncd.core.fencing import Thresholds
from syncd.core.guard import Caps
from syncd.core.model import Side
from syncd.core.order import ReferenceCycle, by_references
from syncd.core.removal import RemovalCaps
from syncd.engine import event_table
from syncd.engine.context import Around, Limits, Options, Progress
from syncd.engine.deliver import Deliverer
from syncd.engine.event_table import TableTarget
from syncd.engine.run import Engine, Report
from syncd.engine.watch import Watcher
from syncd.errors import ConfigError, GuardRefused, Problem, Refused
from syncd.mapping.compiled import CompiledMapping, compile_mapping
from syncd.mapping.directories import FLOWTLY
from syncd.mapping.events import rules_of
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

CONNECTOR_GROUP = "syncd.connectors"
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
        self.mappings: dict[str, CompiledMapping] = _compiled(self.settings)
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
        """The two peers of a mapping."""
        return {
            Side.EXTERNAL: self.connector(self.system_of(mapping)),
            Side.FLOWTLY: self.connector(Side.FLOWTLY),
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
        """One cycle of one mapping, under the mapping's own caps and an owner name that no other process has."""
        mapping = self.mappings[name]
        self._refuse_stopped(name)
        limits = limits_of(self.settings, mapping)
        engine = Engine(self.store, self.clock, limits, telemetry.emit, progress, owner(), self.around())
        return engine.run(mapping, self.peers(mapping), options, stop or Event())

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
        return Around(self.store, directories, referring)

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


def load_connector(kind: str, node: Node) -> Any:
    """The connector class registered under this name. Raises ConfigError naming the nearest one."""
    known: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=CONNECTOR_GROUP)}
    if kind not in known:
        hint = did_you_mean(kind, known)
        raise ConfigError(
            [node.problem(f"no connector is called {kind!r}; there are {', '.join(sorted(known))}", hint)]
        )
    return known[kind].load()


def limits_of(settings: Settings, mapping: CompiledMapping | None = None) -> Limits:
    """The limits of a run; a mapping may tighten or widen the caps for itself."""
    own = None if mapping is None else mapping.spec.limits
    common = settings.limits
    caps = Caps(
        max_creates=_first(own and own.max_creates, common.max_creates),
        max_changes=_first(own and own.max_changes, common.max_changes),
        max_share=_first(own and own.max_share, common.max_share),
    )
    return Limits(
        caps,
        shrink=common.shrink,
        listing_grace=common.listing_grace,
        lease=common.lease,
        run_time=common.run_time,
        failures_in_a_row=common.failures_in_a_row,
        batch=common.batch,
        write_threads=common.write_threads,
        flaps=common.flaps,
        flap_window=common.flap_window,
        fence=Thresholds(common.fence_records, common.fence_share),
        removals=RemovalCaps(
            _first(own and own.max_removals, common.max_removals),
            _first(own and own.max_removal_share, common.max_removal_share),
        ),
    )


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


def _first(own: Any, common: Any) -> Any:
    return common if own is None else own


def _compiled(settings: Settings) -> dict[str, CompiledMapping]:
    """All mappings compiled; every problem of every file at once."""
    compiled: dict[str, CompiledMapping] = {}
    problems: list[Problem] = []
    for spec, node in settings.mappings:
        try:
            rules = rules_of(spec.events, settings.events.targets)
            compiled[spec.mapping] = replace(compile_mapping(spec, node), event_rules=rules)
        except ConfigError as error:
            problems.extend(error.problems)
    if not problems:  # a mapping that cannot be compiled refers to nothing
        problems.extend(_references(compiled, next(iter(settings.systems))))
    if problems:
        raise ConfigError(problems)
    return compiled


def _references(mappings: Mapping[str, CompiledMapping], only_system: str) -> Iterator[Problem]:
    """References that lead nowhere, come from another system's keys, or run in a circle."""
    for mapping in mappings.values():
        referring = ((plan.refers_to, plan.name, plan) for plan in mapping.fields if plan.refers_to is not None)
        for name, field, plan in referring:
            other = mappings.get(name)
            if other is None:
                hint = did_you_mean(name, mappings) or f"known: {', '.join(sorted(mappings))}"
                yield mapping.problem(field, f"fields.{field}: there is no mapping {name!r} to refer to", hint)
            elif (other.system or only_system) != (mapping.system or only_system) and plan.rule.direction.allows(
                Side.FLOWTLY
            ):
                yield mapping.problem(
                    field,
                    f"fields.{field}: mapping {name} has the keys of another system, so they mean nothing here",
                    "refer to a mapping of the same system, or let the field flow to_external only",
                )
    yield from _circle(mappings)


def _circle(mappings: Mapping[str, CompiledMapping]) -> Iterator[Problem]:
    known = {name: [one for one in mapping.references if one in mappings] for name, mapping in mappings.items()}
    try:
        by_references(known)
    except ReferenceCycle as cycle:
        first = mappings[cycle.names[0]]
        circle = " -> ".join(cycle.names)
        field = first.references[cycle.names[1]]
        yield first.problem(
            field,
            f"fields.{field}: the mappings refer to each other in a circle: {circle}",
            "no record could ever be the first; take out one of the references",
        )
