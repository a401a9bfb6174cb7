"""What the sandbox tests share: running servers and a client that is logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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


@pytest.fixture(scope="module")
def shared() -> Iterator[Callable[..., Api]]:
    """As ``run``, but one server per settings for a whole file: for tests that leave nothing behind."""
    started: dict[str, Api] = {}

    def get(**settings: Any) -> Api:
        name = repr(sorted(settings.items()))
        if name not in started:
            started[name] = start_api(settings)
        return started[name]

    yield get
    stop_all(started.values())


@pytest.fixture
def run() -> Iterator[Callable[..., Api]]:
    """Starts a sandbox with these settings and gives a client; everything is stopped at the end."""
    started: list[Api] = []

    def start(**settings: Any) -> Api:
        started.append(start_api(settings))
        return started[-1]

    yield start
    stop_all(started)


def start_api(settings: dict[str, Any]) -> Api:
    defaults: dict[str, Any] = {"envelope": "plain", "references": "code"}
    return Api(SandboxServer(SandboxConfig(**{**defaults, **settings})).start())


def stop_all(started: Iterable[Api]) -> None:
    for api in started:
        api.http.close()
        api.server.stop()
