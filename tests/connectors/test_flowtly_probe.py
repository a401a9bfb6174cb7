"""Measuring a tenant: what is read of the real sandbox in both envelopes, and what nasty servers do not achieve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.connectors.flowtly.catalogue import Verb
from syncd.connectors.flowtly.envelope import Form
from syncd.connectors.flowtly.find import server_filter
from syncd.connectors.flowtly.measured import (
    Access,
    FilterKind,
    MeasuredField,
    MeasuredResource,
    Measurement,
    Nulls,
    Tenant,
    apply_measured,
    load_measurement,
)
from syncd.connectors.flowtly.measured_text import as_text
from syncd.connectors.flowtly.probe import ASKED, Probe
from syncd.connectors.flowtly.probe_schema import Document
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.errors import ConfigError, Denied, Later, NotFound, Refused, SyncdError
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.declare import Field
from syncd.sandbox.server import SandboxServer
from tests.support.tenant import declared, denied, with_field, without
from tests.wire.peers import TOKEN, flowtly
from tests.wire.scripted import LD, Answering, Got, Reply, ScriptedServer

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RECORDINGS = Path(__file__).parents[1] / "wire" / "recordings"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module", params=["plain", "hydra"])
def tenant(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """A sandbox with sample data, one in each envelope."""
    with SandboxServer(SandboxConfig(envelope=request.param, static_token=TOKEN)) as server:
        yield server


@contextmanager
def probing(url: str, **settings: Any) -> Iterator[Probe]:
    with flowtly(url, **settings) as connector:
        yield connector.probe(lambda: NOW)


def measure(url: str, *names: str, **settings: Any) -> Measurement:
    with probing(url, **settings) as probe:
        return probe.full([RESOURCES[name] for name in names], lambda *_: None)


class TestSandbox:
    def test_a_full_probe_finds_what_is_declared_and_only_reads(self, tenant: SandboxServer) -> None:
        tenant.reset_requests()
        found = measure(tenant.url, *RESOURCES)
        assert {name: one.access for name, one in found.resources.items()} == dict.fromkeys(RESOURCES, Access.ALLOWED)
        assert {route.split()[0] for route in tenant.requests} <= {"GET", "OPTIONS"}
        assert sum(tenant.requests.values()) < 30 * len(RESOURCES)
        clients = found.resources["clients"]
        assert clients.envelope == (Form.PLAIN if tenant.config.envelope == "plain" else Form.HYDRA)
        assert (clients.total, clients.nulls, clients.declared, clients.full_page) == (True, Nulls.OMITTED, True, True)
        assert clients.verbs == (Verb.LIST, Verb.CREATE, Verb.GET, Verb.PATCH)
        assert clients.filters["tin"] is FilterKind.EXACT
        assert clients.filters["tinCountry"] is FilterKind.IGNORED
        assert clients.orders == {"id": True}
        name, tin, status = (clients.fields[one] for one in ("name", "tin", "status"))
        assert (name.type, name.nullable, name.writable, name.required, name.max_length) == (
            "text", False, True, True, 255
        )  # fmt: skip
        assert (tin.nullable, tin.required) == (True, False)
        assert status.choices == ("active", "inactive", "lead", "archived")
        assert sum(status.values.values()) == status.seen == clients.rows
        assert Verb.GET not in (found.resources["project-transactions"].verbs or ())
        assert found.resources["transactions-unassigned"].verbs is None, "a view has those of what it shows"

    def test_page_sizes_are_measured(self, tenant: SandboxServer) -> None:
        pages = measure(tenant.url, "transactions").resources["transactions"].pages
        assert (pages.default, pages.most, pages.honoured) == (30, 100, True)

    def test_the_file_says_the_same_and_a_second_probe_writes_the_same_file(
        self, tenant: SandboxServer, tmp_path: Path
    ) -> None:
        first, second = (measure(tenant.url, "clients", "client-notes", "budgets") for _ in range(2))
        file = tmp_path / "capabilities.yaml"
        file.write_text(as_text(first))
        assert load_measurement(file) == first
        assert as_text(second) == as_text(first)

    def test_a_light_look_is_a_few_requests(self, tenant: SandboxServer) -> None:
        known = measure(tenant.url, "clients")
        tenant.reset_requests()
        with probing(tenant.url) as probe:
            light = probe.light([RESOURCES["clients"]], known)
        assert sum(tenant.requests.values()) <= 4 + len(known.resources["clients"].filters)
        now, before = light.resources["clients"], known.resources["clients"]
        assert now.fields == before.fields
        assert all(before.filters[name] is kind for name, kind in now.filters.items())

    def test_a_filter_that_the_server_forgot_is_ignored_and_not_used_any_more(self, tenant: SandboxServer) -> None:
        with declared(tenant, "Client", filters=()):
            found = measure(tenant.url, "clients").resources["clients"]
        assert found.filters["tin"] is FilterKind.IGNORED
        values = {"tin": "10000001"}
        assert server_filter(RESOURCES["clients"], values, "/api") == values
        assert server_filter(apply_measured(RESOURCES["clients"], found), values, "/api") == {}

    def test_a_denied_resource_is_denied_alone(self, tenant: SandboxServer) -> None:
        with denied(tenant, "client-notes"):
            found = measure(tenant.url, "client-notes", "clients").resources
        assert (found["client-notes"].access, found["clients"].access) == (Access.DENIED, Access.ALLOWED)

    def test_fields_come_and_go_with_the_declaration(self, tenant: SandboxServer) -> None:
        with without(tenant, "Client", "tin"), with_field(tenant, "ClientNote", Field("mood", nullable=True)):
            found = measure(tenant.url, "clients", "client-notes").resources
        assert "tin" not in found["clients"].fields
        assert found["client-notes"].fields["mood"].declared
        noted = apply_measured(RESOURCES["client-notes"], found["client-notes"])
        assert noted.by_name["mood"].writable and noted.by_name["mood"].nullable

    def test_an_empty_patch_is_sent_to_the_named_record_only(self, tenant: SandboxServer) -> None:
        tenant.reset_requests()
        with probing(tenant.url) as probe:
            assert probe.may_write("/api/clients/5") is Access.ALLOWED
            assert probe.may_write("/api/countries/1") is Access.ABSENT
            with pytest.raises(NotFound):
                probe.may_write("/api/clients/999999")
            for wrong in ("/api/clients", "/api/invoices/5/send", "/api/clients/../send", "clients"):
                with pytest.raises(SyncdError):
                    probe.may_write(wrong)
        assert {route for route in tenant.requests if route.startswith(("PATCH", "POST"))} == {
            "PATCH /clients/{id}",
            "PATCH /countries/{id}",
        }


# ------------------------------------------------------------------ scripted servers


def tenant_of(collections: dict[str, Callable[[Got], Answering]]) -> Callable[[Got], Answering]:
    """A server without a schema document that answers these paths, items included, and 404 for the rest."""

    def script(got: Got) -> Answering:
        for path, answer in collections.items():
            if got.path == path or got.path.startswith(path + "/"):
                return answer(got)
        return Reply(404, {"status": 404, "detail": "Not Found", "type": "/errors/404"}, PROBLEM)

    return script


def listed(rows: list[dict[str, Any]], **answers: Reply) -> Callable[[Got], Answering]:
    def answer(got: Got) -> Answering:
        if got.method == "OPTIONS":
            return answers.get("options", Reply(405, b"", "text/html"))
        last = got.path.rpartition("/")[2]
        if last.isdigit():
            return answers.get("item") or Reply(200, next(row for row in rows if row["id"] == int(last)))
        return Reply(200, {"member": rows, "totalItems": len(rows)})

    return answer


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"@id": f"/api/clients/{number}", "@type": "Client", "id": number, **more}


def only_clients(answer: Callable[[Got], Answering]) -> MeasuredResource:
    with ScriptedServer(tenant_of({"/clients": answer})) as server:
        return measure(server.url, "clients").resources["clients"]


class TestNastyServers:
    def test_without_a_document_fields_are_known_from_rows(self) -> None:
        rows = [row(1, name="A", tin="12345678", dueDays=8), row(2, name="B", dueDays=14, weight=2.5)]
        found = only_clients(listed(rows, options=Reply(405, b"", "text/html", {"Allow": "GET, POST, PATCH"})))
        assert (found.declared, found.nulls) == (False, Nulls.OMITTED)
        assert found.fields["tin"].seen == 1 and found.fields["tin"].of == 2
        assert found.fields["weight"].type == "decimal"
        assert found.verbs == (Verb.LIST, Verb.CREATE, Verb.GET, Verb.PATCH)
        assert found.filters == dict.fromkeys(found.filters, FilterKind.IGNORED), "everything always comes back"

    def test_fields_that_only_items_have_are_told(self) -> None:
        item = Reply(200, row(1, name="A", history="long"))
        found = only_clients(listed([row(1, name="A")], item=item))
        assert found.item_only == ("history",)

    def test_shown_nulls_are_seen(self) -> None:
        found = only_clients(listed([row(1, name="A", tin=None)]))
        assert found.nulls is Nulls.SHOWN
        assert found.fields["tin"].seen == 0 and found.fields["tin"].type is None

    def test_a_bare_array_has_no_total_and_is_never_a_full_page(self) -> None:
        rows = [row(number, name=f"N{number}") for number in range(1, 40)]

        def answer(got: Got) -> Answering:
            last = got.path.rpartition("/")[2]
            return Reply(200, rows[int(last) - 1] if last.isdigit() else rows[:30], "application/json")

        found = only_clients(answer)
        assert (found.envelope, found.total, found.full_page, found.pages.honoured) == (Form.ARRAY, None, False, False)

    def test_a_filter_that_loses_the_row_is_unusable(self) -> None:
        rows = [row(1, tin="12345678"), row(2, tin="87654321")]

        def answer(got: Got) -> Answering:
            return listed([] if "tin=" in got.target else rows)(got)

        found = only_clients(answer)
        assert found.filters["tin"] is FilterKind.UNUSABLE
        assert "tin" not in apply_measured(RESOURCES["clients"], found).filters

    def test_a_refused_value_is_not_a_filter_and_does_not_end_the_probe(self) -> None:
        def answer(got: Got) -> Answering:
            if "tin=" in got.target:
                return Reply(400, {"status": 400, "detail": "no"}, PROBLEM)
            return listed([row(1, tin="12345678"), row(2, tin="2")])(got)

        assert only_clients(answer).filters["tin"] is FilterKind.UNUSABLE

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(403, b"<html>blocked by a firewall</html>", "text/html"),
            Reply(404, b"<html>no such page</html>", "text/html"),
            Reply(200, b"<html>maintenance</html>", "text/html"),
            Reply(200, {"member": [1, 2]}),
            Reply(200, {"id": 5}),
            Reply(200, b'{"member": [', LD),
            Reply(500, {"status": 500, "detail": "oops"}, PROBLEM),
        ],
        ids=["html 403", "html 404", "html 200", "numbers", "an item", "cut", "500"],
    )
    def test_an_answer_that_says_nothing_is_unknown_and_the_others_are_measured(self, reply: Reply) -> None:
        script = tenant_of({"/clients": lambda _: reply, "/client-notes": listed([{"id": 1, "note": "x"}])})
        with ScriptedServer(script) as server:
            found = measure(server.url, "clients", "client-notes").resources
        assert found["clients"].access is Access.UNKNOWN and found["clients"].detail
        assert found["client-notes"].access is Access.ALLOWED
        assert apply_measured(RESOURCES["clients"], found["clients"]) == RESOURCES["clients"]

    def test_a_server_that_went_away_ends_the_probe(self) -> None:
        def script(got: Got) -> Answering:
            return Reply(503, b"down", "text/html") if "client" in got.path else tenant_of({})(got)

        with ScriptedServer(script) as server, pytest.raises(Later):
            measure(server.url, "clients", "client-notes", "client-contacts", retries=0)

    def test_a_refused_login_ends_the_probe(self) -> None:
        refusal = Reply(401, {"code": 401, "message": "Expired JWT Token"}, "application/json")
        with ScriptedServer(lambda _: refusal) as server, pytest.raises(Denied):
            measure(server.url, "clients")

    def test_identities_never_lead_elsewhere(self) -> None:
        rows = [
            {"@id": "/api/invoices/5/send", "id": "a/../send"},
            {"@id": "https://elsewhere.invalid/api/clients/5", "name": "x"},
            {"@id": "/api/organization/clear", "id": True},
        ]
        with ScriptedServer(tenant_of({"/clients": listed(rows)})) as server:
            found = measure(server.url, "clients").resources["clients"]
            asked = {got.path for got in server.got if got.path.startswith("/clients")}
            hosts = {got.headers["host"] for got in server.got}
        assert (found.access, found.rows, found.item_only) == (Access.ALLOWED, 3, ())
        assert asked == {"/clients", "/clients/0"}
        assert hosts == {f"127.0.0.1:{server.port}"}

    def test_names_and_values_of_a_peer_never_become_yaml(self, tmp_path: Path) -> None:
        odd = {"null": 1, "a: b": 2, "${HOME}": 3, "x" * 300: 4, "status": "${HOME}", "kind": "yes", "type": "a\nb: c"}
        with ScriptedServer(tenant_of({"/clients": listed([row(1, **odd)])})) as server:
            found = measure(server.url, "clients", instance="${HOME}:#")
        file = tmp_path / "capabilities.yaml"
        file.write_text(as_text(found))
        assert load_measurement(file) == found
        fields = found.resources["clients"].fields
        assert set(fields) == {"id", "null", "status", "kind", "type"}
        assert fields["status"].values == {} and fields["kind"].values == {"yes": 1}

    def test_free_text_is_never_kept(self) -> None:
        rows = [row(number, type=f"Person{number}", name="Ada Lovelace") for number in range(1, 40)]
        text = as_text(
            Measurement(taken=NOW, tenant=Tenant(address="http://x"), resources={"clients": only_clients(listed(rows))})
        )
        assert "Person" not in text and "Ada" not in text and "Lovelace" not in text


class TestDocument:
    @pytest.mark.parametrize("version", ["api-platform-4.3", "api-platform-3.4"])
    def test_a_recorded_document_is_understood(self, version: str) -> None:
        text = (RECORDINGS / version / "209-docs-jsonopenapi.http").read_text()
        data, _ = json.JSONDecoder().raw_decode(text[text.index('{"openapi"') :])
        document = Document(data, "/api")
        clients = document.resource("/clients")
        assert document.usable and clients is not None
        assert clients.verbs == {Verb.LIST, Verb.CREATE, Verb.GET, Verb.PATCH}
        assert {"name", "tin", "country", "clientContacts"} <= set(clients.fields)
        assert clients.fields["tin"].nullable and not clients.fields["name"].nullable
        assert clients.fields["dueDays"].type == "integer"
        assert {"tin", "name"} <= set(clients.parameters) and "page" in clients.parameters
        transactions = document.resource("/transactions")
        assert transactions is not None
        assert transactions.fields["amount"].type == "decimal"
        assert transactions.fields["execDate"].type == "datetime"
        assert transactions.fields["amount"].required and not transactions.fields["note"].required
        assert document.resource("/unheard-of") is None

    @pytest.mark.parametrize(
        "data",
        [
            None,
            [],
            {"openapi": 3, "paths": {"/api/clients": {}}},
            {"openapi": "3.1.0", "paths": []},
            {"openapi": "3.1.0", "paths": {"/api/clients": {"get": {"responses": {"200": {"content": 5}}}}}},
        ],
    )
    def test_a_broken_document_says_nothing(self, data: Any) -> None:
        found = Document(data, "/api").resource("/clients")
        assert found is None or found.fields == {}

    def test_schemas_that_contain_themselves_come_to_an_end(self) -> None:
        loop = {"$ref": "#/components/schemas/A"}
        schema = {"allOf": [loop, {"properties": {"name": {"anyOf": [loop, {"type": "null"}]}}}], "anyOf": [loop]}
        data = {
            "openapi": "3.1.0",
            "paths": {
                "/api/clients": {
                    "get": {
                        "responses": {
                            "200": {"content": {"application/json": {"schema": {"type": "array", "items": loop}}}}
                        }
                    }
                }
            },
            "components": {"schemas": {"A": schema}},
        }
        found = Document(data, "/api").resource("/clients")
        assert found is not None and "name" in found.fields


# ------------------------------------------------------------------ the file


GOOD = """\
format: 1
taken: "2026-11-20T12:00:00+00:00"
tenant: {address: "http://x"}
resources:
  clients:
    access: allowed
    filters: {tin: exact}
    fields:
      tin: {type: text, seen: 3, of: 5}
