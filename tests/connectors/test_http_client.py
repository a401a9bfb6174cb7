"""The shared HTTP client on real sockets: what is repeated, what never is, what each loss means, what no error shows."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import socket
import threading
import time
from collections.abc import Iterable

import pytest

from syncd.connectors.http import HttpClient, Options, Request, StaticToken
from syncd.errors import (
    BadAnswer,
    Denied,
    Later,
    NotFound,
    RateLimited,
    Refused,
    SyncdError,
    UnknownOutcome,
)
from tests.wire.peers import QUICK, TOKEN, StandingClock, client
from tests.wire.scripted import LD, Answering, Drip, Drop, Got, Hang, Reply, Script, ScriptedServer

HTML = "text/html"


def one_after_another(answers: Iterable[Answering]) -> Script:
    """Each answer once, the last one for ever."""
    given = list(answers)
    turn = itertools.count()
    return lambda _: given[min(next(turn), len(given) - 1)]


def get(server: ScriptedServer, path: str = "/clients") -> Request:
    return Request("GET", server.url + path)


def post(server: ScriptedServer, path: str = "/clients") -> Request:
    return Request("POST", server.url + path, {"content-type": LD}, b'{"name":"Nordic Tools ApS"}')


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestRepeating:
    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_a_read_is_repeated_until_it_is_answered(self, status: int) -> None:
        with (
            ScriptedServer(one_after_another([Reply(status), Reply(status), Reply(200, [])])) as server,
            client() as http,
        ):
            assert http.send(get(server)).json() == []
            assert http.requests == 3

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 501])
    def test_a_status_that_repeating_cannot_better_is_final(self, status: int) -> None:
        with ScriptedServer(lambda _: Reply(status, {"detail": "no"})) as server, client() as http:
            with pytest.raises(SyncdError):
                http.send(get(server))
            assert server.count("GET") == 1

    def test_a_read_is_repeated_after_a_lost_connection(self) -> None:
        lost = [Drop(), Drop(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"), Reply(200, {"a": 1})]
        with ScriptedServer(one_after_another(lost)) as server, client() as http:
            assert http.send(get(server)).json() == {"a": 1}

    def test_a_read_that_stays_lost_is_later(self) -> None:
        with ScriptedServer(lambda _: Drop()) as server, client(retries=3) as http:
            with pytest.raises(Later) as caught:
                http.send(get(server))
            assert type(caught.value) is Later
            assert server.count("GET") == 4

    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    @pytest.mark.parametrize(
        "answer",
        [
            Drop(),
            Drop(b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"),
            Drop(b"nonsense\r\n\r\n"),
            Reply(500),
            Reply(502, b"<h1>Bad Gateway</h1>", HTML),
            Reply(503),
            Reply(504),
            Reply(303, headers={"location": "/elsewhere"}),
            Reply(201, b"not gzip at all", headers={"content-encoding": "gzip"}),
        ],
        ids=["dropped", "cut", "nonsense", "500", "502", "503", "504", "303", "undecodable"],
    )
    def test_a_lost_write_is_of_unknown_outcome_and_goes_out_once(self, method: str, answer: Answering) -> None:
        with ScriptedServer(lambda _: answer) as server, client(retries=5) as http:
            with pytest.raises(UnknownOutcome):
                http.send(Request(method, f"{server.url}/clients/1", {}, b"{}"))
            assert server.count(method) == 1

    def test_a_write_that_is_not_answered_in_time_is_of_unknown_outcome(self) -> None:
        with ScriptedServer(lambda _: Hang()) as server, client(timeout=0.2) as http:
            with pytest.raises(UnknownOutcome, match="ReadTimeout"):
                http.send(post(server))
            assert server.count("POST") == 1

    def test_a_write_that_could_not_connect_was_not_done(self) -> None:
        with client() as http, pytest.raises(Later) as caught:
            http.send(Request("POST", f"http://127.0.0.1:{unused_port()}/clients", {}, b"{}"))
        assert type(caught.value) is Later
        assert "cannot connect" in str(caught.value)

    def test_a_write_that_is_rate_limited_was_not_done_and_is_not_repeated(self) -> None:
        with ScriptedServer(lambda _: Reply(429, headers={"retry-after": "7"})) as server, client() as http:
            with pytest.raises(RateLimited) as caught:
                http.send(post(server))
            assert caught.value.retry_after == 7
            assert server.count("POST") == 1

    def test_an_unreachable_peer_is_later_for_reads(self) -> None:
        with client(retries=1) as http, pytest.raises(Later, match="cannot connect"):
            http.send(Request("GET", f"http://127.0.0.1:{unused_port()}/clients"))

    def test_a_stale_connection_of_the_pool_does_not_lose_a_write(self) -> None:
        closing = Reply(200, [], headers={"x": "y"})
        with ScriptedServer(lambda _: closing) as server, client() as http:
            http.send(get(server))
            for connection in list(server._connections):
                connection.shutdown(socket.SHUT_RDWR)
            assert http.send(post(server)).status == 200


class TestMeaning:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, Refused),
            (401, Denied),
            (403, Denied),
            (404, NotFound),
            (405, Refused),
            (406, Refused),
            (408, Later),
            (409, Refused),
            (410, NotFound),
            (413, Refused),
            (415, Refused),
            (418, Refused),
            (422, Refused),
            (423, Later),
            (425, Later),
            (429, RateLimited),
            (500, Later),
            (503, Later),
            (507, Later),
            (599, Later),
            (301, BadAnswer),
            (302, BadAnswer),
            (304, BadAnswer),
            (308, BadAnswer),
        ],
    )
    def test_a_status_of_a_read_has_one_meaning(self, status: int, error: type[SyncdError]) -> None:
        body = Reply(status, {"detail": "why"}, "application/problem+json")
        with ScriptedServer(lambda _: body) as server, client(retries=0) as http, pytest.raises(SyncdError) as caught:
            http.send(get(server))
        assert type(caught.value) is error

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"violations": [{"propertyPath": "tin", "message": "too short"}], "detail": "x"}, "tin: too short"),
            ({"detail": "the detail", "hydra:description": "x", "description": "y"}, "the detail"),
            ({"hydra:description": "the hydra one", "description": "y", "message": "z"}, "the hydra one"),
            ({"description": "the plain one", "message": "z"}, "the plain one"),
            ({"code": 400, "message": "the message"}, "the message"),
            ({"detail": {"not": "text"}, "message": "the message"}, "the message"),
            ({"violations": "not a list", "detail": "the detail"}, "the detail"),
        ],
    )
    def test_the_peers_words_are_taken_from_the_most_exact_place(self, body: object, said: str) -> None:
        with (
            ScriptedServer(lambda _: Reply(422, body, "application/problem+json")) as server,
            client() as http,
            pytest.raises(Refused, match=said),
        ):
            http.send(post(server))

    def test_the_words_of_an_html_error_are_its_text_and_are_cut(self) -> None:
        page = b"<html><style>b{}</style><h1>Request\x00 refused</h1>" + b"<p>" + b"x" * 5000
        with (
            ScriptedServer(lambda _: Reply(400, page, HTML)) as server,
            client() as http,
            pytest.raises(Refused) as caught,
        ):
            http.send(post(server))
        assert "Request refused" in str(caught.value)
        assert "<" not in str(caught.value) and "b{}" not in str(caught.value)
        assert len(str(caught.value)) < 600

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null"])
    def test_an_error_whose_body_is_no_object_is_still_typed_by_its_status(self, body: bytes) -> None:
        with (
            ScriptedServer(lambda _: Reply(422, body)) as server,
            client() as http,
            pytest.raises(Refused, match="422"),
        ):
            http.send(post(server))

    @pytest.mark.parametrize("kind", [HTML, "", "text/plain"])
    def test_a_404_of_a_proxy_says_nothing_about_the_record(self, kind: str) -> None:
        with (
            ScriptedServer(lambda _: Reply(404, b"<h1>Not Found</h1>", kind)) as server,
            client() as http,
            pytest.raises(BadAnswer, match="says nothing about the record"),
        ):
            http.send(get(server))

    def test_violations_survive_odd_entries(self) -> None:
        listed = [{"propertyPath": "tin", "message": "bad", "code": "c1"}, "odd", {"message": None}]
        with (
            ScriptedServer(lambda _: Reply(422, {"violations": listed})) as server,
            client() as http,
            pytest.raises(Refused) as caught,
        ):
            http.send(post(server))
        assert [(each.field, each.code) for each in caught.value.violations] == [("tin", "c1"), ("", "")]

    def test_a_redirect_is_not_followed(self) -> None:
        def script(got: Got) -> Reply:
            return Reply(301, headers={"location": "/target"}) if got.path == "/clients/" else Reply(200, [])

        with ScriptedServer(script) as server, client() as http:
            with pytest.raises(BadAnswer, match="not followed"):
                http.send(get(server, "/clients/"))
            assert server.count("GET", "/target") == 0

    def test_an_address_that_cannot_be_sent_is_refused(self) -> None:
        with client() as http, pytest.raises(Refused):
            http.send(Request("GET", "http://127.0.0.1:1/\x00"))


class TestLimits:
    def test_an_answer_that_declares_too_much_is_not_read(self) -> None:
        with ScriptedServer(lambda _: Reply(200, b"x" * 5000)) as server, client(max_bytes=1000) as http:
            with pytest.raises(BadAnswer, match="larger than 1000 bytes"):
                http.send(get(server))
            assert server.count("GET") == 1

    def test_an_answer_without_a_length_is_cut_off_at_the_limit(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"x" * 300_000
        with (
            ScriptedServer(lambda _: Drop(endless)) as server,
            client(max_bytes=100_000) as http,
            pytest.raises(BadAnswer, match="larger than"),
        ):
            http.send(get(server))

    def test_a_small_answer_that_unpacks_to_a_large_one_is_cut_off(self) -> None:
        bomb = Reply(200, gzip.compress(b" " * 20_000_000), headers={"content-encoding": "gzip"})
        with (
            ScriptedServer(lambda _: bomb) as server,
            client(max_bytes=1_000_000) as http,
            pytest.raises(BadAnswer, match="larger than"),
        ):
            http.send(get(server))

    def test_a_compressed_answer_is_read(self) -> None:
        packed = Reply(200, gzip.compress(b'{"a": 1}'), headers={"content-encoding": "gzip"})
        with ScriptedServer(lambda _: packed) as server, client() as http:
            assert http.send(get(server)).json() == {"a": 1}

    @pytest.mark.parametrize("dripped", ["headers", "body"])
    def test_a_server_that_sends_byte_by_byte_cannot_outlast_the_deadline(self, dripped: str) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
        data = b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 4000 if dripped == "headers" else head + b" " * 4000
        with (
            ScriptedServer(lambda _: Drip(data, 0.01)) as server,
            client(deadline=0.4, retries=0) as http,
            pytest.raises(Later, match="in time"),
        ):
            http.send(get(server))

    def test_the_deadline_holds_for_all_attempts_together(self) -> None:
        with ScriptedServer(lambda _: Hang()) as server, client(deadline=0.5, timeout=0.2, retries=50) as http:
            with pytest.raises(Later):
                http.send(get(server))
            assert 1 <= server.count("GET") <= 4

    def test_a_large_body_within_the_limit_is_read(self) -> None:
        with ScriptedServer(lambda _: Reply(200, {"name": "n" * 10_000_000})) as server, client() as http:
            assert len(http.send(get(server)).json()["name"]) == 10_000_000


class TestWaiting:
    def test_a_short_retry_after_is_kept_by_every_request(self) -> None:
        answers = [Reply(429, headers={"retry-after": "1"}), Reply(200, [])]
        with ScriptedServer(one_after_another(answers)) as server, client() as http:
            assert http.send(get(server)).status == 200
            assert server.count("GET") == 2

    def test_a_wait_beyond_the_deadline_is_left_to_the_caller_at_once(self) -> None:
        with ScriptedServer(lambda _: Reply(503, headers={"retry-after": "900"})) as server, client() as http:
            with pytest.raises(RateLimited) as caught:
                http.send(get(server))
            assert caught.value.retry_after == pytest.approx(900, abs=5)
            with pytest.raises(RateLimited):
                http.send(post(server))
            assert server.count("GET") == 1 and server.count("POST") == 0, "the peer asked for silence"

    def test_a_retry_after_that_is_a_date_is_a_wait(self) -> None:
        date = {"retry-after": "Fri, 20 Nov 2026 12:00:42 GMT"}
        with ScriptedServer(lambda _: Reply(429, headers=date)) as server, client(clock=StandingClock()) as http:
            with pytest.raises(RateLimited) as caught:
                http.send(post(server))
            assert caught.value.retry_after == 42

    @pytest.mark.parametrize("text", ["soon", "-1", "1e9", "٣", "", "Fri, 99 Nov 2026 12:00:42 GMT"])
    def test_a_retry_after_that_makes_no_sense_is_none(self, text: str) -> None:
        reply = Reply(429, headers={"retry-after": text.encode().decode("latin-1")})
        with ScriptedServer(lambda _: reply) as server, client() as http:
            with pytest.raises(RateLimited) as caught:
                http.send(post(server))
            assert caught.value.retry_after is None

    def test_an_absurd_retry_after_is_capped(self) -> None:
        reply = Reply(429, headers={"retry-after": "9" * 40})
        with ScriptedServer(lambda _: reply) as server, client() as http:
            with pytest.raises(RateLimited) as caught:
                http.send(post(server))
            assert caught.value.retry_after == 3600

    def test_closing_ends_a_wait(self) -> None:
        with ScriptedServer(lambda _: Reply(429, headers={"retry-after": "8"})) as server, client() as http:
            ended: list[SyncdError] = []
            worker = threading.Thread(target=_collect, args=(http, get(server), ended))
            worker.start()
            while not server.got:
                time.sleep(0.005)
            http.close()
            worker.join(5)
            assert not worker.is_alive()
        assert len(ended) == 1 and isinstance(ended[0], Later)

    def test_a_stop_signal_ends_a_read_that_is_not_answered(self) -> None:
        stop = threading.Event()
        with ScriptedServer(lambda _: Hang()) as server, client() as http:
            ended: list[SyncdError] = []
            worker = threading.Thread(target=_collect, args=(http, get(server), ended, stop))
            worker.start()
            while not server.got:
                time.sleep(0.005)
            stop.set()
            worker.join(5)
            assert not worker.is_alive()
            assert server.count("GET") == 1
        assert isinstance(ended[0], Later)


def _collect(http: HttpClient, request: Request, ended: list[SyncdError], stop: threading.Event | None = None) -> None:
    try:
        http.send(request, stop)
    except SyncdError as error:
        ended.append(error)


class TestCrowd:
    def test_requests_in_flight_never_exceed_the_limit(self) -> None:
        lock, inside, worst = threading.Lock(), [0], [0]

        def script(_: Got) -> Reply:
            with lock:
                inside[0] += 1
                worst[0] = max(worst[0], inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= 1
            return Reply(200, [])

        with ScriptedServer(script) as server, client(concurrency=2, most=3) as http:
            workers = [threading.Thread(target=http.send, args=(get(server),)) for _ in range(24)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            assert http.requests == 24
        assert worst[0] == 3, "two at first, three once the server showed itself at ease"

    def test_a_strained_server_halves_the_limit_and_ease_raises_it_again(self) -> None:
        answers = [Reply(429), *[Reply(200, [])] * 40]
        with ScriptedServer(one_after_another(answers)) as server, client(concurrency=4, most=6, retries=0) as http:
            with pytest.raises(RateLimited):
                http.send(get(server))
            assert http.in_flight_limit == 2
            for _ in range(40):
                http.send(get(server))
            assert http.in_flight_limit == 6


class TestSecrecy:
    def test_no_error_names_the_token_even_when_the_server_repeats_it(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        echoes = {
            "/json": Reply(422, {"detail": f"bad {TOKEN}", "violations": [{"propertyPath": "x", "message": TOKEN}]}),
            "/html": Reply(500, f"<p>{TOKEN}</p>".encode(), HTML),
            "/denied": Reply(401, {"code": 401, "message": f"Invalid {TOKEN}"}),
            "/moved": Reply(301, headers={"location": f"http://example.com/{TOKEN}"}),
        }
        shown = []
        with ScriptedServer(lambda got: echoes[got.path]) as server, client(StaticToken(TOKEN), retries=0) as http:
            for path in echoes:
                with pytest.raises(SyncdError) as caught:
                    http.send(get(server, path))
                violations = getattr(caught.value, "violations", ())
                shown.append(f"{caught.value!s} {caught.value!r} {violations} {caught.value.__cause__}")
            assert server.got[0].headers["authorization"] == f"Bearer {TOKEN}"
            shown.append(repr(http) + repr(http._credentials))
        assert TOKEN not in "".join(shown)
        assert TOKEN not in caplog.text

    def test_a_query_with_names_is_not_in_messages_or_logs(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with ScriptedServer(lambda _: Reply(400)) as server, client() as http, pytest.raises(Refused) as caught:
            http.send(get(server, "/clients?name=Kowalski"))
        assert "Kowalski" not in str(caught.value) + caplog.text

    def test_cookies_are_not_kept(self) -> None:
        with ScriptedServer(lambda _: Reply(200, [], headers={"set-cookie": "session=1; Path=/"})) as server:
            with client() as http:
                http.send(get(server))
                http.send(get(server))
            assert "cookie" not in server.got[1].headers


def test_options_have_the_published_defaults() -> None:
    options = Options()
    assert (options.timeout, options.deadline, options.retries, options.concurrency) == (30, 120, 4, 2)
    assert options.max_bytes == 64 * 1024 * 1024
    assert set(QUICK) <= set(Options.__slots__)


def test_json_is_read_only_when_it_says_that_it_is_json() -> None:
    with ScriptedServer(lambda _: Reply(200, json.dumps([1]).encode(), HTML)) as server, client() as http:
        answer = http.send(get(server))
    with pytest.raises(ValueError, match="text/html"):
        answer.json()
