"""The connector contract for the Tryton connector, on real servers of both supported series.

The contract's text field is once the party's own name, and once the city of its address, which a person edits directly:
Tryton does not move the party's stamp then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest

from syncd.connectors.tryton.connector import TrytonConnector
from syncd.ports import Query
from tests.connectors.contract import Peer, RealClock, WriteContract
from tests.support.tryton_server import TrytonServer, tryton_server

pytestmark = pytest.mark.slow

SECRET = "wrong-horse-battery"


def connector(url: str, database: str, password: str) -> TrytonConnector:
    login = {"url": url, "database": database, "username": "admin", "password": password}
    settings = TrytonConnector.Settings.model_validate({**login, "page_size": 7, "retries": 0})
    return TrytonConnector.from_settings("erp", settings, RealClock())


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Flat test fields as a person at the desk would enter them."""
    values: dict[str, Any] = {"name": fields["name"]}
    if fields.get("city") is not None:
        values["addresses"] = [["create", [{"city": fields["city"]}]]]
    return values


class Servers:
    """One server of each version for many tests; started again after a test has stopped it."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._stacks: dict[str, ExitStack] = {}
        self._servers: dict[str, TrytonServer] = {}

    def clean(self, version: str) -> TrytonServer:
        """A running server without any party."""
        if version not in self._servers or self._servers[version].stopped:
            stack = self._stacks.setdefault(version, ExitStack())
            stack.close()
            started = tryton_server(self._factory.mktemp("tryton"), version=version)
            self._servers[version] = stack.enter_context(started)
        self._servers[version].clear()
        return self._servers[version]

    def close(self) -> None:
        """Stop them all."""
        for stack in self._stacks.values():
            stack.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory)
    yield made
    made.close()


class Parties(WriteContract):
    """The contract for parties."""

    __test__ = False
    version: ClassVar[str] = "8.2"
    text: ClassVar[str] = "name"
    other: ClassVar[str] = "city"

    @pytest.fixture
    def peer(self, servers: Servers) -> Iterator[Peer]:
        server = servers.clean(self.version)

        def edit(key: str, fields: Mapping[str, Any]) -> None:
            for name, value in fields.items():
                if name == "name":
                    server.rpc("model.party.party.write", [int(key)], {"name": value})
                else:
                    address = server.rpc("model.party.address.search", [["party", "=", int(key)]], 0, 1, [])
                    server.rpc("model.party.address.write", address, {name: value})

        def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
            return [str(party) for party in server.parties([nested(row) for row in rows])]

        under_test = connector(server.url, server.database, server.password)
        yield Peer(
            connector=under_test,
            query=Query("party", cursor_field="write_date"),
            text=self.text,
            other=self.other,
            sample=lambda n: {"name": f"Company {n}", "city": f"City {n}"},
            seed=seed,
            edit=edit,
            cut=server.stop,
            secrets=(SECRET, server.password),
            denied=lambda: connector(server.url, server.database, SECRET),
            unreachable=lambda: connector("http://127.0.0.1:9", "party", SECRET),
        )
        under_test.close()


class TestPartiesOfTryton82(Parties):
    __test__ = True


class TestAddressesOfTryton82(Parties):
    __test__ = True
    text, other = "city", "name"


class TestAddressesOfTryton70(Parties):
    __test__ = True
    version = "7.0"
    text, other = "city", "name"
