"""VIES, the European Commission's look into the member states' VAT registers. An error is never read as "not valid".

It answers 200 also when a member state could not be asked; ``isValid`` is false then. Only ``userError`` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from syncd.connectors.http import HttpClient, Options, Request
from syncd.connectors.http.jsontext import JsonTrouble
from syncd.errors import BadAnswer
from syncd.ports import Clock
from syncd.ports.registers import Answer, Outcome

_STATES: Final = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
     "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)  # fmt: skip
_OWN_CODES: Final = {"GR": "EL"}
_CONCLUSIVE: Final = {"VALID": Outcome.VALID, "INVALID": Outcome.INVALID, "INVALID_INPUT": Outcome.INVALID}
_SAYS_NOTHING: Final = "---"
_LONGEST: Final = 1000
_MOST_BYTES: Final = 1 << 20


class Vies:
    """``requester`` is our own number with its prefix; VIES gives a consultation number only to those who say it."""

    name = "vies"
    batch = 1
    zone = "Europe/Brussels"

    def __init__(self, url: str, clock: Clock, *, requester: str = "", timeout: float = 20.0) -> None:
        self._url = url.rstrip("/")
        self._asking = _requester(requester)
        # One attempt more, and not at once: a member state that is busy gets busier by being asked again.
        options = Options(
            timeout=timeout,
            deadline=timeout * 2,
            retries=1,
            concurrency=1,
            most=1,
            max_bytes=_MOST_BYTES,
            first_wait=1.0,
        )
        self._http = HttpClient("VIES", options, clock, headers={"accept": "application/json"})

    def slot(self, number: str) -> str | None:
        """The member state."""
        return number[:2] if number[:2] in _STATES else None

    def check(self, numbers: Sequence[str], today: date) -> tuple[Answer, ...]:  # noqa: ARG002 - VIES knows now only
        """One number each."""
        return tuple(self._one(number) for number in numbers)

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _one(self, number: str) -> Answer:
        state = _OWN_CODES.get(number[:2], number[:2])
        url = f"{self._url}/ms/{state}/vat/{quote(number[2:], safe='')}{self._asking}"
        try:
            data = self._http.send(Request("GET", url)).json()
        except JsonTrouble as trouble:
            raise BadAnswer(f"VIES: {trouble}") from None
        if not isinstance(data, Mapping) or not isinstance(data.get("userError"), str):
            raise BadAnswer("VIES: the answer has no userError, so it says nothing")
        return _answer(number, data)


def _answer(number: str, data: Mapping[str, Any]) -> Answer:
    said = str(data["userError"])
    outcome = _CONCLUSIVE.get(said, Outcome.UNAVAILABLE)
    if (outcome is Outcome.VALID) != (data.get("isValid") is True):
        raise BadAnswer(f"VIES: {said} and isValid {data.get('isValid')!r} contradict each other")
    if outcome is not Outcome.VALID:
        return Answer(number, outcome, detail=_text(said), answered_at=_moment(data.get("requestDate")))
    return Answer(
        number,
        outcome,
        name=_text(data.get("name")),
        address=_text(data.get("address")),
        consultation=_text(data.get("requestIdentifier")),
        detail=said,
        answered_at=_moment(data.get("requestDate")),
    )


def _requester(number: str) -> str:
    if not number:
        return ""
    state = _OWN_CODES.get(number[:2], number[:2])
    return "?" + urlencode({"requesterMemberStateCode": state, "requesterNumber": number[2:]})


def _text(value: object) -> str:
    """One line; empty for what VIES writes where a member state keeps name and address to itself."""
    lines = (" ".join(line.split()) for line in value.splitlines()) if isinstance(value, str) else ()
    text = ", ".join(line for line in lines if line)[:_LONGEST]
    return "" if text == _SAYS_NOTHING else text


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
