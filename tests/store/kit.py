"""Short ways to say what a store test needs: digests, documents, a walk, a lease with a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from syncd.core.model import Base, Document, Side
from syncd.ports import Certificate, Lease, Observation, Settlement, SideState
from syncd.store.postgres import PostgresStore

MAPPING = "clients"
NOW = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)
TTL = timedelta(minutes=5)
EXTERNAL, FLOWTLY = Side.EXTERNAL, Side.FLOWTLY


def digest(word: object) -> bytes:
    """Sixteen bytes that stand for a content."""
    return str(word).encode().ljust(16, b".")[:16]


def seen(key: str, word: object = "1", **kw: Any) -> Observation:
    """An observation whose digest and document follow from ``word``."""
    document: Document | None = kw.pop("document", {"name": str(word)})
    return Observation(key, digest(word), document, **kw)


def rest(word: object = "1") -> SideState:
    """A side at rest with that content."""
    return SideState(digest(word))


def pending(key: str, word: object = "2", **kw: Any) -> SideState:
    """A side that stays pending with that content."""
    observation = seen(key, word, **kw)
    return SideState(observation.digest, observation)


def iri(number: object) -> str:
    """A Flowtly key."""
    return f"/api/clients/{number}"


@dataclass
class Kit:
    """A store with a lease and a run on one mapping."""

    store: PostgresStore
    lease: Lease
    run: int

    @classmethod
    def on(cls, store: PostgresStore, owner: str = "first") -> Kit:
        """Take the lease and begin a run."""
        lease = store.acquire(MAPPING, owner, TTL)
        assert lease is not None
        return cls(store, lease, store.begin_run(MAPPING, "test", lease))

    def settle(self, *settlements: Settlement) -> None:
        """Settle under our lease."""
        self.store.settle(settlements, MAPPING, self.run, self.lease)

    def link(self, *keys: str, word: object = "1", **kw: Any) -> None:
        """Link records that are at rest on both sides."""
        base = Base({"name": str(word)}, {"name": str(word)})
        self.settle(
            *(Settlement(key, iri(key), base, kw.get("origin", "certain"), rest(word), rest(word)) for key in keys)
        )

    def walk(
        self,
        records: Mapping[str, object] | Iterable[tuple[str, object]],
        side: Side = EXTERNAL,
        *,
        full: bool = True,
        cursor: str | None = None,
        page: int = 2,
        total: int | None = None,
        complete: bool = True,
        reason: str = "",
        shrink_limit: float = 0.3,
        changed_at: datetime | None = None,
        derived: bool = False,
    ) -> tuple[Certificate | None, set[str]]:
        """Read a side as the engine does, and return the certificate and what differed."""
        items = list(records.items() if isinstance(records, Mapping) else records)
        differed: set[str] = set()
        with self.store.begin_pass(MAPPING, side, self.run, full=full) as passing:
            for start in range(0, len(items), page):
                chunk = dict(items[start : start + page])
                found = passing.differing({key: digest(word) for key, word in chunk.items()})
                differed |= found
                passing.store([seen(key, chunk[key], changed_at=changed_at) for key in sorted(found)], None)
            if cursor is not None:
                passing.store([], cursor)
            certificate = passing.finish(
                total=total, complete=complete, reason=reason, shrink_limit=shrink_limit, derived=derived
            )
        return certificate, differed

    def certify(self, records: Mapping[str, object] | Iterable[tuple[str, object]], **kw: Any) -> Certificate:
        """Walk fully and return the certificate."""
        certificate, _ = self.walk(records, **kw)
        assert certificate is not None
        return certificate

    def observation(self, key: str, side: Side = EXTERNAL) -> Observation | None:
        """What is pending for a key."""
        return self.store.observation(MAPPING, side, key)

    def work(self, now: datetime = NOW) -> list[tuple[str, bool, bool]]:
        """Pending linked records: external key, and which sides have something pending."""
        return [
            (one.link.external_key, one.external is not None, one.flowtly is not None)
            for one in self.store.work(MAPPING, now)
            if one.link is not None
        ]

    def scalar(self, statement: str, **parameters: Any) -> Any:
        """One value out of the database."""
        with self.store.engine.connect() as connection:
            return connection.execute(text(statement), parameters).scalar()

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows out of the database."""
        with self.store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), parameters)]

    def digests(self, key: str) -> tuple[bytes, bytes]:
        """Both digests of a link."""
        ((external, flowtly),) = self.rows(
            "SELECT external_digest, flowtly_digest FROM link WHERE external_key = :key", key=key
        )
        return external, flowtly


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """True once it holds: a server process needs a moment to notice that its client has left."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
