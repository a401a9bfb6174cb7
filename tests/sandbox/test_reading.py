"""Collections and filters beyond the recordings: page size traps, dropped filters, lookups, both reference forms."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.conftest import Api

EVERYTHING = 65


def total(api: Api, query: str, path: str = "/clients") -> int:
    count: int = api.get(f"{path}?{query}").json()["totalItems"]
    return count


def test_following_next_reads_every_record_once(shared: Callable[..., Api]):
    api = shared(clients=205)
    path, seen = "/api/clients?itemsPerPage=1000", []
    while path:
        page = api.http.get(f"{api.server.origin}{path}").json()
        seen += [each["id"] for each in page["member"]]
        path = page["view"].get("next")
    assert seen == list(range(1, 206))


def test_too_large_a_page_is_cut_and_the_links_keep_the_number_asked_for(shared: Callable[..., Api]):
    page = shared(clients=150).get("/clients?itemsPerPage=1000").json()
    assert len(page["member"]) == 100
    assert page["view"]["next"] == "/api/clients?itemsPerPage=1000&page=2"


def test_the_page_size_and_its_maximum_are_settings(shared: Callable[..., Api]):
    api = shared(page_size=7, max_page_size=9)
    assert len(api.members("/clients")) == 7
    assert len(api.members("/clients?itemsPerPage=50")) == 9


def test_plain_json_is_a_bare_array_that_ends_with_an_empty_page(shared: Callable[..., Api]):
    api = shared()
    pages = [api.get(f"/clients?page={n}", headers={"Accept": "application/json"}).json() for n in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [30, 30, 5, 0]
    assert not any(key.startswith("@") for key in pages[0][0])


@pytest.mark.parametrize(
    "query",
    [
        "bogus=1",
        "id=abc",
        "id[]=1&id[]=abc",
        "tin[x]=10007919",
        "name[x]=y",
        "updatedAt[after]=yesterdayish",
        "updatedAt=2099-01-01",
        "updatedAt[sometime]=2099-01-01",
        "updatedAt[after]=2099-01-01T00:00:00+00:00",
        "order=name",
        "order[bogus]=asc",
        "order[name]=sideways",
        "%zz=%zz",
        "a[b][c]=1",
        "[]=1",
        "&&=&",
    ],
)
def test_a_filter_that_cannot_be_used_is_dropped_in_silence(shared: Callable[..., Api], query: str):
    assert total(shared(), query) == EVERYTHING


def test_a_plus_must_be_encoded_for_a_date_to_count(shared: Callable[..., Api]):
    api = shared()
    assert total(api, "updatedAt[after]=2099-01-01T00:00:00%2B00:00") == 0
    assert total(api, "updatedAt[after]=2099-01-01T00:00:00Z") == 0


def test_date_bounds_include_the_second_and_strict_ones_do_not(run: Callable[..., Api]):
    api = run(now=lambda: 1_767_225_600.0)
    at = "2026-01-01T00:00:00Z"
    counts = {
        name: total(api, f"updatedAt[{name}]={at}") for name in ("after", "before", "strictly_after", "strictly_before")
    }
    assert counts == {"after": EVERYTHING, "before": EVERYTHING, "strictly_after": 0, "strictly_before": 0}
    # The wall clock is compared: an offset in the bound does not move it (recorded).
    assert total(api, "updatedAt[after]=2026-01-01T00:00:00-02:00") == EVERYTHING


def test_several_values_are_alternatives_and_several_filters_are_all_meant(shared: Callable[..., Api]):
    api = shared()
    rows = api.server.state.rows("Client")
    first, second = rows[0]["tin"], rows[1]["tin"]
    assert total(api, f"tin[]={first}&tin[]={second}") == 2
    assert total(api, f"tin[]={first}&tin[]={second}&id=2") == 1
    wanted = [row["id"] for row in rows if row["country"] == "DK" and row["status"] == "active"]
    assert 0 < len(wanted) < EVERYTHING
    assert [each["id"] for each in api.members("/clients?country=DK&status=active&itemsPerPage=100")] == wanted


def test_a_lookup_follows_a_changed_value(run: Callable[..., Api]):
    api = run()
    api.patch("/clients/5", {"tin": "77777777"})
    assert [each["id"] for each in api.members("/clients?tin=77777777")] == [5]
    api.patch("/clients/5", {"tin": None})
    assert api.members("/clients?tin=77777777") == []


def test_a_partial_name_ignores_the_case_of_ascii_letters_only(run: Callable[..., Api]):
    api = run()
    api.patch("/clients/5", {"name": "Ærø Smedje"})
    assert total(api, "name=SMEDJE") == 1
    assert total(api, "name=Ærø") == 1
    assert total(api, "name=ærø") == 0


def test_order_is_stable_and_null_comes_first(shared: Callable[..., Api]):
    api = shared()
    names = [each["name"] for each in api.members("/clients?order[name]=asc&itemsPerPage=100")]
    assert names == sorted(names)
    backwards = [each["id"] for each in api.members("/clients?order[id]=desc&itemsPerPage=100")]
    assert backwards == list(range(EVERYTHING, 0, -1))


def test_relations_filter_by_iri_and_by_bare_id_and_the_wrong_kind_finds_nothing(shared: Callable[..., Api]):
    api = shared()
    assert total(api, "client=/api/clients/3", "/client-contacts") == 1
    assert total(api, "client=3", "/client-contacts") == 1
    assert total(api, "client[]=3&client[]=6", "/client-contacts") == 2
    assert total(api, "client=/api/employees/3", "/client-contacts") == 0
    assert total(api, "client=abc", "/client-contacts") == 21


def test_countries_and_currencies_are_lists_that_need_more_than_one_page(shared: Callable[..., Api]):
    api = shared(references="iri")
    first = api.get("/countries").json()
    assert len(first["member"]) == 30 < first["totalItems"]
    assert set(first["member"][0]) == {"@id", "@type", "id", "code", "name"}
    codes = {each["code"]: each["@id"] for each in first["member"]}
    client = api.get("/clients/1").json()
    assert client["country"] in codes.values()
    assert [each["id"] for each in api.members(f"/clients?country={client['country']}&id=1")] == [1]


def test_the_vat_number_is_made_of_the_country_where_there_is_no_prefix(run: Callable[..., Api]):
    api = run(references="iri")
    made = {"name": "x", "country": "/api/countries/2", "currency": "/api/currencies/2", "tin": "12345678"}
    assert api.post("/clients", made).json()["vatNumber"] == "DK12345678"
    assert api.post("/clients", {**made, "tinCountry": "SE"}).json()["vatNumber"] == "SE12345678"


def test_one_organization_says_its_instance(shared: Callable[..., Api]):
    (organization,) = shared().members("/organizations")
    assert organization["instance"] == organization["id"]
    assert {"type", "status", "name", "slug"} < set(organization)


@pytest.mark.parametrize("path", ["/clients/", "/clients/1/", "/clients/1/documents/"])
def test_a_trailing_slash_moves_with_the_query(shared: Callable[..., Api], path: str):
    api = shared()
    moved = api.get(f"{path}?a=1")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"{api.server.url}{path.rstrip('/')}?a=1")


@pytest.mark.parametrize(
    "path", ["/clients/1/nope", "/clients/1/documents/2", "/nope/1", "/clients/1/search", "/clients//1"]
)
def test_unknown_paths_are_router_errors_even_without_a_token(shared: Callable[..., Api], path: str):
    api = shared()
    answer = api.http.get(path, headers={"Authorization": "", "Accept": "application/ld+json"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Not Found"


def test_a_browser_gets_a_page_for_an_unknown_route(shared: Callable[..., Api]):
    answer = shared().get("/nope", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")


def test_the_description_names_every_served_path_and_the_published_schema(shared: Callable[..., Api]):
    for envelope in ("plain", "hydra"):
        api = shared(envelope=envelope, references="iri")
        document = api.get("/docs.jsonopenapi", headers={"Accept": "*/*"}).json()
        paths = document["paths"]
        assert set(paths["/api/clients/{id}"]) >= {"get", "patch"}
        assert "delete" not in paths["/api/clients/{id}"]
        schema = document["components"]["schemas"]["Client-client.read_client_contact.read_storage.read"]
        served = set(api.get("/clients/3").json()) - {"@context", "@id", "@type"}
        assert served <= set(schema["properties"])
        assert {"country", "currency", "name"} <= set(schema["required"])
        known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert set(_references(document)) <= known


def _references(data: object) -> list[str]:
    if isinstance(data, dict):
        own = [data["$ref"]] if isinstance(data.get("$ref"), str) else []
        return own + [each for value in data.values() for each in _references(value)]
    if isinstance(data, list):
        return [each for value in data for each in _references(value)]
    return []


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/*", "application/ld+json"),
        ("application/json, application/ld+json", "application/ld+json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("application/ld+json;q=0, application/json", "application/json"),
        ("text/html, */*;q=0.5", "application/ld+json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json;q=nonsense", "application/json"),
    ],
)
def test_the_media_type_goes_by_quality_and_then_by_the_servers_order(
    shared: Callable[..., Api], accept: str, media: str
):
    answer = shared().get("/clients/1", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{media}; charset=utf-8")


def test_a_type_of_quality_zero_is_not_acceptable(shared: Callable[..., Api]):
    assert shared().get("/clients/1", headers={"Accept": "application/ld+json;q=0"}).status_code == 406


def test_a_doubled_slash_is_another_path(shared: Callable[..., Api]):
    api = shared()
    assert api.http.get(f"{api.server.url}//clients", headers={"Accept": "application/ld+json"}).status_code == 404
