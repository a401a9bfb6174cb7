"""Nothing leaves this process for a peer once its lease may have ended, and a store that fell silent is let go."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from threading import Event

import pytest

from syncd.core.model import Side
from syncd.engine.context import query_of
from syncd.engine.lease import LeaseKeeper, RunStop
from syncd.errors import LeaseLost
from syncd.ports.sending import only_while, still_allowed
from syncd.store.postgres import PostgresStore
from tests.daemons.crew import eventually
from tests.daemons.wire import Wire
from tests.engine.world import World


def refuse() -> None:
    raise LeaseLost("it is another's now")


@pytest.mark.parametrize("side", list(Side))
def test_a_write_is_not_sent_without_the_right_to(world: World, side: Side) -> None:
    assert world.app is not None
    mapping = world.app.mappings["clients"]
    peer, query = world.app.peers(mapping)[side], query_of(mapping, side)
    list(peer.pages(query, None))
    fields = {
        Side.EXTERNAL: {"customer_no": "C1", "company_name": "Ada ApS"},
        Side.FLOWTLY: {"name": "Ada ApS", "country": "/api/countries/1", "currency": "/api/currencies/1"},
    }[side]
    asked = dict(world.flowtly.requests)
    with only_while(refuse), pytest.raises(LeaseLost):
        peer.create(query, fields)
    assert world.flowtly.requests == asked
    assert world.customers() == world.clients() == {}
    peer.create(query, fields)
    assert len(world.customers()) + len(world.clients()) == 1


def test_the_right_is_that_of_one_thread_and_one_block() -> None:
    other: list[bool] = []
    with only_while(refuse):
        thread = threading.Thread(target=lambda: other.append(still_allowed() is None))
        thread.start()
        thread.join()
    still_allowed()
    assert other == [True]


def test_a_lease_that_cannot_be_renewed_ends_by_our_own_clock(world: World, store_url: str) -> None:
    """The store takes what it is sent and says nothing: nobody tells us that the lease is over."""
    assert world.app is not None
    ttl = timedelta(seconds=1)
    with Wire(store_url) as wire, PostgresStore(wire.url) as store:
        lease = store.acquire("clients", "one", ttl)
        assert lease is not None
        stop = RunStop(Event(), world.app.clock, timedelta(hours=1))
        with LeaseKeeper(store, lease, ttl, stop) as keeper:
            keeper.require()
            wire.fall_silent()
            eventually(lambda: _over(keeper))
            assert stop.is_set()
            wire.mend()


def _over(keeper: LeaseKeeper) -> bool:
    try:
        keeper.require()
    except LeaseLost:
        return True
    return False


def test_a_server_that_falls_silent_and_a_session_that_stands_still_are_both_ended(store_url: str) -> None:
    with Wire(store_url) as wire, PostgresStore(wire.url) as store:
        with store.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with socket.socket(fileno=socket.dup(driver.fileno())) as line:
                assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
            shown = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one()
        assert shown == "1min"
        with store.unpooled.connect() as connection:  # a reading may wait for its peer
            assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar_one() == "0"
