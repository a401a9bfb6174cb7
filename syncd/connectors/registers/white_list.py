"""The Polish list of VAT payers ("white list"): number, name and bank accounts together. Keeps no data of persons.

Its answers carry representatives and personal numbers; none of that leaves this file. A request asks about up to thirty
numbers, and few requests a day are allowed, so they are asked together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from syncd.connectors.http import HttpClient, Options, Request
from syncd.connectors.http.jsontext import JsonTrouble
from syncd.counterparties.accounts import accounts
from syncd.errors import BadAnswer
from syncd.ports import Clock
from syncd.ports.registers import Answer, Outcome

_COUNTRY: Final = "PL"
_REGISTERED: Final = frozenset({"Czynny", "Zwolniony"})
_LONGEST: Final = 1000
_MOST_BYTES: Final = 16 << 20  # thirty firms, some with thousands of accounts


class WhiteList:
    """Asks for the entries of today."""

    name = "white_list"
    batch = 30
    zone = "Europe/Warsaw"

    def __init__(self, url: str, clock: Clock, *, timeout: float = 20.0) -> None:
        self._url = url.rstrip("/")
        options = Options(
            timeout=timeout, deadline=timeout * 2, retries=0, concurrency=1, most=1, max_bytes=_MOST_BYTES
        )
        self._http = HttpClient("the white list", options, clock, headers={"accept": "application/json"})

    def slot(self, number: str) -> str | None:
        """Polish numbers only."""
        return _COUNTRY if number.startswith(_COUNTRY) else None

    def check(self, numbers: Sequence[str], today: date) -> tuple[Answer, ...]:
        """All in one request."""
        asked = {number.removeprefix(_COUNTRY): number for number in numbers}
        url = f"{self._url}/api/search/nips/{','.join(asked)}?{urlencode({'date': today.isoformat()})}"
        try:
            data = self._http.send(Request("GET", url)).json()
        except JsonTrouble as trouble:
            raise BadAnswer(f"the white list: {trouble}") from None
        result = data.get("result") if isinstance(data, Mapping) else None
        entries = result.get("entries") if isinstance(result, Mapping) else None
        if not isinstance(result, Mapping) or not isinstance(entries, list):
            raise BadAnswer("the white list: the answer has no entries")
        about = {str(one.get("identifier")): one for one in entries if isinstance(one, Mapping)}
        proof, moment = _text(result.get("requestId")), _moment(result.get("requestDateTime"))
        return tuple(_answer(number, about.get(nip), nip, proof, moment) for nip, number in asked.items())

    def close(self) -> None:
        """Release connections."""
        self._http.close()


def _answer(number: str, entry: Mapping[str, Any] | None, nip: str, proof: str, moment: datetime | None) -> Answer:
    if entry is None or isinstance(entry.get("error"), Mapping):
        error = entry["error"] if entry is not None else {}
        detail = _text(f"{error.get('code', '')} {error.get('message', '')}") or "the answer says nothing about it"
        return Answer(number, Outcome.UNAVAILABLE, detail=detail)
    listed = entry.get("subjects")
    subjects = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    found = next((one for one in subjects if one.get("nip") == nip), None)
    if found is None:
        return Answer(number, Outcome.INVALID, consultation=proof, detail="not on the list", answered_at=moment)
    status = _text(found.get("statusVat"))
    if status not in _REGISTERED:
        return Answer(number, Outcome.INVALID, consultation=proof, detail=status or "no status", answered_at=moment)
    said = found.get("accountNumbers")
    return Answer(
        number,
        Outcome.VALID,
        name=_text(found.get("name")),
        address=_text(found.get("workingAddress")) or _text(found.get("residenceAddress")),
        accounts=accounts(str(one) for one in said) if isinstance(said, list) else (),
        consultation=proof,
        detail=status,
        answered_at=moment,
    )


def _text(value: object) -> str:
    return " ".join(value.split())[:_LONGEST] if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """``18-11-2019 15:12:42`` in Polish time."""
    try:
        return datetime.strptime(str(value), "%d-%m-%Y %H:%M:%S").replace(tzinfo=ZoneInfo(WhiteList.zone))
    except ValueError:
        return None
