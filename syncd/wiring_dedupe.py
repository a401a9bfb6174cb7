"""Puts the parts of the search for duplicates together, on top of an ``App``. Decides nothing, does no work itself."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Event

from syncd import telemetry
from syncd.connectors.registers.vies import Vies
from syncd.connectors.registers.white_list import WhiteList
from syncd.engine.context import Progress
from syncd.engine.dedupe.desk import Desk
from syncd.engine.dedupe.judging import judge_of
from syncd.engine.dedupe.registers import Asked, Registers
from syncd.engine.dedupe.scan import Scanner, ScanReport
from syncd.errors import ConfigError, Problem, Refused
from syncd.mapping.directories import DirectorySpec
from syncd.mapping.problems import did_you_mean
from syncd.ports.merger import CanMerge
from syncd.ports.registers import Lifetimes
from syncd.wiring import App, limits_of, owner, silent


def directory(app: App, name: str) -> DirectorySpec:
    """A directory by its name in the configuration. Raises ConfigError for one that does not exist."""
    known = app.settings.dedupe
    if name not in known:
        hint = did_you_mean(name, known) or (f"known: {', '.join(sorted(known))}" if known else "dedupe: names none")
        raise ConfigError([Problem(str(app.settings.file), 0, 0, f"there is no directory {name!r}", hint)])
    return known[name]


def registers(app: App, stop: Event | None = None) -> Registers | None:
    """What asks public registers, None where the configuration names none. The caller closes it."""
    told = app.settings.registers
    timeout = told.timeout.total_seconds()
    asked: list[Asked] = []
    if told.white_list is not None:
        asked.append(Asked(WhiteList(told.white_list.url, app.clock, timeout=timeout), told.white_list.budget))
    if told.vies is not None:
        vies = Vies(told.vies.url, app.clock, requester=told.vies.requester, timeout=timeout)
        asked.append(Asked(vies, told.vies.budget))
    if not asked:
        return None
    lifetimes = Lifetimes(told.valid, told.invalid)
    return Registers(asked, app.store, app.clock, telemetry.emit, lifetimes, stop or Event())


def scan(
    app: App,
    name: str,
    stop: Event | None = None,
    progress: Progress = silent,
    *,
    whole: bool = False,
    shrunk_is_right: bool = False,
) -> ScanReport:
    """One scan of one directory, under an owner name that no other process has; see ``Scanner.scan``."""
    spec = directory(app, name)
    peer = app.connector(spec.system)
    with ExitStack() as opened:
        facts = registers(app, stop)
        if facts is not None:  # a daemon searches for as long as it lives: nothing of one search stays open
            opened.callback(facts.close)
        found = Scanner(app.store, app.clock, limits_of(app.settings), telemetry.emit, progress, owner(), facts)
        return found.scan(name, spec, peer, stop or Event(), whole=whole, shrunk_is_right=shrunk_is_right)


def desk(app: App, name: str, stop: Event | None = None) -> Desk:
    """What the merges of a directory work with, closed with the app.

    Raises Refused for a system at which nothing can be merged.
    """
    spec = directory(app, name)
    peer = app.connector(spec.system)
    if not isinstance(peer, CanMerge):
        raise Refused(f"directory {name}: {spec.system} has no way to merge records")
    facts = registers(app, stop)
    if facts is not None:
        app.at_close(facts.close)
    return Desk(
        directory=name,
        resource=spec.resource,
        spec=spec.merge,
        peer=peer,
        merger=peer.merger(),
        store=app.store,
        judge=judge_of(name, spec, peer, app.store, facts),
        clock=app.clock,
        limits=limits_of(app.settings),
        events=telemetry.emit,
        owner=owner(),
        mappings=app.mappings,
        automatic=spec.automatic,
        proposed=spec.proposed,
    )
