"""Bodies that do not stand in memory, both ways: answers to a sink, forms from the disk. On real sockets."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_multipart.multipart import FormParser, parse_options_header

from syncd.connectors.http import HttpClient, LoginToken, Multipart, Request
from syncd.errors import BadAnswer, Later, NotFound, Refused, UnknownOutcome
from tests.wire.peers import StandingClock, client
from tests.wire.scripted import Answering, Drop, Got, Hang, Reply, ScriptedServer

BODY = bytes(range(256)) * 1000
PDF = "application/pdf"


class Kept:
    """A sink that keeps everything and every beginning."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.limit, self.totals, self.body = limit, list[int | None](), b""

    def begin(self, total: int | None) -> None:
        self.totals.append(total)
        self.body = b""

    def write(self, piece: bytes) -> None:
        self.body += piece


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with client() as made:
        yield made


def test_a_sink_takes_the_body_instead_of_the_answer(http: HttpClient) -> None:
    kept = Kept()
    with ScriptedServer(lambda _: Reply(200, BODY, "text/plain")) as server:
        answer = http.send(Request("GET", server.url, sink=kept))
    assert (answer.status, answer.media_type, answer.body) == (200, "text/plain", b"")
    assert (kept.body, kept.totals) == (BODY, [len(BODY)])


def test_a_packed_body_is_unpacked_and_its_length_is_not_told(http: HttpClient) -> None:
    kept = Kept()
    packed = Reply(200, gzip.compress(BODY), "text/plain", {"Content-Encoding": "gzip"})
    with ScriptedServer(lambda _: packed) as server:
        http.send(Request("GET", server.url, sink=kept))
    assert (kept.body, kept.totals) == (BODY, [None])


def test_the_body_of_an_error_goes_into_the_error(http: HttpClient) -> None:
    kept = Kept()
    problem = Reply(404, {"detail": "no such export"}, "application/problem+json")
    with ScriptedServer(lambda _: problem) as server, pytest.raises(NotFound, match="no such export"):
        http.send(Request("GET", server.url, sink=kept))
    assert kept.totals == []


def test_a_cut_body_begins_anew(http: HttpClient) -> None:
    kept, turn = Kept(), itertools.count()
    whole = Reply(200, BODY)

    def answer(_: Got) -> Answering:
        return Drop(whole.render()[:-1000]) if next(turn) == 0 else whole

    with ScriptedServer(answer) as server:
        http.send(Request("GET", server.url, sink=kept))
    assert (kept.body, kept.totals) == (BODY, [len(BODY)] * 2)


def test_a_cut_body_of_a_change_is_not_asked_for_again(http: HttpClient) -> None:
    cut = Drop(Reply(200, BODY).render()[:-1000])
    with ScriptedServer(lambda _: cut) as server:
        with pytest.raises(UnknownOutcome):
            http.send(Request("POST", server.url, sink=Kept()))
        assert len(server.got) == 1


def test_a_packed_bomb_ends_at_the_limit_of_the_sink(http: HttpClient) -> None:
    kept = Kept(limit=100_000)
    bomb = Reply(200, gzip.compress(bytes(50 << 20)), "text/plain", {"Content-Encoding": "gzip"})
    with ScriptedServer(lambda _: bomb) as server, pytest.raises(BadAnswer, match="larger than 100000 bytes"):
        http.send(Request("GET", server.url, sink=kept))
    assert len(kept.body) <= 100_000


def test_a_request_may_have_a_deadline_of_its_own() -> None:
    with (
        client(deadline=3600.0, timeout=3600.0, retries=0) as patient,
        ScriptedServer(lambda _: Hang()) as server,
        pytest.raises(Later, match="no complete answer in time"),
    ):
        patient.send(Request("GET", server.url, deadline=0.1))


# ---------------------------------------------------------------------- forms


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / 'scan "ø".pdf'
    made.write_bytes(BODY)
    return made


def form_of(got: Got) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    """Text fields, and files as name, media type and bytes, read by a library that did not write them."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, str, bytes]] = {}

    def keep(part: object) -> None:
        part.file_object.seek(0)  # type: ignore[attr-defined]
        found = (part.file_name.decode(), part.content_type, part.file_object.read())  # type: ignore[attr-defined]
        files[part.field_name.decode()] = found  # type: ignore[attr-defined]

    boundary = parse_options_header(got.headers["content-type"])[1][b"boundary"]
    parser = FormParser(
        "multipart/form-data",
        lambda part: fields.update({part.field_name.decode(): part.value.decode()}),
        keep,
        boundary=boundary,
        config={"MAX_MEMORY_FILE_SIZE": float("inf")},
    )
    parser.write(got.body)
    parser.finalize()
    return fields, files


def test_a_form_carries_the_file_and_its_fields(http: HttpClient, file: Path) -> None:
    form = Multipart(file, PDF, {"transaction": "/api/transactions/t", "relatedMonth": "2026-01"})
    with ScriptedServer(lambda _: Reply(201, {})) as server:
        http.send(Request("POST", server.url, form.headers, form))
        (got,) = server.got
    fields, files = form_of(got)
    assert fields == {"transaction": "/api/transactions/t", "relatedMonth": "2026-01"}
    name, kind, content = files["file"]
    assert (kind, content) == (PDF, BODY)
    assert name.replace("%22", '"') == file.name
    assert "transfer-encoding" not in got.headers


def test_a_form_goes_out_whole_again_under_a_new_token(file: Path) -> None:
    def answer(got: Got) -> Reply:
        if got.path == "/login":
            return Reply(200, {"token": f"t{len(server.got)}"})
        return Reply(201, {}) if got.headers["authorization"] != "Bearer t1" else Reply(401, {})

    form = Multipart(file, PDF, {})
    with ScriptedServer(answer) as server:
        login = LoginToken(f"{server.url}/login", "sync", "secret", StandingClock(), {})
        with client(login) as http:
            http.send(Request("POST", f"{server.url}/files", form.headers, form))
        bodies = [got.body for got in server.got if got.path == "/files"]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]
    assert BODY in bodies[1]


@pytest.mark.parametrize("change", [BODY[:-1], BODY + b"x", b""], ids=["shorter", "longer", "empty"])
def test_a_file_that_changes_under_way_is_never_sent_whole(http: HttpClient, file: Path, change: bytes) -> None:
    form = Multipart(file, PDF, {})
    file.write_bytes(change)
    with ScriptedServer(lambda _: Reply(201, {})) as server, pytest.raises(Refused, match="changed while it was sent"):
        http.send(Request("POST", server.url, form.headers, form))
    assert all(len(got.body) < int(form.headers["content-length"]) for got in server.got)


def test_a_file_that_is_gone_is_refused(http: HttpClient, file: Path) -> None:
    form = Multipart(file, PDF, {})
    file.unlink()
    with ScriptedServer(lambda _: Reply(201, {})) as server, pytest.raises(Refused, match="cannot be read"):
        http.send(Request("POST", server.url, form.headers, form))
