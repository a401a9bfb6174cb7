"""Prometheus metrics of the daemon. Freshness is the one to alert on: the age of the last complete pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from syncd.engine.run import Report

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTED = ("read", "unchanged", "created", "adopted", "patched", "parked", "requests", "stale", "missed_by_cursor")


class Metrics:
    """Everything ``/metrics`` shows, fed by the reports of runs."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last_complete: dict[str, datetime] = {}
        self.registry = CollectorRegistry()
        self._runs = Counter("syncd_runs", "Runs by outcome", ["mapping", "outcome"], registry=self.registry)
        self._records = Counter(
            "syncd_records",
            "Records and requests by side and kind",
            ["mapping", "side", "kind"],
            registry=self.registry,
        )
        self._linked = Counter("syncd_linked", "Links made", ["mapping"], registry=self.registry)
        self._conflicts = Gauge("syncd_open_conflicts", "Open questions", ["mapping"], registry=self.registry)
        self._operations = Gauge(
            "syncd_open_operations", "Writes whose outcome is unknown", ["mapping"], registry=self.registry
        )
        self._fenced = Gauge(
            "syncd_fenced", "1 while nothing is written, as a peer looks restored", ["mapping"], registry=self.registry
        )
        self._freshness = Gauge(
            "syncd_freshness_seconds",
            "Age of the last run that read both sides completely",
            ["mapping"],
            registry=self.registry,
        )
        self._told = Counter("syncd_events", "Deliveries by outcome", ["target", "outcome"], registry=self.registry)
        self._waiting = Gauge(
            "syncd_events_waiting",
            "Deliveries that are pending or given up",
            ["target", "state"],
            registry=self.registry,
        )
        self._cases = Gauge(
            "syncd_dedupe_cases", "Pairs that may be one party", ["directory", "state"], registry=self.registry
        )
        self._merges = Gauge("syncd_dedupe_merges", "Merges", ["directory", "state"], registry=self.registry)
        self._searched = Gauge(
            "syncd_dedupe_searched_timestamp_seconds",
            "When a directory was last searched completely",
            ["directory"],
            registry=self.registry,
        )
        self._breaches = Gauge(
            "syncd_control_breaches", "Control totals that do not agree", ["allocation"], registry=self.registry
        )
        self._postings = Gauge(
            "syncd_allocation_postings", "Postings by state", ["allocation", "state"], registry=self.registry
        )
        self._used = Gauge(
            "syncd_budget_used_ratio",
            "Share of its plan that a budget has used, in the latest period that was told",
            ["allocation", "budget"],
            registry=self.registry,
        )
        self._seconds = Histogram("syncd_run_seconds", "Duration of runs", ["mapping"], registry=self.registry)

    def complete(self, mapping: str, moment: datetime) -> None:
        """Both sides of a mapping were read completely at this moment."""
        self._last_complete[mapping] = moment
        self._freshness.labels(mapping).set_function(lambda: self.freshness(mapping) or 0.0)

    def freshness(self, mapping: str) -> float | None:
        """Seconds since the last complete pass, or None before the first."""
        last = self._last_complete.get(mapping)
        return None if last is None else max(0.0, (self._now() - last).total_seconds())

    def failed(self, mapping: str) -> None:
        """A run that ended by an error."""
        self._runs.labels(mapping, "error").inc()

    def ran(self, report: Report) -> None:
        """Take in a finished run."""
        self._runs.labels(report.mapping, report.outcome).inc()
        if report.outcome == "busy":
            return
        self._seconds.labels(report.mapping).observe(report.seconds)
        self._conflicts.labels(report.mapping).set(report.open_conflicts)
        self._operations.labels(report.mapping).set(report.open_operations)
        self._fenced.labels(report.mapping).set(report.outcome == "fenced")
        self._linked.labels(report.mapping).inc(report.counts.get("linked", 0))
        self._count(report.mapping, report.counts)
        self._tell(report)
        if report.complete:
            self.complete(report.mapping, self._now())

    def _count(self, mapping: str, counts: Mapping[str, int]) -> None:
        for name, value in counts.items():
            side, _, kind = name.partition(".")
            if kind in _COUNTED:
                self._records.labels(mapping, side, kind).inc(value)

    def _tell(self, report: Report) -> None:
        """What other jobs counted: outcomes of one target's deliveries, what waits for each target, duplicates."""
        kind, _, target = report.mapping.partition(":")
        if kind == "dedupe":
            self._tell_duplicates(target, report.counts)
        if kind == "budgets":
            self._tell_budgets(target, report.counts)
        for name, value in report.counts.items():
            if kind == "deliver":
                self._told.labels(target, name).inc(value)
            elif kind == "events":
                waits_for, _, state = name.rpartition(".")
                self._waiting.labels(waits_for, state).set(value)

    def _tell_duplicates(self, directory: str, counts: Mapping[str, int]) -> None:
        for name, value in counts.items():
            what, _, state = name.partition(".")
            if what in {"cases", "merges"}:
                gauge = self._cases if what == "cases" else self._merges
                gauge.labels(directory, state).set(value)
        if counts.get("searched"):
            self._searched.labels(directory).set(self._now().timestamp())

    def _tell_budgets(self, allocation: str, counts: Mapping[str, int]) -> None:
        for name, value in counts.items():
            what, _, of = name.partition(".")
            if what == "breaches":
                self._breaches.labels(allocation).set(value)
            elif what == "postings":
                self._postings.labels(allocation, of).set(value)
            elif what == "used":
                self._used.labels(allocation, of).set(value / 1000)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