"""


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("    access: allowed", "    acess: allowed", (6, "unknown key 'acess' (did you mean 'access'?)")),
        ("    access: allowed", "    access: perhaps", (6, "must be one of")),
        ("    filters: {tin: exact}", "    filters: {tin: real}", (7, "must be one of")),
        ("      tin: {type: text, seen: 3, of: 5}", "      tin: {type: text, seen: -3}", (9, "greater than")),
        ('taken: "2026-11-20T12:00:00+00:00"', "taken: yesterday", (2, "taken")),
        ("format: 1", "format: 2", (1, "must be")),
    ],
)
def test_a_wrong_capabilities_file_is_told_with_its_line(
    tmp_path: Path, line: str, instead: str, told: tuple[int, str]
) -> None:
    file = tmp_path / "capabilities.yaml"
    file.write_text(GOOD)
    assert load_measurement(file).resources["clients"].fields["tin"] == MeasuredField(type="text", seen=3, of=5)
    assert line in GOOD
    file.write_text(GOOD.replace(line, instead))
    with pytest.raises(ConfigError) as caught:
        load_measurement(file)
    assert {problem.file for problem in caught.value.problems} == {str(file)}
    assert any(problem.line == told[0] and told[1] in str(problem) for problem in caught.value.problems)


def test_a_connector_takes_what_was_measured(tmp_path: Path, tenant: SandboxServer) -> None:
    file = tmp_path / "capabilities.yaml"
    file.write_text(GOOD.replace("{tin: exact}", "{tin: ignored, status: exact}").replace("tin: {", "mood: {"))
    with flowtly(tenant.url, capabilities=str(file)) as connector:
        clients = connector.catalogue["clients"]
        assert "tin" not in clients.filters
        assert "status" in clients.filters
        assert "mood" in clients.by_name and not clients.by_name["mood"].writable


def test_documented_verbs_are_only_ever_taken_away(tenant: SandboxServer) -> None:
    told = MeasuredResource(access=Access.ALLOWED, verbs=(Verb.LIST, Verb.GET, Verb.DELETE))
    assert apply_measured(RESOURCES["clients"], told).verbs == {Verb.LIST, Verb.GET}
    assert apply_measured(RESOURCES["clients"], MeasuredResource(access=Access.DENIED)) == RESOURCES["clients"]


def test_the_page_that_is_looked_at_is_bounded() -> None:
    assert ASKED <= 500
    with ScriptedServer(tenant_of({})) as server, probing(server.url) as probe:
        assert probe.full([RESOURCES["clients"]], lambda *_: None).resources["clients"].access is Access.ABSENT
        with pytest.raises(Refused):
            probe.may_write("/api/clients/")
