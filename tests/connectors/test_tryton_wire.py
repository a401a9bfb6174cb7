"""What the Tryton connector makes of answers, over real HTTP, with answers a healthy Tryton server seldom gives.

The shapes are those seen on Tryton 7.0 and 8.2: an application error is HTTP 200 with a list, a wrong password is 401
with HTML, too many of them 429.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.connectors.tryton.connector import TrytonConnector
from syncd.errors import (
    BadAnswer,
    Denied,
    Later,
    NotFound,
    RateLimited,
    ReadCut,
    Refused,
    Stale,
    SyncdError,
    UnknownOutcome,
)
from syncd.ports import Query, Record
from tests.connectors.contract import RealClock

SECRET = "correct-horse-battery"
TOKEN = "f00d" * 16
P = Query("party")
STAMP = {
    "__class__": "datetime",
    "year": 2026,
    "month": 1,
    "day": 2,
    "hour": 3,
    "minute": 4,
    "second": 5,
    "microsecond": 6,
}
HTML = (200, "text/html", b"<!doctype html><title>Sign in</title>")
DROP = (0, "", b"")
ROW = {
    "id": 1, "name": "A", "code": "1", "active": True, "lang.": None, "replaced_by": None, "tax_identifier.": None,
    "write_date": STAMP, "create_date": STAMP, "_timestamp": "1.5", "addresses.": [], "identifiers.": [],
    "contact_mechanisms.": [{"id": 7, "type": "email", "value": "a@example.com", "_timestamp": "1.5",
                             "write_date": STAMP, "create_date": STAMP}],
}  # fmt: skip
SEEN = Record("1", {"_timestamp": "1.5", "_children": {"email": [7, "1.5", "email"]}})

Answer = tuple[int, str, bytes]


def result(data: Any) -> Answer:
    return 200, "application/json", json.dumps({"id": 1, "result": data}).encode()


def error(*words: Any) -> Answer:
    return 200, "application/json", json.dumps({"id": 1, "error": list(words)}).encode()


def html(status: int) -> Answer:
    return status, "text/html", b"<!doctype html><title>trouble</title><p>The server could not</p>"


class Fake:
    """An HTTP server that answers calls by name. ``calls`` lists what it was asked: path, body, headers."""

    def __init__(self, answers: dict[str, Any], version: str = "8.2") -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answers = {"common.db.login": result([3, TOKEN, None]), **answers}
        self._version = version
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.calls.append((self.path, body, {name.lower(): value for name, value in self.headers.items()}))
                status, kind, data = fake.answer(self.path, body["method"])
                if status == 0:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # connections are dropped on purpose
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, method: str) -> Answer:
        new = self._version != "7.0"
        if method == "common.server.version":
            return result(self._version) if path == ("/rpc/" if new else "/") else html(405 if new else 401)
        if path != ("/erp/rpc/" if new else "/erp/"):
            return html(404)
        if method.startswith("model.party.") and method.endswith(".search_read"):
            method = method if method in self.answers else SEARCH
        found = self.answers[method]
        return found() if callable(found) else found

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [body for _, body, _ in self.calls if body["method"] == method]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Fake, TrytonConnector]]]:
    opened: list[Any] = []

    def start(answers: dict[str, Any], version: str = "8.2", **settings: Any) -> tuple[Fake, TrytonConnector]:
        fake = Fake(answers, version)
        login = {"url": fake.url, "database": "erp", "username": "sync", "password": SECRET}
        chosen = TrytonConnector.Settings.model_validate({**login, "retries": 0, "deadline": "20s", **settings})
        erp = TrytonConnector.from_settings("erp", chosen, RealClock())
        opened.extend((erp, fake))
        return fake, erp

    yield start
    for each in opened:
        each.close()


Serve = Callable[..., tuple[Fake, TrytonConnector]]

SEARCH = "model.party.party.search_read"
CREATE = "model.party.party.create"
WRITE = "model.party.party.write"
READ = "model.party.party.read"


@pytest.mark.parametrize("version", ["8.2", "7.0"])
def test_a_call_has_exactly_the_keys_that_the_server_expects(serve: Serve, version: str) -> None:
    fake, erp = serve({SEARCH: result([ROW])}, version)
    assert erp.read(P, "1").raw["email"] == "a@example.com"
    assert [body["method"] for _, body, _ in fake.calls][-2:] == ["common.db.login", SEARCH]
    for _, body, headers in fake.calls:
        assert set(body) == {"id", "method", "params"}
        assert headers["accept-encoding"] == "gzip"
    assert fake.calls[-1][2]["authorization"] == "Session " + base64.b64encode(f"sync:3:{TOKEN}".encode()).decode()
    assert fake.calls[-1][1]["params"][-1] == {"language": "en"}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (error("UserError", ["The VAT number is not valid.", "", None]), Refused),
        (error("UserWarning", ["party_1", "Sure?", ""]), Refused),
        (error("UserError", ['You are not allowed to access "Party".', "", None]), Denied),
        (error("ConcurrencyException", "Records were modified in the meanwhile"), Stale),
        (error("'nme'", ""), Refused),
        (error("database is locked", ""), Later),
        (error("could not serialize access due to concurrent update", ""), Later),
        (error(), Refused),
        (html(401), Denied),
        (html(403), Denied),
        (html(413), Refused),
        (html(429), RateLimited),
        (html(500), UnknownOutcome),
        (html(502), UnknownOutcome),
        (html(504), UnknownOutcome),
        (HTML, UnknownOutcome),
        (DROP, UnknownOutcome),
        ((200, "application/json", b'{"id": 1, "result": [1'), UnknownOutcome),
        ((200, "application/json", b"[]"), UnknownOutcome),
        ((200, "application/json", b'{"id": 1}'), UnknownOutcome),
        (result([]), UnknownOutcome),
        (result("1"), UnknownOutcome),
        (result([1, 2]), UnknownOutcome),
    ],
    ids=str,
)
def test_an_answer_to_a_create_is_typed_by_what_is_known(
    serve: Serve, answer: Answer, wanted: type[SyncdError]
) -> None:
    fake, erp = serve({CREATE: answer})
    with pytest.raises(wanted) as caught:
        erp.create(P, {"name": "A"})
    assert type(caught.value).__mro__[0] is wanted or isinstance(caught.value, wanted)
    assert len(fake.asked(CREATE)) == (2 if answer[0] == 401 else 1)
    assert SECRET not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (error("'nme'", ""), BadAnswer),
        (error("UserError", ['You are not allowed to access "Party".', "", None]), Denied),
        (error("database is locked", ""), Later),
        (html(401), Denied),
        (html(429), RateLimited),
        (html(500), Later),
        (html(504), Later),
        (HTML, BadAnswer),
        (DROP, Later),
        ((200, "application/json", b'{"id": 1, "result": [1'), BadAnswer),
        ((200, "application/json", b"\xff\xfe"), BadAnswer),
        (result(None), BadAnswer),
        (result([1]), BadAnswer),
        (result([{"id": 1}]), BadAnswer),
        (result([{**ROW, "write_date": "yesterday"}]), BadAnswer),
        (result([{**ROW, "write_date": {**STAMP, "month": 13}}]), BadAnswer),
        (result([{**ROW, "contact_mechanisms.": None}]), BadAnswer),
        (result([{**ROW, "id": "x"}]), BadAnswer),
    ],
    ids=str,
)
def test_an_answer_to_a_read_is_never_taken_for_emptiness(
    serve: Serve, answer: Answer, wanted: type[SyncdError]
) -> None:
    _, erp = serve({SEARCH: answer, READ: answer})
    for attempt in (
        lambda: erp.read(P, "1"),
        lambda: list(erp.find(P, {"name": "A"})),
        lambda: list(erp.pages(P, None)),
    ):
        with pytest.raises(wanted):
            attempt()


def test_a_write_that_was_lost_is_not_sent_again(serve: Serve) -> None:
    fake, erp = serve({WRITE: DROP}, retries=4)
    with pytest.raises(UnknownOutcome):
        erp.update(P, "1", {"name": "B"}, SEEN)
    assert len(fake.asked(WRITE)) == 1


def test_a_read_that_was_lost_is_sent_again(serve: Serve) -> None:
    answers = iter([DROP, html(502), result([ROW])])
    fake, erp = serve({SEARCH: lambda: next(answers)}, retries=4)
    assert erp.read(P, "1").key == "1"
    assert len(fake.asked(SEARCH)) == 3


def test_a_record_that_was_created_but_cannot_be_read_back_is_in_doubt(serve: Serve) -> None:
    _, erp = serve({CREATE: result([1]), SEARCH: html(500)})
    with pytest.raises(UnknownOutcome, match="party 1 was written"):
        erp.create(P, {"name": "A"})


def test_an_update_locks_the_party_and_only_the_child_it_writes(serve: Serve) -> None:
    fake, erp = serve({WRITE: result(None), SEARCH: result([ROW])})
    erp.update(P, "1", {"email": "b@example.com", "phone": "123"}, SEEN)
    (call,) = fake.asked(WRITE)
    ids, values, context = call["params"]
    assert ids == [1]
    assert values == {
        "contact_mechanisms": [
            ["create", [{"type": "phone", "value": "123"}]],
            ["write", [7], {"value": "b@example.com"}],
        ]
    }
    assert context["_timestamp"] == {"party.party,1": "1.5", "party.contact_mechanism,7": "1.5"}


def test_an_update_of_a_record_without_locks_reads_and_compares_first(serve: Serve) -> None:
    fake, erp = serve({WRITE: result(None), SEARCH: result([ROW])})
    erp.update(P, "1", {"email": "b@example.com"}, Record("1", {"name": "A", "email": "a@example.com"}))
    assert fake.asked(WRITE)[0]["params"][2]["_timestamp"]["party.contact_mechanism,7"] == "1.5"
    with pytest.raises(Stale, match="name"):
        erp.update(P, "1", {"email": "b@example.com"}, Record("1", {"name": "Old", "email": "a@example.com"}))
    assert len(fake.asked(WRITE)) == 1


def test_a_wrong_password_is_tried_once_and_not_again(serve: Serve) -> None:
    fake, erp = serve({"common.db.login": html(401)}, retries=4)
    for _ in range(3):
        with pytest.raises(Denied, match="username and password"):
            erp.check()
    with pytest.raises(Denied, match="not tried again for now"):
        erp.create(P, {"name": "A"})
    assert len(fake.asked("common.db.login")) == 1


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (html(429), RateLimited),
        (html(404), BadAnswer),
        (html(500), Later),
        (DROP, Later),
        (HTML, BadAnswer),
        (result(None), BadAnswer),
        (error("'res.user'", ""), Later),
        (error("LoginException", ["sms_code", "Code", "char"]), Denied),
    ],
    ids=str,
)
def test_a_login_that_fails_for_another_reason_says_so(serve: Serve, answer: Answer, wanted: type[SyncdError]) -> None:
    fake, erp = serve({"common.db.login": answer}, retries=4)
    with pytest.raises(wanted) as caught:
        erp.create(P, {"name": "A"})
    assert not isinstance(caught.value, UnknownOutcome)
    assert len(fake.asked("common.db.login")) == 1


def test_a_session_that_ended_is_renewed_once(serve: Serve) -> None:
    answers = iter([html(401), result([ROW]), html(401), html(401)])
    fake, erp = serve({SEARCH: lambda: next(answers)})
    assert erp.read(P, "1").key == "1"
    assert len(fake.asked("common.db.login")) == 2
    with pytest.raises(Denied):
        erp.read(P, "1")
    assert len(fake.asked("common.db.login")) == 3


def test_a_server_that_is_no_tryton_is_told_as_such(serve: Serve) -> None:
    fake, erp = serve({})
    fake.answer = lambda *_: HTML  # type: ignore[method-assign]
    with pytest.raises(BadAnswer, match="no Tryton server answers"):
        erp.check()


def test_a_server_that_comes_up_later_is_found_then(serve: Serve) -> None:
    fake, erp = serve({SEARCH: result([ROW])})
    healthy = fake.answer
    fake.answer = lambda *_: html(503)  # type: ignore[method-assign]
    with pytest.raises(Later):
        erp.read(P, "1")
    fake.answer = healthy  # type: ignore[method-assign]
    assert erp.read(P, "1").key == "1"


def test_a_hidden_party_is_not_a_missing_one(serve: Serve) -> None:
    hidden = error("UserError", ['You are not allowed to read records "1" of "Party" because of a rule.', "", None])
    _, erp = serve({SEARCH: result([]), READ: hidden})
    with pytest.raises(Denied, match="hidden"):
        erp.read(P, "1")
    missing = error("UserError", ['You are trying to read records "1" of "Party" that don\'t exist.', "", None])
    _, erp = serve({SEARCH: result([]), READ: missing})
    with pytest.raises(NotFound):
        erp.read(P, "1")


def test_a_server_that_does_not_sort_is_no_endless_walk(serve: Serve) -> None:
    _, erp = serve({SEARCH: result([ROW, ROW]), **dict.fromkeys(
        (f"model.party.{child}.search_read" for child in ("address", "contact_mechanism", "identifier")), result([])
    )}, page_size=2)  # fmt: skip
    with pytest.raises((BadAnswer, ReadCut), match="order of their ids"):
        list(erp.pages(P, None))


def test_a_null_stamp_counts_as_never_changed(serve: Serve) -> None:
    _, erp = serve({SEARCH: result([{**ROW, "write_date": None, "contact_mechanisms.": []}])})
    found = erp.read(P, "1")
    assert found.changed_at == found.raw["create_date"]
    assert found.raw["write_date"] is None


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"url": "tryton.example.com"}, "url"),
        ({"url": "https://user:pass@tryton.example.com"}, "url"),
        ({"url": "https://tryton.example.com/?x=1"}, "url"),
        ({"database": "a/b"}, "database"),
        ({"database": ""}, "database"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": "7"}, "page_size"),
        ({"overlap": 5}, "overlap"),
        ({"pagesize": 5}, "pagesize"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(settings: dict[str, Any], word: str) -> None:
    good = {"url": "https://tryton.example.com", "database": "erp", "username": "sync", "password": SECRET}
    assert TrytonConnector.Settings.model_validate(good).page_size == 200
    with pytest.raises(ValidationError) as caught:
        TrytonConnector.Settings.model_validate({**good, **settings})
    assert [problem["loc"] for problem in caught.value.errors()] == [(word,)]
    assert "pass@" not in str(caught.value)
    assert SECRET not in str(caught.value)
