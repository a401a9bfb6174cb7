"""What Flowtly does later by itself: the enrichment of counterparties. Must never act within the request that asks.

A job waits for the next request to end, so that this one still sees the old values and the one after it the new
ones; ``run`` does everything that waits at once. Websites and logos are made of the name, under ``.example``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from syncd.sandbox.declare import Id
from syncd.sandbox.state import State


class Branding:
    """The waiting enrichments of one sandbox. Guarded by the state's lock."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._fresh: dict[Id, None] = {}
        self._ripe: dict[Id, None] = {}

    def queue(self, keys: Iterable[Id]) -> None:
        """Enrich these counterparties later; one that waits already waits once."""
        with self._state.lock:
            self._fresh.update(dict.fromkeys(key for key in keys if key not in self._ripe))

    def waiting(self) -> list[str]:
        """The IRIs of the counterparties that wait, oldest first."""
        with self._state.lock:
            return [self._state.resources["Counterparty"].iri(key) for key in (*self._ripe, *self._fresh)]

    def begin(self) -> None:
        """A request begins: what waits now is done when it has ended."""
        if self._fresh:
            with self._state.lock:
                self._ripe.update(self._fresh)
                self._fresh.clear()

    def end(self) -> None:
        """A request has ended."""
        if self._ripe:
            with self._state.lock:
                keys, self._ripe = list(self._ripe), {}
                for key in keys:
                    self._enrich(key)

    def run(self) -> int:
        """Do everything that waits; how many that were."""
        with self._state.lock:
            count = len(self.waiting())
            self.begin()
            self.end()
            return count

    def _enrich(self, key: Id) -> None:
        row = self._state.get("Counterparty", key)
        if row is not None:
            site = f"{slug(row.get('displayName') or f'counterparty {key}')}.example"
            brand = {"corporateWebsiteUrl": f"https://www.{site}", "logoUrl": f"https://logos.{site}/logo.svg"}
            self._state.update("Counterparty", key, brand)


def slug(name: str) -> str:
    """A name as part of a host name."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "counterparty"
