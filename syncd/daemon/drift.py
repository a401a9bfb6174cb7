"""Looking at the Flowtly tenant at start and daily: what changed there, which mappings that stops, and their return.

A look only reads at Flowtly. What could not be looked at changes nothing: a stopped mapping stays stopped and a
running one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from pydantic import ValidationError

from syncd.connectors.flowtly.drift import Finding, Kind, compare, remembered
from syncd.connectors.flowtly.drift_use import uses_of
from syncd.connectors.flowtly.measured import Access, Measurement, load_measurement
from syncd.engine.context import Events
from syncd.errors import ConfigError, SyncdError
from syncd.store.tenants import TenantMemory
from syncd.wiring import App

Stops = Mapping[str, Mapping[str, str]]
"""Stopped mappings by name: ``line`` says why and where, ``resource`` at what, ``since`` when it was noticed."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: what was measured and found, which mappings it stops, and what to compare the next one with."""

    measured: Measurement
    findings: tuple[Finding, ...]
    stops: Stops
    baseline: Measurement

    @property
    def whole(self) -> bool:
        """True when every resource gave a usable answer."""
        return all(one.access is not Access.UNKNOWN for one in self.measured.resources.values())


def look(app: App, measured: Measurement | None = None, stop: Event | None = None) -> Look:
    """Compare a light measurement, made now, or ``measured`` with what is known. Remembers nothing.

    Raises ConfigError, Later, Denied, BadAnswer, StoreUnavailable.
    """
    connector = app.flowtly
    probe = connector.probe(app.clock.now, stop)
    memory = app.store.tenant(probe.name)
    old = _newest(app, memory)
    mappings = list(app.mappings.values())
    if measured is None:
        used = [connector.catalogue[name] for name in sorted(uses_of(mappings)) if name in connector.catalogue]
        measured = probe.light(used, old)
    findings = tuple(compare(connector.catalogue, mappings, measured, old))
    blind = old is not None and old.schema_document and not measured.schema_document
    stops = _stops(app, measured, findings, memory.stops if memory is not None else {}, blind=blind)
    return Look(measured, findings, stops, remembered(measured, old, findings))


def remember(app: App, seen: Look, baseline: Measurement | None = None) -> dict[str, str]:
    """Keep a look's stops, and what to compare the next one with: ``baseline`` where another one is given.

    Returns the mappings that were fenced for it, with why. They are fenced first: afterwards nobody knows any more that
    another tenant answered before.
    """
    fenced = _fence(app, seen)
    kept = (baseline or seen.baseline).model_dump(mode="json")
    app.store.remember_tenant(seen.measured.tenant.name, TenantMemory(kept, seen.stops))
    return fenced


def _fence(app: App, seen: Look) -> dict[str, str]:
    """Another tenant at Flowtly's address: nothing is written by any mapping before a person has looked."""
    strange = [one.text for one in seen.findings if one.kind is Kind.TENANT]
    return {
        name: text
        for text in strange
        for name in sorted(app.mappings)
        if app.store.raise_fence(name, [text], {"rules": ["identity"]}, None)
    }


def recalled(memory: TenantMemory | None) -> Measurement | None:
    """The measurement that is remembered; None for one of another version, as the next look makes a new one."""
    if memory is None:
        return None
    try:
        return Measurement.model_validate(memory.measurement)
    except ValidationError:
        return None


class Drift:
    """Looks again and again, says what is new, and knows which mappings must not run."""

    def __init__(self, app: App, events: Events, stop: Event) -> None:
        self._app, self._events, self._stop = app, events, stop
        self._settings = app.settings.drift
        self.stopped: Stops = app.store.stops()
        self._told: set[str] = set()
        self._trouble: str | None = None

    def turn(self) -> tuple[frozenset[str], timedelta]:
        """One look: the mappings that may run again, and when to look again. Never raises."""
        try:
            seen = look(self._app, stop=self._stop)
            fenced = remember(self._app, seen)
        except Exception as error:  # noqa: BLE001 - drift not seen must not end the daemon; it is logged with its trace
            if not self._stop.is_set():
                self._failed(error)
            return frozenset(), self._settings.again
        self._trouble = None
        back = frozenset(self.stopped.keys() - seen.stops.keys())
        self.stopped = seen.stops
        for name, why in fenced.items():
            self._events("mapping.fenced", mapping=name, reasons=[why], rules=["identity"])
        self._say(seen, back)
        return back, self._settings.every if seen.whole and not seen.stops else self._settings.again

    def _say(self, seen: Look, back: frozenset[str]) -> None:
        """Each change once; a stopped mapping once per process and stop."""
        for one in seen.findings:
            if not one.stops:
                self._events(
                    "drift.found",
                    kind=str(one.kind),
                    resource=one.resource,
                    field=one.field or None,
                    mappings=list(one.mappings),
                    detail=one.text,
                )
        for name in sorted(seen.stops.keys() - self._told):
            self._events("mapping.stopped", mapping=name, detail=seen.stops[name]["line"])
        for name in sorted(back):
            self._events("mapping.resumed", mapping=name)
        self._told = set(seen.stops)

    def _failed(self, error: Exception) -> None:
        detail = f"{type(error).__name__}: {error}"
        if self._trouble != detail:
            known = isinstance(error, SyncdError | ConfigError)
            self._events("drift.failed", detail=detail, exc_info=None if known else error)
        self._trouble = detail


def _newest(app: App, memory: TenantMemory | None) -> Measurement | None:
    """What is known: the last look, or the file where that was written later, by a probe that a person ran."""
    known = recalled(memory)
    path = app.capabilities
    if path is None:
        return known
    told = load_measurement(path)
    return told if known is None or told.taken > known.taken else known


def _stops(
    app: App, measured: Measurement, findings: tuple[Finding, ...], before: Stops, *, blind: bool
) -> dict[str, dict[str, str]]:
    """What the findings stop, and what was stopped at a resource that gave no answer now.

    ``blind``: the schema document, which may have said that a field is lost, is not offered now. Nobody said more.
    """
    now = measured.taken.isoformat(timespec="seconds")
    found: dict[str, dict[str, str]] = {}
    for one in findings:
        for name, problem in one.stops.items():
            since = before[name]["since"] if name in before else now
            known = found.setdefault(name, {"line": str(problem), "resource": one.resource, "since": since})
            if str(problem) not in known["line"]:
                known["line"] += f"; {problem}"
    uses = uses_of(app.mappings.values())
    for name, stop in before.items():
        resource = stop["resource"]
        answered = measured.resources.get(resource)
        silent = blind or answered is None or answered.access is Access.UNKNOWN
        if name not in found and silent and resource in uses and name in uses[resource].mappings:
            found[name] = dict(stop)
    return found
