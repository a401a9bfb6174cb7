"""What the sandbox tests share: running servers and a client that is logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from syncd.sandbox.server import SandboxConfig, SandboxServer

MERGE = {"Content-Type": "application/merge-patch+json"}


class Api:
    """A client of one server, logged in as the writer."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        token = server.auth.issue(server.config.user)
        self.http = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, timeout=10)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, data: Any, **options: Any) -> httpx.Response:
        return self.http.post(path, json=data, **options)

    def patch(self, path: str, data: Any) -> httpx.Response:
        return self.http.patch(path, json=data, headers=MERGE)

    def members(self, path: str) -> list[dict[str, Any]]:
        data = self.get(path).json()
        members: list[dict[str, Any]] = data.get("member", data.get("hydra:member"))
        return members


@pytest.fixture
def run() -> Iterator[Callable[..., Api]]:
    """Starts a sandbox with these settings and gives a client; everything is stopped at the end."""
    started: list[Api] = []

    def start(**settings: Any) -> Api:
        defaults: dict[str, Any] = {"envelope": "plain", "references": "code"}
        api = Api(SandboxServer(SandboxConfig(**{**defaults, **settings})).start())
        started.append(api)
        return api

    yield start
    for api in started:
        api.http.close()
        api.server.stop()
