"""VIES and the white list over real HTTP: what is an answer, what is none, and that an error is never "not valid"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import pytest

from syncd.connectors.registers.vies import Vies
from syncd.connectors.registers.white_list import WhiteList
from syncd.errors import BadAnswer, Later, RateLimited, SyncdError
from syncd.ports.registers import Answer, Outcome
from tests.support.vies import ERRORS, JSON, ViesServer, WhiteListServer
from tests.wire.peers import StandingClock
from tests.wire.scripted import Hang, Reply, ScriptedServer

TODAY = date(2026, 11, 20)


@contextmanager
def vies(server: ScriptedServer, **options: object) -> Iterator[Vies]:
    made = Vies(server.url, StandingClock(), timeout=2.0, **options)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def white_list(server: ScriptedServer) -> Iterator[WhiteList]:
    made = WhiteList(server.url, StandingClock(), timeout=2.0)
    try:
        yield made
    finally:
        made.close()


def test_a_valid_number_comes_with_name_address_time_and_proof() -> None:
    with ViesServer() as server, vies(server, requester="DE136695976") as register:
        (answer,) = register.check(["PL100"], TODAY)
        asked = server.got[-1].target
    assert answer == Answer(
        "PL100",
        Outcome.VALID,
        name="TEST SP. Z O.O.",
        address="UL. DŁUGA 1, 00-950 WARSZAWA",
        consultation="WAPIAAAAW1",
        detail="VALID",
        answered_at=datetime(2026, 11, 20, 11, 58, 1, 123000, tzinfo=UTC),
    )
    assert asked == "/ms/PL/vat/100?requesterMemberStateCode=DE&requesterNumber=136695976"


def test_nothing_but_the_number_is_sent_and_without_a_requester_there_is_no_proof() -> None:
    with ViesServer() as server, vies(server) as register:
        (answer,) = register.check(["GR100"], TODAY)
        assert server.got[-1].target == "/ms/EL/vat/100", "Greece is EL there"
        assert server.got[-1].body == b""
    assert (answer.number, answer.outcome, answer.consultation) == ("GR100", Outcome.VALID, "")


@pytest.mark.parametrize(("number", "said"), [("200", "INVALID"), *ERRORS.items()])
def test_only_an_answer_about_the_number_is_not_valid(number: str, said: str) -> None:
    with ViesServer() as server, vies(server) as register:
        (answer,) = register.check([f"PL{number}"], TODAY)
    about_the_number = said in {"INVALID", "INVALID_INPUT"}
    assert answer.outcome is (Outcome.INVALID if about_the_number else Outcome.UNAVAILABLE)
    assert (answer.name, answer.address, answer.consultation, answer.detail) == ("", "", "", said)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500, {"error": "x"}, JSON), Later),
        (Reply(503, b"", JSON), Later),
        (Reply(429, b"", JSON, {"retry-after": "3600"}), RateLimited),
        (Reply(200, b"<html>", "text/html"), BadAnswer),
        (Reply(200, [], JSON), BadAnswer),
        (Reply(200, {"isValid": False}, JSON), BadAnswer),
        (Reply(200, {"isValid": False, "userError": "VALID"}, JSON), BadAnswer),
        (Reply(200, {"isValid": True, "userError": "INVALID"}, JSON), BadAnswer),
        (Reply(302, b"", JSON, {"location": "/elsewhere"}), BadAnswer),
        (Reply(200, {"isValid": True, "userError": "VALID", "name": "x" * (1 << 20)}, JSON), BadAnswer),
    ],
)
def test_what_cannot_be_understood_is_trouble_and_no_answer(reply: Reply, error: type[SyncdError]) -> None:
    with ScriptedServer(lambda _: reply) as server, vies(server) as register, pytest.raises(error):
        register.check(["PL100"], TODAY)


def test_silence_is_trouble() -> None:
    with ScriptedServer(lambda _: Hang()) as server:
        register = Vies(server.url, StandingClock(), timeout=0.1)
        with pytest.raises(Later):
            register.check(["PL100"], TODAY)
        register.close()


def test_vies_covers_the_union_only() -> None:
    with ViesServer() as server, vies(server) as register:
        assert [register.slot(one) for one in ("PL1", "GR1", "GB1", "CH1", "NO1", "XX1")] == ["PL", "GR"] + [None] * 4


NIP = "8567346215"
ACCOUNT = "61109010140000071219812874"


def test_the_white_list_answers_many_at_once_and_keeps_no_persons() -> None:
    listed = {
        NIP: {
            "name": "ŻÓŁW SP. Z O.O.",
            "workingAddress": "DŁUGA 1, 00-950 WARSZAWA",
            "accountNumbers": [ACCOUNT, "1"],
        },
        "5261040828": {"name": "DAWNA S.A.", "statusVat": "Niezarejestrowany"},
    }
    with WhiteListServer(listed) as server, white_list(server) as register:
        answers = register.check(["PL" + NIP, "PL5261040828", "PL7740001454", "PL0000000000"], TODAY)
        assert len(server.got) == 1
        assert server.got[0].target == f"/api/search/nips/{NIP},5261040828,7740001454,0000000000?date=2026-11-20"
    moment = datetime(2026, 11, 20, 11, 58, 1, tzinfo=UTC)
    assert answers[0] == Answer(
        "PL" + NIP,
        Outcome.VALID,
        name="ŻÓŁW SP. Z O.O.",
        address="DŁUGA 1, 00-950 WARSZAWA",
        accounts=("PL" + ACCOUNT,),
        consultation="d2n10-84df1a1",
        detail="Czynny",
        answered_at=moment,
    )
    assert [(one.outcome, one.detail) for one in answers[1:]] == [
        (Outcome.INVALID, "Niezarejestrowany"),
        (Outcome.INVALID, "not on the list"),
        (Outcome.UNAVAILABLE, "WL-115 Nieprawidłowy NIP."),
    ]
    assert "Nowak" not in repr(answers)
    assert "22222222222" not in repr(answers)


def test_a_spent_quota_is_trouble_and_is_not_tried_again_at_once() -> None:
    with WhiteListServer(quota=0) as server, white_list(server) as register:
        with pytest.raises(RateLimited):
            register.check(["PL" + NIP], TODAY)
        assert len(server.got) == 1


@pytest.mark.parametrize("body", [[], {}, {"result": None}, {"result": {"entries": None}}])
def test_an_odd_shape_of_the_white_list_is_trouble(body: object) -> None:
    answer = Reply(200, body, JSON)
    with ScriptedServer(lambda _: answer) as server, white_list(server) as register, pytest.raises(BadAnswer):
        register.check(["PL" + NIP], TODAY)


def test_an_entry_that_is_missing_or_about_another_says_nothing_good() -> None:
    other = {"identifier": NIP, "subjects": [{"nip": "5261040828", "name": "OTHER", "statusVat": "Czynny"}]}
    body = {"result": {"entries": [other], "requestId": "x"}}
    with ScriptedServer(lambda _: Reply(200, body, JSON)) as server, white_list(server) as register:
        answers = register.check(["PL" + NIP, "PL7740001454"], TODAY)
    assert [one.outcome for one in answers] == [Outcome.INVALID, Outcome.UNAVAILABLE]


def test_the_white_list_is_about_polish_numbers() -> None:
    with WhiteListServer() as server, white_list(server) as register:
        assert (register.slot("PL1"), register.slot("DE1")) == ("PL", None)
