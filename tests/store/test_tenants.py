"""What is remembered of a tenant: the last measurement, and which mappings its changes stopped."""

from __future__ import annotations

from syncd.store.postgres import PostgresStore
from syncd.store.tenants import TenantMemory

STOP = {"line": "some.yaml:3:1: gone", "resource": "clients", "since": "2026-11-20T12:00:00+00:00"}


def test_the_last_memory_of_a_tenant_counts(store: PostgresStore) -> None:
    assert store.tenant("http://a") is None
    assert store.stops() == {}
    store.remember_tenant("http://a", TenantMemory({"format": 1, "n": 1}, {"clients": STOP}))
    store.remember_tenant("http://a", TenantMemory({"format": 1, "n": 2}, {"notes": STOP}))
    assert store.tenant("http://a") == TenantMemory({"format": 1, "n": 2}, {"notes": STOP})
    assert store.stops() == {"notes": STOP}


def test_the_stops_of_a_tenant_that_is_not_synced_any_more_end(store: PostgresStore) -> None:
    store.remember_tenant("http://a", TenantMemory({"format": 1}, {"clients": STOP}))
    store.remember_tenant("http://b", TenantMemory({"format": 1}, {}))
    assert store.stops() == {}
    assert store.tenant("http://a") == TenantMemory({"format": 1}, {}), "its measurement is kept"
