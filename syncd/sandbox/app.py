"""The ASGI side: reads a request whole, lets the fault rules act, sends the answer. Must never decide an answer.

A body of more than 32 MiB is refused as the gateway in front would: 413, with nothing handled.

Besides the API it serves the routes under ``/_sandbox`` (see ``admin``), which no Flowtly has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from syncd.sandbox import havoc
from syncd.sandbox.actions.admin import action_routes
from syncd.sandbox.admin import admin_routes
from syncd.sandbox.answer import Answer
from syncd.sandbox.auth import Auth
from syncd.sandbox.call import Call
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.errors import gateway_page
from syncd.sandbox.faults import Faults, Rule
from syncd.sandbox.handlers import Handlers
from syncd.sandbox.havoc import Hidden
from syncd.sandbox.router import Route
from syncd.sandbox.state import State

TRANSPORT: Final = "syncd.transport"
"""Where the protocol leaves the connection in the ASGI scope."""

LOG: Final = logging.getLogger("syncd.sandbox")
MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of one request."""

_OVERRIDABLE: Final = frozenset({"PATCH", "PUT", "DELETE"})
_RESET_NOW: Final = struct.pack("ii", 1, 0)


class Reset(Exception):
    """The connection is to be reset."""


class Api:
    """Everything under the API prefix."""

    def __init__(self, config: SandboxConfig, state: State, auth: Auth, faults: Faults) -> None:
        self.requests: Counter[str] = Counter()
        self._config = config
        self._state = state
        self._faults = faults
        self.handlers = Handlers(config, state, auth)
        self._hidden = Hidden(config.now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        request = Request(scope, receive)
        body = await _body(request)
        if body is None:
            await _send(
                Answer(413, [("Content-Type", "text/html"), ("Connection", "close")], gateway_page(413)), None, send
            )
            return
        call = self._call(request, body)
        route = self.handlers.router.match(call.path, call.method) if call.known else None
        self.requests[f"{call.method} {route.template if route else 'unknown'}"] += 1
        rules = self._faults.take(call.method, call.path)
        try:
            answer = await self._answer(call, route, rules)
        except Reset:
            await _reset(scope, receive)
            return
        if self._config.log_requests:
            LOG.info("%s %s -> %d", call.method, call.raw_path, answer.status)
        await _send(answer, next((rule for rule in rules if rule.kind == "slow"), None), send)

    async def _answer(self, call: Call, route: Route | None, rules: list[Rule]) -> Answer:
        for rule in rules:
            if rule.kind == "latency":
                await asyncio.sleep(rule.params["seconds"])
        early = _first(rules, ("reset", "status", "html"))
        if early is not None:
            if early.kind == "reset":
                raise Reset
            return havoc.gateway(early) if early.kind == "status" else havoc.html_page()
        answer = self.handlers.answer(self._prepared(call, route, rules))
        if answer.created is not None:
            for rule in rules:
                if rule.kind == "listing_delay":
                    self._hidden.add(*answer.created, rule)
        late = _first(rules, ("reset_after", "status_after"))
        if late is not None:
            if late.kind == "reset_after":
                raise Reset
            return havoc.gateway(late)
        return havoc.spoiled(rules, answer, self._config.envelope)

    def _prepared(self, call: Call, route: Route | None, rules: list[Rule]) -> Call:
        """The call with what the rules put in its way."""
        resource = route.resource if route else None
        if resource is None:
            return call
        for rule in rules:
            if rule.kind == "page_shift":
                havoc.shift(rule, self._state, resource)
        rewrites = [rule for rule in rules if rule.kind == "rewrite"]
        if rewrites:
            call = call.with_rewrite(lambda values: havoc.rewritten(rewrites, values))
        if route is not None and route.kind == "collection" and call.method in ("GET", "HEAD"):
            call = call.with_hidden(self._hidden.of(resource.name))
        return call

    def _call(self, request: Request, body: bytes) -> Call:
        prefix = self._config.prefix
        path: str = request.scope["path"]
        inside = path == prefix or path.startswith(f"{prefix}/")
        method = request.method
        headers = dict(request.headers.items())
        override = headers.get("x-http-method-override", "").upper()
        if method == "POST" and override in _OVERRIDABLE:
            method = override
        return Call(
            method=method,
            path=path.removeprefix(prefix) or "/" if inside else path,
            known=inside,
            raw_path=request.scope.get("raw_path", path.encode()).decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            origin=f"http://{headers.get('host', 'localhost')}",
        )


def build(config: SandboxConfig, state: State, auth: Auth, faults: Faults) -> tuple[Starlette, Api]:
    """The whole application, and the API inside it for its counters."""
    api = Api(config, state, auth, faults)
    admin = [*admin_routes(config, state, faults, api.requests), *action_routes(api.handlers)]
    return Starlette(routes=[Mount("/_sandbox", routes=admin), Mount("/", app=api)]), api


def _first(rules: list[Rule], kinds: tuple[str, ...]) -> Rule | None:
    return next((rule for rule in rules if rule.kind in kinds), None)


async def _body(request: Request) -> bytes | None:
    """The whole body, None when it is too large."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY:
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def _send(answer: Answer, slow: Rule | None, send: Send) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204 and answer.stream is None:  # noqa: PLR2004 - HTTP: no content
        raw.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if slow is None and answer.stream is None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    for piece in _pieces(answer, slow):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if slow is not None:
            await asyncio.sleep(slow.params["seconds"])
    await send({"type": "http.response.body", "body": b""})


def _pieces(answer: Answer, slow: Rule | None) -> Iterator[bytes]:
    """The body as it goes out: whole, as it is made, or cut as a ``slow`` rule says."""
    for part in (answer.body,) if answer.stream is None else answer.stream:
        size = max(int(slow.params["size"]), 1) if slow is not None else max(len(part), 1)
        yield from (part[start : start + size] for start in range(0, len(part), size))


async def _reset(scope: Scope, receive: Receive) -> None:
    """Drop the connection so that the client sees a reset, not an end."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["connection"]
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_NOW)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        continue
