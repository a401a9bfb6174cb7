"""Starting and stopping a sandbox. The public face of this package; must never outlive its ``stop``."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from syncd.errors import ConfigError, Problem
from syncd.sandbox.actions.catalogue import ACTIONS
from syncd.sandbox.actions.webhooks import RESOURCES, Webhooks
from syncd.sandbox.app import TRANSPORT, build
from syncd.sandbox.auth import Auth
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.datafile import DataFile
from syncd.sandbox.faults import Faults
from syncd.sandbox.resources import declarations
from syncd.sandbox.router import Router
from syncd.sandbox.sample import seed_reference_data
from syncd.sandbox.sample_data import seed_sample
from syncd.sandbox.state import State

__all__ = ["SandboxConfig", "SandboxServer", "routes", "serve"]

_START_SECONDS = 30.0


class SandboxServer:
    """One local Flowtly in a thread. ``state`` and ``faults`` may be used from any thread while it runs."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        resources = {**declarations(self.config.references, linked_amounts=self.config.linked_amounts), **RESOURCES}
        self.state = State(resources, self.config.now, self.config.seed)
        self._webhooks = Webhooks(self.state)
        self.auth = Auth(self.config)
        self.faults = Faults()
        app, self._api = build(self.config, self.state, self.auth, self.faults)
        self._app: Any = app
        self._file = DataFile(self.config.data, self.state, self.config.references) if self.config.data else None
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0
        self._loaded = False

    @property
    def origin(self) -> str:
        """``http://host:port`` without the prefix."""
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"http://{host}:{self._port}"

    @property
    def url(self) -> str:
        """The base URL of the API: origin and prefix."""
        return f"{self.origin}{self.config.prefix}"

    @property
    def requests(self) -> dict[str, int]:
        """How often each method and route was asked, such as ``GET /clients/{id}``."""
        return dict(self._api.requests)

    def reset_requests(self) -> None:
        """Count from zero again."""
        self._api.requests.clear()

    def start(self) -> Self:
        """Load or make the data and serve; returns when connections are accepted.

        Raises ConfigError when the data file is not usable or the address is not free.
        """
        if self._thread is not None:
            raise RuntimeError("the sandbox runs already")
        self._fill()
        listener = self._listen()
        self._port = listener.getsockname()[1]
        if self._file is not None:
            self._file.start()
        settings = uvicorn.Config(
            self._app,
            http=_Protocol,
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([listener],), name="sandbox-flowtly", daemon=True
        )
        self._thread.start()
        self._await_start()
        self._webhooks.start()
        return self

    def stop(self) -> None:
        """Stop serving and write what is left to the data file; harmless when it does not run."""
        if self._thread is None or self._uvicorn is None:
            return
        self._uvicorn.should_exit = True
        self._thread.join()
        self._thread = None
        self._uvicorn = None
        self._webhooks.stop()
        if self._file is not None:
            self._file.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _fill(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        if self._file is not None and self._file.load():
            return
        seed_reference_data(self.config, self.state)
        if not self.config.empty:
            seed_sample(self.config, self.state)

    def _listen(self) -> socket.socket:
        # The protocol is named so that asyncio turns Nagle's algorithm off; without, each answer takes 40 ms.
        family = socket.AF_INET6 if ":" in self.config.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.config.host, self.config.port))
            listener.listen(128)
        except (OSError, OverflowError) as error:
            listener.close()
            text = f"cannot listen on {self.config.host}:{self.config.port}: {error}"
            raise ConfigError([Problem("sandbox", 0, 0, text)]) from error
        return listener

    def _await_start(self) -> None:
        ended = threading.Event()
        waited = 0.0
        while self._uvicorn is not None and not self._uvicorn.started:
            if self._thread is None or not self._thread.is_alive() or waited > _START_SECONDS:
                raise RuntimeError("the sandbox did not start")
            ended.wait(0.005)
            waited += 0.005


class _Protocol(HttpToolsProtocol):
    """Hands the app its connection: ASGI itself has no word for a reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"connection": self.transport}}


def routes() -> list[tuple[str, str]]:
    """Every operation a sandbox serves under its prefix, as method and path template, sorted by path."""
    return Router({**declarations("iri"), **RESOURCES}, ACTIONS).routes()


def serve(config: SandboxConfig, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is told the base URL once connections are accepted.

    For the main thread of a process of its own. Raises ConfigError as ``SandboxServer.start`` does.
    """
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with SandboxServer(config) as server:
            if ready is not None:
                ready(server.url)
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
