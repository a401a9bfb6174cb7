"""Leases with fencing tokens: one daemon a mapping. The database's clock counts, and a fence never goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, text

from syncd.errors import LeaseLost
from syncd.ports import Lease
from syncd.store.database import Database

_ACQUIRE: Final = text(
    """
    INSERT INTO lease AS held (name, owner, fence, expires_at)
    VALUES (:name, :owner, 1, clock_timestamp() + CAST(:ttl AS interval))
    ON CONFLICT (name) DO UPDATE SET
        owner = excluded.owner, fence = held.fence + 1, acquired_at = clock_timestamp(),
        expires_at = clock_timestamp() + CAST(:ttl AS interval)
    WHERE held.expires_at <= clock_timestamp() OR held.owner = excluded.owner
    RETURNING fence
    """
)
_RENEW: Final = text(
    """
    UPDATE lease SET expires_at = clock_timestamp() + CAST(:ttl AS interval)
    WHERE name = :name AND owner = :owner AND fence = :fence AND expires_at > clock_timestamp()
    """
)
# The row stays: its fence must go on growing.
_RELEASE: Final = text(
    """
    UPDATE lease SET expires_at = clock_timestamp()
    WHERE name = :name AND owner = :owner AND fence = :fence AND expires_at > clock_timestamp()
    """
)
# FOR SHARE: whoever wants to take the lease over waits until the transaction that was allowed has ended.
_HELD: Final = text(
    """
    SELECT 1 FROM lease
    WHERE name = :name AND owner = :owner AND fence = :fence AND expires_at > clock_timestamp() FOR SHARE
    """
)


class Leases(Database):
    """The right to work on a mapping."""

    def acquire(self, name: str, owner: str, ttl: timedelta) -> Lease | None:
        """Take a lease, or None while another owner's has not expired. The same owner may take it again.

        Every acquisition gets a higher fence; what was allowed under an earlier one is not any more.
        """
        with self.transaction() as connection:
            fence = connection.execute(_ACQUIRE, {"name": name, "owner": owner, "ttl": ttl}).scalar_one_or_none()
        return None if fence is None else Lease(name, owner, fence)

    def renew(self, lease: Lease, ttl: timedelta) -> None:
        """Extend a lease. Raises LeaseLost, also for one that has expired and that nobody took yet."""
        with self.transaction() as connection:
            if connection.execute(_RENEW, {**_named(lease), "ttl": ttl}).rowcount == 0:
                raise _lost(lease)

    def release(self, lease: Lease) -> None:
        """Give a lease back; harmless when it is lost already."""
        with self.transaction() as connection:
            connection.execute(_RELEASE, _named(lease))


def require(connection: Connection, lease: Lease) -> None:
    """Let this transaction go on only under a lease that is still ours. Raises LeaseLost."""
    if connection.execute(_HELD, _named(lease)).first() is None:
        raise _lost(lease)


def _named(lease: Lease) -> dict[str, str | int]:
    return {"name": lease.name, "owner": lease.owner, "fence": lease.fence}


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"the lease on {lease.name!r} (fence {lease.fence}) is not held by {lease.owner!r} any more")
