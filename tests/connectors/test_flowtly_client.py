"""The client of all published endpoints: each against the sandbox, and what it refuses, repeats and leaves behind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.connectors.flowtly.client import FlowtlyClient
from syncd.connectors.flowtly.endpoints import endpoints
from syncd.connectors.flowtly.endpoints_words import Body, Endpoint
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.errors import BadAnswer, Refused, UnknownOutcome
from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.connectors.flowtly_cases import CASES, DAY, World, unique
from tests.wire.peers import TOKEN, RealClock
from tests.wire.scripted import Got, Reply, ScriptedServer


def client_of(url: str, token: str, **settings: Any) -> FlowtlyClient:
    given = {"url": url, "token": token, "retries": 1, "timeout": "5s", "deadline": "10s", **settings}
    return FlowtlyClient.from_settings(FlowtlySettings.model_validate(given), RealClock())


@pytest.fixture(scope="module", params=[("hydra", ""), ("plain", "/api")], ids=["hydra", "plain"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    envelope, prefix = request.param
    with SandboxServer(SandboxConfig(envelope=envelope, prefix=prefix, references="code", empty=True)) as started:
        yield started


@pytest.fixture
def world(server: SandboxServer, tmp_path: Path) -> Iterator[World]:
    with client_of(server.url, server.auth.issue(server.config.user)) as client:
        yield World(server, client, tmp_path)
        server.faults.clear()


@pytest.mark.parametrize("endpoint", sorted(CASES))
def test_every_endpoint_does_what_it_says(world: World, endpoint: str) -> None:
    CASES[endpoint](world)


# ---------------------------------------------------------------------- nothing by accident


@pytest.fixture
def quiet(world: World) -> World:
    """A world whose counter of requests begins now."""
    world.server.reset_requests()
    return world


@pytest.mark.parametrize("endpoint", [each for each in endpoints(RESOURCES) if each.asks_first], ids=str)
def test_nothing_is_changed_or_sent_without_a_yes(quiet: World, endpoint: Endpoint) -> None:
    values = range(1, len(endpoint.gaps) + 1)
    with pytest.raises(Refused, match="say yes to have it done"):
        quiet.client.call(endpoint.name, *values, body=None if endpoint.method == "DELETE" else {})
    if Body.MULTIPART in endpoint.takes:
        with pytest.raises(Refused, match="say yes to have it done"):
            quiet.client.upload(endpoint.name, file=quiet.folder / "x")
    assert quiet.server.requests == {}


def test_the_short_ways_ask_as_well(quiet: World) -> None:
    file = quiet.folder / "scan.pdf"
    file.write_bytes(b"%PDF")
    for short in (
        lambda: quiet.client.send_invoice(1, recipients=["a@example.com"]),
        lambda: quiet.client.merge_counterparties(1, ["/api/counterparties/2"]),
        lambda: quiet.client.import_transactions([{}]),
        lambda: quiet.client.apply_suggestion("t", "s"),
        lambda: quiet.client.upload_attachment(file),
    ):
        with pytest.raises(Refused, match="say yes"):
            short()
    assert quiet.server.requests == {}


def test_a_refused_send_says_to_whom_it_would_have_gone(quiet: World) -> None:
    with pytest.raises(Refused, match=r"sends mail.*goes to a@example\.com"):
        quiet.client.send_invoice(17, recipients=["a@example.com"])


@pytest.mark.parametrize("name", ["organizations.clear", "organizations.list", "webhooks.create"])
def test_what_is_not_declared_cannot_be_called(quiet: World, name: str) -> None:
    with pytest.raises(Refused, match="there is no endpoint"):
        quiet.client.call(name, yes=True)
    assert quiet.server.requests == {}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("clients.get", {"body": {}}, "takes no JSON body"),
        ("transactions.export-mt940", {}, "fetch it with download"),
        ("transaction-attachments.upload", {"yes": True}, "send it with upload"),
        ("clients.create", {"yes": True, "body": {"name": float("nan")}}, "the body cannot be sent"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_before_it_is_sent(
    quiet: World, name: str, options: dict[str, Any], said: str
) -> None:
    values = [1] if "{id}" in quiet.client.endpoints.named(name).path else []
    with pytest.raises(Refused, match=said):
        quiet.client.call(name, *values, **options)
    assert quiet.server.requests == {}


# ---------------------------------------------------------------------- lost answers and odd ones


def test_a_change_whose_answer_was_lost_is_unknown_and_not_repeated(quiet: World) -> None:
    quiet.server.faults.add("reset_after", method="POST", path="/budget-groups")
    with pytest.raises(UnknownOutcome):
        quiet.client.call("budget-groups.create", body={"name": "Only once"}, yes=True)
    assert quiet.server.requests == {"POST /budget-groups": 1}


def test_a_read_is_repeated(quiet: World) -> None:
    quiet.server.faults.add("status", path="/budget-groups", times=1)
    assert quiet.client.call("budget-groups.list")
    assert quiet.server.requests == {"GET /budget-groups": 2}


@pytest.mark.parametrize(
    ("name", "answer", "error"),
    [
        ("clients.list", {"@id": "/api/clients/1"}, BadAnswer),
        ("clients.list", b"<html>", BadAnswer),
        ("clients.get", [], BadAnswer),
        ("clients.create", [], UnknownOutcome),
        ("counterparties.merge", b"\xff", UnknownOutcome),
    ],
)
def test_an_answer_of_another_form_is_no_success(name: str, answer: Any, error: type[Exception]) -> None:
    with ScriptedServer(lambda _: Reply(200, answer)) as scripted, client_of(scripted.url, TOKEN) as client:
        values = [1] if "{id}" in client.endpoints.named(name).path else []
        with pytest.raises(error):
            client.call(name, *values, yes=True)
        assert len(scripted.got) == 1


def test_a_server_without_json_ld_is_sent_plain_json_once() -> None:
    def answer(got: Got) -> Reply:
        return (
            Reply(201, {"@id": "/api/budgets/b"}) if got.headers["content-type"] == "application/json" else Reply(415)
        )

    with ScriptedServer(answer) as scripted, client_of(scripted.url, TOKEN) as client:
        assert client.call("budgets.create", body={"name": "Fleet"}, yes=True) == {"@id": "/api/budgets/b"}
        assert [got.headers["content-type"] for got in scripted.got] == ["application/ld+json", "application/json"]


def test_an_action_without_a_body_is_sent_an_empty_object() -> None:
    with ScriptedServer(lambda _: Reply(202, b"")) as scripted, client_of(scripted.url, TOKEN) as client:
        assert client.call("counterparties.enrich", 5, query={"deep": "a b", "x": ["1", "2"]}, yes=True) is None
        (got,) = scripted.got
        assert (got.body, got.target) == (b"{}", "/counterparties/5/enrich-branding-ai?deep=a%20b&x=1&x=2")


def test_an_overridden_path_moves_all_endpoints_of_a_resource() -> None:
    override = {"counterparties": {"path": "/parties"}}
    with ScriptedServer(lambda _: Reply(200, {})) as scripted:
        with client_of(scripted.url, TOKEN, resources=override) as client:
            client.call("counterparties.get", "/api/parties/5")
            client.call("counterparties.merge", 5, body={}, yes=True)
        assert [got.path for got in scripted.got] == ["/parties/5", "/parties/5/merge"]


# ---------------------------------------------------------------------- uploads


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    file = tmp_path / f"{unique('scan')}.pdf"
    file.write_bytes(unique("%PDF-1.7").encode())
    return file


def uploads(world: World) -> int:
    return world.server.requests.get("POST /transaction-attachments/create", 0)


def test_a_file_that_is_there_is_not_sent_again(quiet: World, scan: Path) -> None:
    first = quiet.client.upload_attachment(scan, yes=True)
    second = quiet.client.upload_attachment(scan, yes=True)
    assert (first.sent, second.sent, second.iri) == (True, False, first.iri)
    assert second.sha256 == hashlib.sha256(scan.read_bytes()).hexdigest()
    assert uploads(quiet) == 1
    assert quiet.client.upload_attachment(scan, again=True, yes=True).iri != first.iri
    assert uploads(quiet) == 2


def test_a_renamed_file_is_known_by_its_bytes(quiet: World, scan: Path) -> None:
    first = quiet.client.upload_attachment(scan, yes=True)
    moved = scan.rename(scan.with_name("other name.pdf"))
    assert quiet.client.upload_attachment(moved, yes=True).iri == first.iri
    assert uploads(quiet) == 1


def test_another_file_of_the_same_name_and_size_is_sent(quiet: World, scan: Path) -> None:
    first = quiet.client.upload_attachment(scan, yes=True)
    scan.write_bytes(scan.read_bytes()[::-1])
    second = quiet.client.upload_attachment(scan, yes=True)
    assert second.sent
    assert second.iri != first.iri


def test_an_upload_whose_answer_was_lost_is_found(quiet: World, scan: Path) -> None:
    count = quiet.server.state.count("TransactionAttachment")
    quiet.server.faults.add("reset_after", method="POST", path="/transaction-attachments/create")
    made = quiet.client.upload_attachment(scan, yes=True)
    assert (made.sent, quiet.server.state.blobs[made.iri]) == (True, scan.read_bytes())
    assert (uploads(quiet), quiet.server.state.count("TransactionAttachment")) == (1, count + 1)


def test_an_upload_that_never_arrived_stays_unknown_until_it_is_run_again(quiet: World, scan: Path) -> None:
    count = quiet.server.state.count("TransactionAttachment")
    quiet.server.faults.add("reset", method="POST", path="/transaction-attachments/create", times=1)
    with pytest.raises(UnknownOutcome, match="show no new one; run it again"):
        quiet.client.upload_attachment(scan, yes=True)
    assert quiet.server.state.count("TransactionAttachment") == count
    assert quiet.client.upload_attachment(scan, yes=True).sent
    assert quiet.server.state.count("TransactionAttachment") == count + 1


def test_a_look_that_fails_leaves_the_outcome_unknown(quiet: World, scan: Path) -> None:
    quiet.server.faults.add("reset_after", method="POST", path="/transaction-attachments/create")
    quiet.server.faults.add("status", method="GET", path="^/transaction-attachments$", after_nth=1)
    with pytest.raises(UnknownOutcome, match="cannot be looked at now either"):
        quiet.client.upload_attachment(scan, yes=True)
    assert uploads(quiet) == 1


def test_a_name_that_proves_nothing_is_asked_about(quiet: World, scan: Path) -> None:
    iri = quiet.add("TransactionAttachment", name=scan.name)
    with pytest.raises(Refused, match=f"is there \\({iri}\\), and nothing tells"):
        quiet.client.upload_attachment(scan, yes=True)
    assert uploads(quiet) == 0
    assert quiet.client.upload_attachment(scan, again=True, yes=True).sent


def test_a_file_too_large_or_not_there_is_refused(quiet: World, server: SandboxServer, scan: Path) -> None:
    token = server.auth.issue(server.config.user)
    with (
        client_of(server.url, token, transfers={"max_bytes": 3}) as small,
        pytest.raises(Refused, match="larger than 3 bytes"),
    ):
        small.upload_attachment(scan, yes=True)
    for upload in (
        quiet.client.upload_attachment,
        lambda file, yes: quiet.client.upload("transactions.import", file=file, yes=yes),
    ):
        with pytest.raises(Refused, match="cannot be read: No such file"):
            upload(scan.with_name("absent.pdf"), yes=True)
    assert uploads(quiet) == 0


def test_transactions_are_imported_from_a_file(quiet: World) -> None:
    account, file = quiet.account(), quiet.folder / "july.csv"
    file.write_text(f"bankAccount,description,amount,orderDate,execDate\n{account},Fee,-2.5,{DAY},{DAY}\n")
    (iri,) = quiet.client.upload("transactions.import", file=file, media_type="text/csv", yes=True)["transactions"]
    assert (quiet.row(iri)["description"], quiet.row(iri)["amount"]) == ("Fee", -2.5)
