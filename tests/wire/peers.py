"""Makers of clients and connectors for tests: short waits, an own clock, one place for the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.http import Credentials, HttpClient, Options
from syncd.ports import Query

TOKEN = "static-token-4711-secret"
CLIENTS = Query("clients")


@dataclass
class StandingClock:
    """A clock that moves only when told to."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


QUICK: dict[str, Any] = {"timeout": 5.0, "deadline": 10.0, "retries": 2, "first_wait": 0.001, "longest_wait": 0.01}


@contextmanager
def client(credentials: Credentials | None = None, clock: Any = None, **options: Any) -> Iterator[HttpClient]:
    """An HTTP client with short waits."""
    made = HttpClient("peer", Options(**{**QUICK, **options}), clock or StandingClock(), credentials)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def flowtly(url: str, clock: Any = None, **settings: Any) -> Iterator[FlowtlyConnector]:
    """A connector to a scripted server; a static token unless ``login`` is given."""
    given: dict[str, Any] = {"url": url, "retries": 1, "timeout": "5s", "deadline": "10s", **settings}
    if "login" not in given:
        given.setdefault("token", TOKEN)
    parsed = FlowtlyConnector.Settings.model_validate(given)
    made = FlowtlyConnector.from_settings("flowtly", parsed, clock or StandingClock())
    try:
        yield made
    finally:
        made.close()
