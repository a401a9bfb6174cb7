"""Local servers that answer like VIES and like the Polish white list, on real sockets.

VIES answers by the number, as its own test service does: 100 is valid, 200 is not, 201 to 601 are its errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.wire.scripted import Answering, Got, Reply, ScriptedServer

JSON = "application/json"
ERRORS = {
    "201": "INVALID_INPUT",
    "202": "INVALID_REQUESTER_INFO",
    "300": "SERVICE_UNAVAILABLE",
    "301": "MS_UNAVAILABLE",
    "302": "TIMEOUT",
    "400": "VAT_BLOCKED",
    "401": "IP_BLOCKED",
    "500": "GLOBAL_MAX_CONCURRENT_REQ",
    "501": "GLOBAL_MAX_CONCURRENT_REQ_TIME",
    "600": "MS_MAX_CONCURRENT_REQ",
    "601": "MS_MAX_CONCURRENT_REQ_TIME",
}


class ViesServer(ScriptedServer):
    """``known``: further valid numbers, with their country, and their names; ``failing``: countries that cannot."""

    def __init__(self, known: Mapping[str, str] | None = None, failing: frozenset[str] = frozenset()) -> None:
        self.known = dict(known or {})
        self.failing = set(failing)
        super().__init__(self._said)

    def _said(self, got: Got) -> Answering:
        parts = urlsplit(got.target)
        _, ms, state, vat, number = parts.path.split("/")
        assert (ms, vat) == ("ms", "vat")
        asked = parse_qs(parts.query)
        name = self.known.get(state + number, "TEST SP. Z O.O." if number == "100" else None)
        said = "MS_UNAVAILABLE" if state in self.failing else ERRORS.get(number, "INVALID" if name is None else "VALID")
        return Reply(
            200,
            {
                "isValid": said == "VALID",
                "requestDate": "2026-11-20T11:58:01.123Z",
                "userError": said,
                "name": name if said == "VALID" else "---",
                "address": "UL. DŁUGA 1\n00-950 WARSZAWA\n" if said == "VALID" else "---",
                "requestIdentifier": "WAPIAAAAW1" if said == "VALID" and "requesterNumber" in asked else "",
                "originalVatNumber": number,
                "vatNumber": number,
                "viesApproximate": {"name": "---", "street": "---", "matchName": 3},
            },
            JSON,
        )


class WhiteListServer(ScriptedServer):
    """``listed``: NIP to fields of its subject. More than ``quota`` requests are refused."""

    def __init__(self, listed: Mapping[str, Mapping[str, Any]] | None = None, quota: int = 10) -> None:
        self.listed = dict(listed or {})
        self.quota = quota
        super().__init__(self._said)

    def _said(self, got: Got) -> Answering:
        self.quota -= 1
        if self.quota < 0:
            return Reply(429, {"code": "WL-191", "message": "Przekroczono limit"}, JSON)
        parts = urlsplit(got.target)
        assert parts.path.startswith("/api/search/nips/")
        numbers = parts.path.rpartition("/")[2].split(",")
        if len(numbers) > 30:
            return Reply(400, {"code": "WL-130", "message": "Za dużo argumentów"}, JSON)
        assert len(parse_qs(parts.query)["date"][0]) == len("2026-11-20")
        return Reply(
            200,
            {
                "result": {
                    "entries": [self._entry(nip) for nip in numbers],
                    "requestId": "d2n10-84df1a1",
                    "requestDateTime": "20-11-2026 12:58:01",
                }
            },
            JSON,
        )

    def _entry(self, nip: str) -> dict[str, Any]:
        if nip.startswith("0"):
            return {"identifier": nip, "subjects": [], "error": {"code": "WL-115", "message": "Nieprawidłowy NIP."}}
        subject = self.listed.get(nip)
        person = {"firstName": "Jan", "lastName": "Nowak", "pesel": "22222222222"}
        full = {"nip": nip, "statusVat": "Czynny", "representatives": [person], "pesel": "22222222222"}
        return {"identifier": nip, "subjects": [] if subject is None else [{**full, **subject}]}
