"""What is remembered of a Flowtly tenant between measurements, and which mappings its changes stopped.

It keeps and gives back what it is told; it never reads a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from syncd.store.database import Database
from syncd.store.tables import tenant


@dataclass(frozen=True, slots=True)
class TenantMemory:
    """The last measurement of a tenant as JSON data, and for each stopped mapping why, as JSON data."""

    measurement: Mapping[str, Any]
    stops: Mapping[str, Mapping[str, str]]


class Tenants(Database):
    """One row per tenant; only the one measured last counts for what is stopped."""

    def tenant(self, name: str) -> TenantMemory | None:
        """What is remembered of a tenant."""
        wanted = select(tenant.c.measurement, tenant.c.stops).where(tenant.c.name == name)
        with self.transaction() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else TenantMemory(row.measurement, row.stops)

    def remember_tenant(self, name: str, memory: TenantMemory) -> None:
        """Replace what is remembered of a tenant; another one's stops end, as it is not synced any more."""
        new = insert(tenant).values(name=name, measurement=dict(memory.measurement), stops=_plain(memory.stops))
        kept = {
            "measurement": new.excluded.measurement,
            "stops": new.excluded.stops,
            "measured_at": func.now(),
        }
        with self.transaction() as connection:
            connection.execute(tenant.update().where(tenant.c.name != name).values(stops={}))
            connection.execute(new.on_conflict_do_update(index_elements=[tenant.c.name], set_=kept))

    def stops(self) -> dict[str, dict[str, str]]:
        """Stopped mappings by name: ``line`` says why and where, ``since`` when it was noticed."""
        with self.transaction() as connection:
            rows = connection.execute(select(tenant.c.stops)).scalars().all()
        return {mapping: dict(stop) for stops in rows for mapping, stop in stops.items()}


def _plain(stops: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {mapping: dict(stop) for mapping, stop in stops.items()}
