"""The client against every recorded answer of both API Platform versions: what it makes of status, type and body.

``EXPECTED`` names what the HTTP client must make of each of the 212 cases; a case that is missing, or stands in two
groups, fails. The tables below it say the same of the cases that the connector itself brings about, and
``NEVER_BROUGHT_ABOUT`` why it cannot bring about the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from itertools import count

import pytest

from syncd.connectors.http import JsonTrouble, LoginToken, Request
from syncd.errors import (
    BadAnswer,
    Denied,
    Later,
    NotFound,
    RateLimited,
    ReadCut,
    Refused,
    SyncdError,
    UnknownOutcome,
)
from syncd.ports import Query, Record
from tests.wire.peers import StandingClock, client, flowtly
from tests.wire.recorded import VERSIONS, Exchange, case, exchanges, indexed, numbered
from tests.wire.scripted import Got, Reply, ScriptedServer

_SHARED: list[ScriptedServer] = []


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


EXPECTED = {
    "read": (
        "1 6 14-17 19 21-24 33 34 38 39 42 46-58 60-72 75-81 87 88 90 91 94-96 110 112 114 115 123 130 135-139 143 145"
        " 147-153 158 159 162 165 167 170-175 179-182 184-187 196 198 204 205 207 209 210"
    ),
    "cut in the recording": "18 20 27 32 59 73 74 211",
    "denied": "2 7-11 13",
    "refused": (
        "3 4 25 26 28-31 102-107 109 116-119 125-129 131 132 134 140 141 144 146 160 161 163 164 169 183 201 202"
    ),
    "refused by field": "97-99 101 108 111 113 133 142 166 176-178 200",
    "our fault": "35 36 40 41 43 44 89 100 120-122 124 154-157 191-195 206",
    "not found": "37 82-86 168 188-190 197 199 203 208 212",
    "no such address": "5 12 92 93",
    "redirect": "45",
}

ERRORS: dict[str, type[SyncdError]] = {
    "denied": Denied,
    "refused": Refused,
    "refused by field": Refused,
    "our fault": Refused,
    "not found": NotFound,
    "no such address": BadAnswer,
    "redirect": BadAnswer,
}

GROUP = {number: group for group, text in EXPECTED.items() for number in _numbers(text)}

FIELDS = {
    97: ("clientContacts[0].email", "clientContacts[0].name"),
    98: ("country", "currency", "name", "dueDays", "tin"),
    99: ("currency", "name"),
    101: ("name",),
    108: ("name",),
    111: ("name",),
    113: ("tin",),
    133: ("client",),
    200: ("counterparties",),
}

TYPE_FAULTS = {102: "dueDays", 103: "dueDays", 104: "dueDays", 105: "name", 106: "name", 107: "currency", 128: "client"}

# What the connector itself makes of an answer, as (members of the first page, total, how the walk goes on).
PAGES: dict[int, tuple[int, int | None, str]] = {
    14: (30, 65, "more"),
    15: (30, 65, "more"),
    16: (5, 65, "cut"),
    19: (5, 65, "more"),
    22: (0, 0, "end"),
    23: (0, 0, "end"),
    33: (2, None, "more"),
    38: (1, 65, "more"),
    39: (1, 65, "more"),
    42: (1, 65, "more"),
    46: (1, 65, "more"),
    49: (2, 21, "more"),
    50: (2, 6, "more"),
    56: (1, 1, "end"),
    57: (2, 2, "end"),
    58: (1, 1, "end"),
    60: (1, 1, "end"),
    61: (1, 1, "end"),
    62: (2, 2, "end"),
    63: (30, 65, "more"),
    64: (1, 65, "more"),
    65: (1, 65, "more"),
    66: (1, 65, "more"),
    67: (0, 0, "end"),
    68: (1, 65, "more"),
    69: (0, 0, "end"),
    70: (1, 65, "more"),
    71: (2, 65, "more"),
    72: (2, 65, "more"),
    75: (1, 1, "end"),
    76: (1, 1, "end"),
    77: (0, 0, "end"),
    78: (0, 0, "end"),
}
EMPTY_BUT_CLAIMS_MORE = (17, 24)
CREATED = {
    "clients": _numbers("94-96 110 112 114 115 123"),
    "client-notes": [130, 135],
    "client-contacts": [136],
}
PATCHED = _numbers("152 153 158 162 165 170-175 179 180")
CREATE_TROUBLE = _numbers("13 97-109 111 113 116-122 124")
PATCH_TROUBLE = _numbers("154-157 160 161 163 164 166 168 169 176-178")
NOTE_TROUBLE = _numbers("125-129 131-134")
COLLECTION_TROUBLE = _numbers("7-11 25 26 28-31 40 41 43-45")
CUT_COLLECTIONS = _numbers("18 20 27 32 59 73 74")
LOGINS = _numbers("1-6")
ITEMS = _numbers("80 81 87 91 159 167")
ABSENT = _numbers("82-86 189 197 199")
NO_ROUTE = _numbers("12 92 93")

# Cases that the connector cannot bring about, and why; the HTTP client is held to them all the same.
NEVER_BROUGHT_ABOUT = {
    "a resource that is not catalogued": "21 51-55 79 137-151 181-185 196 198 200-204",
    "an address that is never asked for": "35-37 48 205-212",
    "a method that is never sent": "47 88-90 186-188 190-195",
}


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """One server for all cases; each says what it answers."""
    with ScriptedServer(lambda _: Reply(500)) as server:
        _SHARED.append(server)
        yield
    _SHARED.clear()


def _answering(script: Callable[[Got], Reply]) -> AbstractContextManager[ScriptedServer]:
    server = _SHARED[0]
    server.got.clear()
    server.script = script
    return nullcontext(server)


def _served(exchange: Exchange) -> AbstractContextManager[ScriptedServer]:
    """A server that answers the recorded answer once and then has nothing more to say."""
    turn = count()
    return _answering(lambda _: exchange.reply if next(turn) == 0 else Reply(500, b"", ""))


def _every_time(exchange: Exchange) -> AbstractContextManager[ScriptedServer]:
    return _answering(lambda _: exchange.reply)


def _id(exchange: Exchange) -> str:
    return f"{exchange.version[-3:]}-{exchange.name}"


def test_every_case_of_the_index_has_exactly_one_expectation() -> None:
    stated = sorted(number for text in EXPECTED.values() for number in _numbers(text))
    for version in VERSIONS:
        assert stated == sorted(indexed(version))
        assert {each.number for each in numbered() if each.version == version} == set(stated)


def test_every_case_is_brought_about_by_the_connector_or_has_a_reason_not_to() -> None:
    created = [number for numbers in CREATED.values() for number in numbers]
    tables = [PAGES, EMPTY_BUT_CLAIMS_MORE, [34], created, PATCHED, CREATE_TROUBLE, PATCH_TROUBLE, NOTE_TROUBLE]
    tables += [COLLECTION_TROUBLE, CUT_COLLECTIONS, LOGINS, ITEMS, ABSENT, NO_ROUTE]
    tables += [_numbers(text) for text in NEVER_BROUGHT_ABOUT.values()]
    assert sorted(number for table in tables for number in table) == list(range(1, 213))


def test_the_cases_that_are_cut_are_the_listed_ones() -> None:
    for exchange in numbered():
        assert exchange.cut == (GROUP[exchange.number] == "cut in the recording"), exchange.name


@pytest.mark.parametrize("exchange", numbered(), ids=_id)
def test_the_client_makes_of_an_answer_what_is_expected(exchange: Exchange) -> None:
    group = GROUP[exchange.number]
    with _served(exchange) as server, client(retries=0) as http:
        skipped = {"host", "content-length"}
        headers = {name: value for name, value in exchange.sent.items() if name not in skipped}
        request = Request(exchange.method, server.url + exchange.target, headers, exchange.sent_body or None)
        if group in ERRORS:
            with pytest.raises(ERRORS[group]) as caught:
                http.send(request)
            _check_error(exchange, group, caught.value)
            return
        answer = http.send(request)
    assert answer.status == exchange.status
    if group == "cut in the recording":
        with pytest.raises(JsonTrouble):
            answer.json()
    elif exchange.body.strip():
        assert answer.json() == json.loads(exchange.body, parse_float=Decimal)
    else:
        assert answer.body == b""


def _check_error(exchange: Exchange, group: str, error: SyncdError) -> None:
    text = str(error)
    assert type(error) is ERRORS[group]
    assert text.startswith("peer: ") and str(exchange.status) in text
    if isinstance(error, Refused):
        assert ("a fault of ours" in text) == (group == "our fault")
        fields = tuple(violation.field for violation in error.violations)
        if exchange.number in FIELDS:
            assert fields == FIELDS[exchange.number]
            assert all(violation.message and violation.code for violation in error.violations)
        if exchange.number in TYPE_FAULTS:
            assert fields == (TYPE_FAULTS[exchange.number],)
        if group == "refused by field":
            assert fields
    if group == "our fault" and exchange.number in (191, 192, 193):
        assert "GET, PATCH" in text
    if exchange.number in (154, 155):
        assert "application/merge-patch+json" in text
    if group == "no such address" and exchange.number != 5:
        assert "check the url and the IRI prefix" in text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", sorted(PAGES))
def test_a_recorded_collection_is_a_page(version: str, number: int) -> None:
    members, total, ending = PAGES[number]
    exchange = case(version, number)
    with _served(exchange) as server, flowtly(server.url, retries=0) as connector:
        pages = connector.pages(Query(_resource(exchange)), None)
        page = next(pages)
        assert len(page.records) == members
        assert page.total == total
        assert all(record.key.startswith(f"/api/{_resource(exchange)}/") for record in page.records)
        assert all("@id" not in record.raw and "@type" not in record.raw for record in page.records)
        if ending == "end":
            assert next(pages, None) is None
        else:
            with pytest.raises(ReadCut if ending == "cut" else Later):
                next(pages)
        if ending == "more" and total is not None:
            view = json.loads(exchange.body)
            view = view.get("view") or view["hydra:view"]
            link = view.get("next") or view["hydra:next"]
            assert server.got[1].target == link.removeprefix("/api")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", EMPTY_BUT_CLAIMS_MORE)
def test_an_empty_first_page_with_a_total_is_not_an_empty_remote(version: str, number: int) -> None:
    with (
        _served(case(version, number)) as server,
        flowtly(server.url) as connector,
        pytest.raises(BadAnswer, match="no members of 65"),
    ):
        list(connector.pages(Query("clients"), None))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_bare_array_is_a_proven_empty_collection(version: str) -> None:
    with _served(case(version, 34)) as server, flowtly(server.url) as connector:
        assert list(connector.pages(Query("clients"), None)) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_three_recorded_pages_are_one_whole_walk(version: str) -> None:
    pages = {"1": case(version, 14), "2": case(version, 15), "3": case(version, 16)}

    def script(got: Got) -> Reply:
        query = dict(part.split("=") for part in got.target.partition("?")[2].split("&"))
        return pages[query["page"]].reply

    with _answering(script) as server, flowtly(server.url) as connector:
        walked = [record for page in connector.pages(Query("clients"), None) for record in page.records]
    assert [record.key for record in walked] == [f"/api/clients/{number}" for number in range(1, 66)]
    assert walked[62].raw["tin"] is None, "left out of the answer, so null"
    assert walked[0].raw["addressCity"] == "Århus"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", COLLECTION_TROUBLE)
def test_a_recorded_error_of_a_collection_raises(version: str, number: int) -> None:
    with (
        _every_time(case(version, number)) as server,
        flowtly(server.url, retries=0) as connector,
        pytest.raises(ERRORS[GROUP[number]]),
    ):
        list(connector.pages(Query("clients"), None))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", ITEMS)
def test_a_recorded_item_is_a_record(version: str, number: int) -> None:
    exchange = case(version, number)
    key = f"/api/clients/{json.loads(exchange.body)['id']}"
    with _served(exchange) as server, flowtly(server.url) as connector:
        record = connector.read(Query("clients"), key)
        assert server.got[0].target == key.removeprefix("/api")
    assert record.key == key
    _check_record(record, exchange)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", ABSENT)
def test_a_recorded_404_of_an_item_is_a_proven_absence(version: str, number: int) -> None:
    with _served(case(version, number)) as server, flowtly(server.url) as connector, pytest.raises(NotFound):
        connector.read(Query("clients"), "/api/clients/999999")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", NO_ROUTE)
def test_a_recorded_404_of_the_router_proves_nothing(version: str, number: int) -> None:
    with (
        _served(case(version, number)) as server,
        flowtly(server.url) as connector,
        pytest.raises(BadAnswer, match="IRI prefix"),
    ):
        connector.read(Query("clients"), "/api/clients/3")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("resource", "number"), [(name, number) for name, numbers in CREATED.items() for number in numbers]
)
def test_a_recorded_201_is_the_created_record(version: str, resource: str, number: int) -> None:
    exchange = case(version, number)
    sent = {"clients": {"name": "x"}, "client-notes": {"note": "x"}, "client-contacts": {"name": "x"}}[resource]
    with _served(exchange) as server, flowtly(server.url) as connector:
        record = connector.create(Query(resource), sent)
        assert server.got[0].headers["content-type"] == "application/ld+json"
        assert server.got[0].json == sent
    assert record.key == exchange.headers["location"]
    _check_record(record, exchange)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", CREATE_TROUBLE)
def test_a_recorded_refusal_of_a_create_is_typed(version: str, number: int) -> None:
    with _every_time(case(version, number)) as server, flowtly(server.url) as connector:
        with pytest.raises(ERRORS[GROUP[number]]) as caught:
            connector.create(Query("clients"), {"name": "x"})
        assert server.count("POST") == (2 if case(version, number).status == 415 else 1)
    assert type(caught.value) is ERRORS[GROUP[number]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", NOTE_TROUBLE)
def test_a_recorded_refusal_of_a_relation_is_typed(version: str, number: int) -> None:
    with _every_time(case(version, number)) as server, flowtly(server.url) as connector, pytest.raises(Refused):
        connector.create(Query("client-notes"), {"client": "/api/clients/999999", "note": "n"})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", CUT_COLLECTIONS)
def test_a_collection_that_is_cut_off_is_never_a_short_one(version: str, number: int) -> None:
    with _served(case(version, number)) as server, flowtly(server.url) as connector, pytest.raises(BadAnswer):
        next(connector.pages(Query("clients"), None))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", LOGINS)
def test_a_recorded_login_is_a_token_or_denied(version: str, number: int) -> None:
    with _every_time(case(version, number)) as server:
        credentials = LoginToken(f"{server.url}/login", "sync@example.com", "x-pass-word-x", StandingClock(), {})
        with client() as http:
            if GROUP[number] == "read":
                assert credentials.headers(http) == {"authorization": "Bearer <jwt>"}
            else:
                with pytest.raises(Denied, match=str(case(version, number).status)):
                    credentials.headers(http)
        assert server.count("POST") == 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", PATCHED)
def test_a_recorded_patch_answer_is_the_state_it_produced(version: str, number: int) -> None:
    exchange = case(version, number)
    expected = Record("/api/clients/66", {})
    with _served(exchange) as server, flowtly(server.url) as connector:
        record = connector.update(Query("clients"), "/api/clients/66", {"dueDays": 47, "tin": None}, expected)
        assert server.got[0].method == "PATCH"
        assert server.got[0].headers["content-type"] == "application/merge-patch+json"
        assert server.got[0].json == {"dueDays": 47, "tin": None}
    assert record.key == "/api/clients/66"
    _check_record(record, exchange)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number", PATCH_TROUBLE)
def test_a_recorded_refusal_of_a_patch_is_typed(version: str, number: int) -> None:
    with _every_time(case(version, number)) as server, flowtly(server.url) as connector:
        with pytest.raises(ERRORS[GROUP[number]]):
            connector.update(Query("clients"), "/api/clients/66", {"name": "x"}, Record("/api/clients/66", {}))
        assert server.count("PATCH") == 1


def _fault(name: str) -> AbstractContextManager[ScriptedServer]:
    return _every_time(exchanges("api-platform-4.3")[name])


def test_a_429_without_retry_after_is_tried_again_and_then_rate_limited() -> None:
    with _fault("F-429-rate-limit") as server, client() as http:
        with pytest.raises(RateLimited) as caught:
            http.send(Request("GET", f"{server.url}/clients/3"))
        assert server.count("GET") == 3
    assert caught.value.retry_after is None
    assert "429 Too Many Requests" in str(caught.value)


def test_a_502_of_a_read_is_tried_again_and_then_later() -> None:
    with _fault("F-502-backend-down") as server, client() as http:
        with pytest.raises(Later) as caught:
            http.send(Request("GET", f"{server.url}/clients/3"))
        assert type(caught.value) is Later
        assert server.count("GET") == 3


@pytest.mark.parametrize("name", ["F-502-backend-down-post", "F-504-backend-frozen"])
def test_a_gateway_error_of_a_write_leaves_its_outcome_unknown_and_is_never_repeated(name: str) -> None:
    with _fault(name) as server, flowtly(server.url, retries=5) as connector:
        with pytest.raises(UnknownOutcome):
            connector.create(Query("clients"), {"name": "frozen once"})
        assert server.count("POST") == 1


def test_what_a_504_had_stored_is_found_by_looking() -> None:
    with _fault("F-504-then-read-back") as server, flowtly(server.url) as connector:
        found = list(connector.find(Query("clients"), {"name": "Frozen  once"}))
    assert [record.key for record in found] == ["/api/clients/74"]


def _resource(exchange: Exchange) -> str:
    return exchange.target.removeprefix("/api/").partition("?")[0]


def _check_record(record: Record, exchange: Exchange) -> None:
    """Each field as recorded, every catalogued field that the answer leaves out null, nothing of JSON-LD."""
    told = {name: value for name, value in json.loads(exchange.body).items() if not name.startswith("@")}
    assert {name: record.raw[name] for name in told} == told
    assert all(value is None for name, value in record.raw.items() if name not in told)
