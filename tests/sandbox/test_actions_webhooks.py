"""Webhooks out: what is told to whom, what is not called, and that a lost or slow receiver holds nothing up."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from syncd.sandbox.actions.webhooks import SIGNATURE
from tests.sandbox.books import EXTRA, Books, path
from tests.sandbox.conftest import Api

WAIT = 20


class Receiver:
    """A real HTTP server that keeps what it is told; ``gate`` closed makes it wait before it answers."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.put((dict(self.headers.items()), body))
                outer.gate.wait(WAIT)
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(b"thanks " + b"x" * 5000)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def next(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.told.get(timeout=WAIT)[1])
        return told

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def books(run: Callable[..., Api]) -> Books:
    return Books(run(**EXTRA))


def logged(books: Books, count: int) -> list[dict[str, Any]]:
    """The log once it has so many entries: asked again and again, since nothing says when a delivery is over."""
    for _ in range(10_000):
        entries = books.api.members("/webhook-logs?itemsPerPage=100")
        if len(entries) >= count:
            return entries
    raise AssertionError(f"only {len(entries)} deliveries were logged")


def test_every_change_is_told_with_an_event_and_an_iri(books: Books, receiver: Receiver):
    books.api.post("/webhooks", {"url": receiver.url})
    client = books.api.post("/clients", {"name": "New"}).json()["@id"]
    assert receiver.next() == {"event": "client.created", "iri": client}
    books.api.patch(path(client), {"name": "Newer"})
    assert receiver.next() == {"event": "client.updated", "iri": client}
    books.api.patch(path(client), {"name": "Newer"})
    contact = books.api.post("/client-contacts", {"client": client, "name": "A", "email": "a@example.com"}).json()[
        "@id"
    ]
    assert receiver.next() == {"event": "client_contact.created", "iri": contact}
    books.api.http.delete(path(contact))
    assert receiver.next() == {"event": "client_contact.deleted", "iri": contact}
    invoice = books.invoice(client)
    assert receiver.next() == {"event": "invoice.created", "iri": invoice}
    books.api.post(f"{path(invoice)}/send", {"recipients": ["a@example.com"]})
    assert receiver.next() == {"event": "invoice.updated", "iri": invoice}
    assert receiver.told.empty()
    entry = logged(books, 6)[0]
    assert (entry["url"], entry["event"], entry["statusCode"]) == (receiver.url, "client.created", 200)
    assert entry["response"].startswith("thanks x")
    assert len(entry["response"]) <= 500


def test_only_the_events_asked_for_signed_with_the_secret(books: Books, receiver: Receiver):
    wanted = {"url": receiver.url, "events": ["client.updated"], "secret": "s3cret"}
    hook = books.api.post("/webhooks", wanted).json()
    assert "secret" not in hook
    client = books.client("A")
    books.state.update("Client", 1, {"name": "B"})
    headers, body = receiver.told.get(timeout=WAIT)
    assert json.loads(body) == {"event": "client.updated", "iri": client}
    digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={digest}"
    books.api.patch(path(hook["@id"]), {"events": ["client.created"], "secret": None})
    books.client("C")
    headers, body = receiver.told.get(timeout=WAIT)
    assert (json.loads(body)["event"], SIGNATURE in headers) == ("client.created", False)
    books.api.http.delete(path(hook["@id"]))
    books.client("D")
    assert len(logged(books, 2)) == 2
    assert receiver.told.empty()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "https://127.0.0.1/x",
        "http://localhost/x",
        "http://127.0.0.1@example.com/",
        "ftp://x",
        "x",
        "http://[",
    ],
)
def test_no_other_address_is_called(books: Books, url: str):
    assert books.api.post("/webhooks", {"url": url}).status_code == 201
    books.client("A")
    (entry,) = logged(books, 1)
    assert entry["response"] == "not called: the sandbox calls only http://127.0.0.1"
    assert "statusCode" not in entry


def test_a_receiver_that_is_gone_or_sends_elsewhere_is_logged_and_not_followed(books: Books, receiver: Receiver):
    receiver.status = 302
    books.api.post("/webhooks", {"url": receiver.url})
    books.client("A")
    assert logged(books, 1)[0]["statusCode"] == 302
    receiver.close()
    books.client("B")
    assert logged(books, 2)[1]["response"] == "no answer: ConnectError"


def test_a_slow_receiver_does_not_hold_up_the_api_or_the_stop(books: Books, receiver: Receiver):
    receiver.gate.clear()
    books.api.post("/webhooks", {"url": receiver.url})
    for number in range(5):
        assert books.api.post("/clients", {"name": f"C{number}"}).status_code == 201
    receiver.next()
    books.api.server.stop()
    assert receiver.told.qsize() < 4
    assert books.state.count("Client") == 5


@pytest.mark.parametrize("body", [{}, {"url": None}, {"url": 5}, {"url": "http://127.0.0.1", "events": "all"}])
def test_a_bad_webhook_is_refused(books: Books, body: object):
    assert books.api.post("/webhooks", body).status_code in (400, 422)
    assert books.state.count("Webhook") == 0


def test_events_that_are_no_texts_mean_none(books: Books, receiver: Receiver):
    books.api.post("/webhooks", {"url": receiver.url, "events": [5, None, {"a": 1}]})
    books.api.post("/webhooks", {"url": receiver.url, "events": ["budget.created"]})
    books.client("A")
    books.add("Budget", name="B", type="global", granularity="month")
    assert receiver.next()["event"] == "budget.created"
    assert len(logged(books, 1)) == 1
