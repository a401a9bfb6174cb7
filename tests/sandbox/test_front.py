"""A front without the prefix: routes at the root, answers that still say /api (recorded)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from syncd.sandbox.server import SandboxConfig
from tests.sandbox.conftest import Api


def test_routes_are_at_the_root_and_answers_keep_the_prefix(run: Callable[..., Api]):
    api = run(prefix="")
    page = api.get("/clients?itemsPerPage=2").json()
    assert page["@id"] == "/api/clients"
    assert [each["@id"] for each in page["member"]] == ["/api/clients/1", "/api/clients/2"]
    assert page["view"]["next"] == "/api/clients?itemsPerPage=2&page=2"
    made = api.post("/clients", {"name": "New"})
    assert made.headers["Location"] == "/api/clients/66"
    assert api.get("/clients/66").json()["@id"] == "/api/clients/66"


def test_the_path_of_an_iri_is_unknown_there(run: Callable[..., Api]):
    api = run(prefix="")
    for path in ("/api/clients", "/api/clients/1", "/api"):
        answer = api.get(path, headers={"Accept": "application/ld+json"})
        assert answer.status_code == 404
        assert answer.json()["type"].startswith("https://tools.ietf.org")


def test_relations_are_written_with_the_prefix_and_not_without(run: Callable[..., Api]):
    api = run(prefix="")
    assert api.post("/client-notes", {"client": "/api/clients/1", "note": "n"}).status_code == 201
    refused = api.post("/client-notes", {"client": "/clients/1", "note": "n"})
    assert (refused.status_code, refused.json()["detail"]) == (400, 'Invalid IRI "/clients/1".')


def test_login_docs_and_the_entry_point_are_at_the_root_too(run: Callable[..., Api]):
    api = run(prefix="")
    token = api.http.post("/login", json={"username": "sync@flowtly.test", "password": "sandbox"}).json()["token"]
    assert token.count(".") == 2
    assert api.get("/").json()["client"] == "/api/clients"
    assert "/api/clients" in api.get("/docs.jsonopenapi", headers={"Accept": "*/*"}).json()["paths"]


def test_a_trailing_slash_moves_to_the_path_on_this_front(run: Callable[..., Api]):
    api = run(prefix="")
    moved = api.get("/clients/?page=2")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{api.server.url}/clients?page=2")


def test_the_servers_own_routes_do_not_move_with_the_prefix(run: Callable[..., Api]):
    for prefix in ("", "/api"):
        assert httpx.get(f"{run(prefix=prefix).server.origin}/_sandbox/faults").json() == []


@pytest.mark.parametrize("prefix", ["api", "/", "/api/"])
def test_a_prefix_that_is_no_path_is_refused(prefix: str):
    with pytest.raises(ValueError, match="prefix"):
        SandboxConfig(prefix=prefix)
