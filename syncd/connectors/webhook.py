"""Events to a receiver over HTTP: signed POSTs in the manner of Standard Webhooks. Any answer but 2xx is a failure.

The address may itself be a secret, so no message shows more of it than the target's name. Redirects are not followed:
a signed event goes to nobody else. What the receiver answers is not read beyond a small limit, nor believed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx

from syncd.connectors.http.transport import BoundedTransport, bounded
from syncd.connectors.http.waits import retry_after
from syncd.core.model import Document
from syncd.core.signing import sign
from syncd.errors import Later, Refused, UnknownOutcome
from syncd.ports import Clock, OutboxEvent

_MOST_READ: Final = 64 * 1024  # bytes of an answer; enough to keep the connection with a polite receiver
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class WebhookTarget:
    """``ports.Target`` over HTTP. ``name`` is how messages call it."""

    def __init__(self, name: str, url: str, secret: str, timeout: timedelta, clock: Clock) -> None:
        self._name, self._url, self._secret, self._clock = name, url, secret, clock
        self._seconds = timeout.total_seconds()
        self._transport = BoundedTransport(1)

    def __repr__(self) -> str:
        return f"WebhookTarget({self._name!r})"

    def deliver(self, event: OutboxEvent) -> None:
        """POST once. Raises Later (with the receiver's ``Retry-After``), Refused, UnknownOutcome."""
        status, headers = self._post(event.id, body_of(event))
        if httpx.codes.is_success(status):
            return
        said = f"{self._name} answered {status}"
        if httpx.codes.is_redirect(status):
            raise Refused(f"{said}, a redirect, which is not followed: give the address it leads to")
        if httpx.codes.is_client_error(status) and status not in {408, 425, 429}:
            raise Refused(said)
        raise Later(said, retry_after=retry_after(headers, self._clock.now().timestamp()))

    def close(self) -> None:
        """Release connections."""
        self._transport.close()

    def _post(self, identity: UUID, body: bytes) -> tuple[int, Mapping[str, str]]:
        """Status and headers of the answer."""
        signed = sign(self._secret, str(identity), int(self._clock.now().timestamp()), body)
        wait = self._seconds
        try:
            outgoing = httpx.Request(
                "POST",
                self._url,
                headers={"content-type": "application/json", "user-agent": "syncd", "accept-encoding": "", **signed},
                content=body,
                extensions={"timeout": {"connect": wait, "read": wait, "write": wait, "pool": wait}},
            )
            with bounded(time.monotonic() + wait, ()):
                response = self._transport.handle_request(outgoing)
                try:
                    _read_some(response)
                finally:
                    response.close()
        except (httpx.InvalidURL, ValueError):
            raise Refused(f"{self._name}: its address cannot be used") from None
        except _NOT_SENT as error:
            raise Later(f"{self._name}: cannot connect: {type(error).__name__} {error}") from None
        except httpx.HTTPError as error:
            raise UnknownOutcome(f"{self._name}: no answer: {type(error).__name__} {error}") from None
        return response.status_code, response.headers


def body_of(event: OutboxEvent) -> bytes:
    """What is sent, the same in every attempt: ``id``, ``type``, ``timestamp`` and ``data``.

    Decimals and dates are text, so that no receiver rounds money.
    """
    data: dict[str, Any] = {
        "source": event.source,
        "record": dict(event.subject),
        "changed": list(event.changed),
        "before": _plain(event.before),
        "after": _plain(event.after),
    }
    if event.level is not None:
        data["level"] = event.level
    told = {"id": event.id, "type": event.event, "timestamp": event.at.isoformat(), "data": data}
    return json.dumps(told, default=str, separators=(",", ":"), sort_keys=True).encode()


def _read_some(response: httpx.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again. Raw bytes: nothing is unpacked."""
    size = 0
    try:
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > _MOST_READ:
                return
    except httpx.HTTPError:
        return  # the status has come, and it is all that counts


def _plain(document: Document | None) -> dict[str, Any] | None:
    return None if document is None else dict(document)
