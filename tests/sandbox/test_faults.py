"""Every fault switch, over the wire: what the client sees and what the server stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from syncd.sandbox.faults import KINDS, Faults
from tests.sandbox.conftest import Api

NEW = {"name": "New"}


def stored(api: Api, name: str = "New") -> int:
    return sum(row["name"] == name for row in api.server.state.rows("Client"))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateway_error_comes_as_a_page_and_nothing_is_stored(run: Callable[..., Api], status: int):
    api = run()
    api.server.faults.add("status", status=status, method="POST", path="/clients", times=1)
    answer = api.post("/clients", NEW)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert str(status) in answer.text
    assert "Retry-After" not in answer.headers
    assert stored(api) == 0
    assert api.post("/clients", NEW).status_code == 201


@pytest.mark.parametrize("wait", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_rate_limit_may_say_how_long_to_wait(run: Callable[..., Api], wait: int | str):
    api = run()
    api.server.faults.add("status", status=429, retry_after=wait, times=1)
    assert api.get("/clients").headers["Retry-After"] == str(wait)


def test_504_after_storing_leaves_the_record(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("status_after", method="POST", path="/clients", times=1)
    assert api.post("/clients", NEW).status_code == 504
    assert stored(api) == 1


def test_504_after_storing_leaves_a_patch_and_a_delete(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("status_after")
    assert api.patch("/clients/1", {"name": "Patched"}).status_code == 504
    assert api.http.delete("/client-contacts/1").status_code == 504
    assert stored(api, "Patched") == 1
    assert api.server.state.get("ClientContact", 1) is None


def test_a_reset_before_handling_stores_nothing_and_after_handling_stores(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("reset", method="POST", times=1)
    with pytest.raises(httpx.TransportError):
        api.post("/clients", NEW)
    assert stored(api) == 0
    api.server.faults.clear()
    api.server.faults.add("reset_after", method="POST", times=1)
    with pytest.raises(httpx.TransportError):
        api.post("/clients", NEW)
    assert stored(api) == 1
    assert api.post("/clients", NEW).status_code == 201


def test_truncated_json_arrives_whole_as_http(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("truncated", keep=0.5, times=1)
    cut = api.get("/clients")
    assert cut.status_code == 200
    assert api.get("/clients").content.startswith(cut.content)
    with pytest.raises(json.JSONDecodeError):
        cut.json()


def test_a_page_may_come_where_json_was_expected(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("html")
    answer = api.post("/clients", NEW)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert stored(api) == 0


@pytest.mark.parametrize("envelope", ["plain", "hydra"])
def test_wrong_types_hit_one_field_of_every_record_or_the_body(run: Callable[..., Api], envelope: str):
    api = run(envelope=envelope)
    rule = api.server.faults.add("wrong_types", field="name")
    assert {type(each["name"]) for each in api.members("/clients")} == {dict}
    assert api.get("/clients/1").json()["name"] == {"unexpected": "object"}
    assert api.get("/clients", headers={"Accept": "application/json"}).json()[0]["name"] == {"unexpected": "object"}
    api.server.faults.remove(rule.id)
    api.server.faults.add("wrong_types")
    assert api.get("/clients").json() == "unexpected"


@pytest.mark.parametrize("envelope", ["plain", "hydra"])
def test_an_empty_list_is_a_success_without_members(run: Callable[..., Api], envelope: str):
    api = run(envelope=envelope)
    prefix = "hydra:" if envelope == "hydra" else ""
    rule = api.server.faults.add("empty_list", path="/clients")
    page = api.get("/clients").json()
    assert (page[f"{prefix}member"], page[f"{prefix}totalItems"]) == ([], 0)
    assert f"{prefix}view" not in page
    assert api.get("/clients", headers={"Accept": "application/json"}).json() == []
    assert api.get("/clients/1").json()["id"] == 1
    assert len(api.members("/countries")) == 30
    api.server.faults.remove(rule.id)
    api.server.faults.add("empty_list", keep_total=True)
    assert api.get("/clients").json()[f"{prefix}totalItems"] == 65


def test_a_new_record_is_listed_late_and_found_by_its_id_at_once(run: Callable[..., Api]):
    clock = [1_000_000.0]
    api = run(now=lambda: clock[0])
    api.server.faults.add("listing_delay", method="POST", path="/clients", times=1, seconds=30)
    made = api.post("/clients", {"name": "Late", "tin": "99999999"}).json()
    assert api.get(f"/clients/{made['id']}").status_code == 200
    assert api.members("/clients?tin=99999999") == []
    assert api.get("/clients").json()["totalItems"] == 65
    clock[0] += 29
    assert api.members("/clients?tin=99999999") == []
    clock[0] += 1
    assert [each["id"] for each in api.members("/clients?tin=99999999")] == [made["id"]]


def test_a_listing_delay_may_count_requests_instead(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("listing_delay", method="POST", times=1, requests=2)
    api.post("/clients", {"name": "Late", "tin": "99999999"})
    assert [len(api.members("/clients?tin=99999999")) for _ in range(3)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"how": "upper"}, "BLÅ HUS"),
        ({"how": "lower"}, "blå hus"),
        ({"how": "truncate", "length": 3}, "Blå"),
        ({"how": "append", "text": " (PL)"}, "Blå Hus (PL)"),
    ],
)
def test_a_peer_may_store_another_value_than_it_was_sent(run: Callable[..., Api], params: dict[str, object], kept: str):
    api = run()
    api.server.faults.add("rewrite", field="name", **params)
    made = api.post("/clients", {"name": "Blå Hus", "addressCity": "Ålborg"}).json()
    assert (made["name"], made["addressCity"]) == (kept, "Ålborg")
    assert api.get(f"/clients/{made['id']}").json()["name"] == kept
    assert api.patch("/clients/1", {"name": "Blå Hus"}).json()["name"] == kept
    assert api.patch("/clients/1", {"addressCity": "Odense"}).json()["name"] == kept


def walk(api: Api) -> list[int]:
    return [each["id"] for page in (1, 2, 3) for each in api.members(f"/clients?page={page}&itemsPerPage=22")]


def test_a_record_removed_in_mid_walk_hides_another_one_from_the_reader(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("page_shift", method="GET", path="/clients", after_nth=1, times=1)
    seen = walk(api)
    assert api.server.state.get("Client", 1) is None
    assert 23 not in seen
    assert api.get("/clients/23").status_code == 200
    assert len(seen) == 64


def test_a_record_inserted_in_mid_walk_shows_another_one_twice(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("page_shift", method="GET", path="/clients", after_nth=1, times=1, action="insert")
    seen = walk(api)
    assert seen.count(22) == 2
    assert len(set(seen)) == 65


def test_latency_delays_and_a_slow_answer_comes_complete(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("latency", seconds=0.15, times=1)
    api.server.faults.add("slow", seconds=0.001, size=40, times=1, after_nth=1)
    begun = time.monotonic()
    assert api.get("/clients/1").status_code == 200
    assert time.monotonic() - begun >= 0.15
    assert api.get("/clients/1").json() == api.get("/clients/1").json()


def test_a_rule_acts_on_its_method_path_and_turn_only(run: Callable[..., Api]):
    api = run()
    api.server.faults.add("status", status=503, method="GET", path="/clients", after_nth=1, times=2)
    assert api.get("/client-contacts").status_code == 200
    assert api.patch("/clients/1", {}).status_code == 200
    assert [api.get("/clients/1").status_code for _ in range(4)] == [200, 503, 503, 200]
    api.server.faults.clear()
    api.server.faults.add("status", status=502, path=r"^/clients/\d+$")
    assert (api.get("/clients").status_code, api.get("/clients/2").status_code) == (200, 502)


def chosen(api: Api, **settings: object) -> list[int]:
    """Which of 200 requests a rule acts on."""
    api.server.faults.clear()
    api.server.faults.add("status", path="/clients", **settings)
    return [number for number in range(200) if api.get("/clients/1").status_code == 503]


def test_a_rule_may_act_on_a_share_that_its_seed_chooses(shared: Callable[..., Api]):
    api = shared(clients=1)
    try:
        first = chosen(api, share=0.2, seed=1)
        assert 20 <= len(first) <= 60
        assert chosen(api, share=0.2, seed=1) == first
        assert chosen(api, share=0.2, seed=2) != first
        assert len(chosen(api, share=0.2, times=3)) == 3
        assert all(number >= 100 for number in chosen(api, share=0.5, after_nth=100))
    finally:
        api.server.faults.clear()


def test_the_same_seed_chooses_the_same_requests_at_another_server():
    first, second = Faults().add("reset", share=0.3, seed=7), Faults().add("reset", share=0.3, seed=7)
    assert [first.take() for _ in range(300)] == [second.take() for _ in range(300)]


@pytest.mark.parametrize("prefix", ["/api", ""])
def test_rules_are_written_without_the_prefix_on_every_front(run: Callable[..., Api], prefix: str):
    api = run(prefix=prefix)
    api.server.faults.add("status", path="/clients")
    assert api.get("/clients").status_code == 503


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        ("latancy", {}, "did you mean 'latency'"),
        ("status", {"code": 500}, "no parameter 'code'"),
        ("status", {"status": 200}, "from 400 to 599"),
        ("latency", {"seconds": "soon"}, "must be a number"),
        ("latency", {"seconds": -1}, "not negative"),
        ("rewrite", {"how": "sideways"}, "one of upper"),
        ("html", {"times": 0}, "times"),
        ("html", {"after_nth": -1}, "after_nth"),
        ("html", {"share": 0}, "share"),
        ("html", {"share": 1.5}, "share"),
        ("html", {"path": "clients"}, "path must begin"),
        ("html", {"path": "^("}, "no regular expression"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    shared: Callable[..., Api], kind: str, settings: dict[str, object], says: str
):
    faults = shared(clients=1).server.faults
    with pytest.raises(ValueError, match=says):
        faults.add(kind, **settings)
    assert faults.rules() == []


def test_corrupt_spoils_only_files_of_its_kind(run: Callable[..., Api]):
    api = run(clients=1)
    export, clients = api.get("/transactions/export/mt940").content, api.get("/clients").content
    api.server.faults.add("corrupt", what="zip")
    assert api.get("/transactions/export/mt940").content == export
    api.server.faults.add("corrupt", what="mt940")
    assert api.get("/transactions/export/mt940").content == export[: len(export) // 2]
    assert api.get("/clients").content == clients


def test_rules_can_be_set_listed_and_removed_over_http(run: Callable[..., Api]):
    api = run()
    switch = f"{api.server.origin}/_sandbox/faults"
    made = httpx.post(switch, json={"kind": "status", "path": "/clients", "times": 5, "params": {"status": 429}})
    assert made.status_code == 201
    httpx.post(switch, json={"kind": "latency", "params": {"seconds": 0}})
    assert api.get("/clients").status_code == 429
    rules = httpx.get(switch).json()
    assert [(each["kind"], each["seen"], each["acted"]) for each in rules] == [("status", 1, 1), ("latency", 1, 1)]
    assert httpx.delete(f"{switch}/{made.json()['id']}").status_code == 204
    assert httpx.delete(f"{switch}/{made.json()['id']}").status_code == 404
    assert api.get("/clients").status_code == 200
    assert httpx.delete(switch).status_code == 204
    assert httpx.get(switch).json() == []


@pytest.mark.parametrize(
    "rule",
    [
        [],
        {},
        {"kind": 5},
        {"kind": "nope"},
        {"kind": "html", "when": "now"},
        {"kind": "html", "params": []},
        {"kind": "html", "times": "many"},
        {"kind": "html", "share": "some"},
        {"kind": "html", "params": {"kind": "latency"}},
    ],
)
def test_a_bad_rule_over_http_is_400_with_a_sentence(shared: Callable[..., Api], rule: object):
    api = shared(clients=1)
    answer = httpx.post(f"{api.server.origin}/_sandbox/faults", json=rule)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert httpx.get(f"{api.server.origin}/_sandbox/faults").json() == []


def test_every_kind_is_exercised_in_this_file():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f'"{kind}"' not in source] == []
