"""Webhooks out: whoever registered one is told that a record changed, in the background and once.

Flowtly lists ``/webhooks`` and ``/webhook-logs``; bodies, event names and signature are unpublished. Modelled:
``{"url", "events", "secret"}``, where no events means all; a delivery is ``{"event": "invoice.updated", "iri":
"/api/invoices/5"}`` with ``X-Flowtly-Signature: sha256=<HMAC of the body>`` where there is a secret. Nothing is
repeated, the order is that of the changes, and the last thousand attempts are in the log. Must never call anything
but http://127.0.0.1: other addresses are logged as not called.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import re
import threading
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import httpx

from syncd.sandbox.declare import Field, Filter, Id, Resource
from syncd.sandbox.state import State

SIGNATURE: Final = "X-Flowtly-Signature"
_SECONDS: Final = 2.0
_WAITING: Final = 10_000
_LOGGED: Final = 1000
_KEPT_CHARACTERS: Final = 500
_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")

_WEBHOOK: Final = Resource(
    path="webhooks",
    name="Webhook",
    groups="webhook.read",
    write_groups="webhook.write",
    id_type="uuid",
    fields=(
        Field("id", writable=False),
        Field("url", required=True, max_length=2000),
        Field("events", "array", nullable=True),
        Field("secret", nullable=True, readable=False, max_length=255),
    ),
    filters=(Filter("url"),),
    orders=("id",),
)
_LOG: Final = Resource(
    path="webhook-logs",
    name="WebhookLog",
    groups="webhook_log.read",
    id_type="uuid",
    collection=("GET",),
    item=("GET",),
    fields=(
        Field("id", writable=False),
        Field("url"),
        Field("event"),
        Field("statusCode", "integer", nullable=True),
        Field("responseTime", "integer"),
        Field("response", nullable=True),
    ),
    filters=(Filter("url"), Filter("event"), Filter("statusCode")),
    orders=("id",),
)
RESOURCES: Final = {each.name: each for each in (_WEBHOOK, _LOG)}


@dataclass(frozen=True, slots=True)
class _Delivery:
    url: str
    secret: str | None
    event: str
    iri: str


class Webhooks:
    """Delivers for one state, which must hold ``RESOURCES``, between ``start`` and ``stop``."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: queue.Queue[_Delivery | None] = queue.Queue(_WAITING)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the state from now on."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
        self._thread.start()
        self._state.watch = self._changed

    def stop(self) -> None:
        """Stop after the delivery under way, or without it when it hangs; what waits is lost, as in a power cut."""
        if self._thread is None:
            return
        self._state.watch = None
        self._stopping.set()
        with self._waiting.mutex:
            self._waiting.queue.clear()
        self._waiting.put(None)
        self._thread.join(_SECONDS + 1)
        self._thread = None

    def _changed(self, verb: str, name: str, key: Id) -> None:
        """Called under the state's lock after each change; must not wait."""
        hooks = [] if name in RESOURCES else self._state.rows(_WEBHOOK.name)
        if not hooks:
            return
        event = f"{_WORD.sub('_', name).lower()}.{verb}"
        iri = self._state.resources[name].iri(key)
        for hook in hooks:
            events = hook.get("events")
            if not events or event in events:
                self._put(_Delivery(hook["url"], hook.get("secret"), event, iri))

    def _put(self, delivery: _Delivery) -> None:
        try:
            self._waiting.put_nowait(delivery)
        except queue.Full:
            self._log(delivery, {"response": "not called: too many deliveries wait"})

    def _run(self) -> None:
        with httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False) as client:
            while (delivery := self._waiting.get()) is not None and not self._stopping.is_set():
                self._log(delivery, _delivered(client, delivery))

    def _log(self, delivery: _Delivery, outcome: dict[str, Any]) -> None:
        with self._state.lock:
            self._state.insert(_LOG.name, {"url": delivery.url, "event": delivery.event, "responseTime": 0, **outcome})
            ids = self._state.table(_LOG.name).ids
            if len(ids) > _LOGGED:
                self._state.delete(_LOG.name, ids[0])


def _delivered(client: httpx.Client, delivery: _Delivery) -> dict[str, Any]:
    """Call once; what the log says about it."""
    if not _is_local(delivery.url):
        return {"response": "not called: the sandbox calls only http://127.0.0.1"}
    body = json.dumps({"event": delivery.event, "iri": delivery.iri}).encode()
    headers = {"Content-Type": "application/json"}
    if delivery.secret:
        digest = hmac.new(delivery.secret.encode(), body, hashlib.sha256).hexdigest()
        headers[SIGNATURE] = f"sha256={digest}"
    began = monotonic()
    try:
        with client.stream("POST", delivery.url, content=body, headers=headers) as answer:
            shown = next(answer.iter_text(), "")[:_KEPT_CHARACTERS]
            outcome: dict[str, Any] = {"statusCode": answer.status_code, "response": shown}
    except httpx.HTTPError as error:
        outcome = {"response": f"no answer: {type(error).__name__}"}
    return {**outcome, "responseTime": int((monotonic() - began) * 1000)}


def _is_local(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return False
    return parts.scheme == "http" and parts.host == "127.0.0.1"
