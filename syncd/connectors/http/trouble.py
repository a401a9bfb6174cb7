"""From a status to a typed error: what the caller does next. It goes by the status; the body only supplies words.

A write whose outcome is not certain is never reported as failed: after a 5xx only a probe of the peer may end the
doubt (recorded: F-504, a POST answered with 504 was found stored).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from syncd.connectors.http.answers import Answer
from syncd.connectors.http.jsontext import JsonTrouble
from syncd.connectors.http.requests import Request
from syncd.connectors.http.waits import retry_after
from syncd.errors import (
    BadAnswer,
    Denied,
    Later,
    NotFound,
    RateLimited,
    Refused,
    SyncdError,
    UnknownOutcome,
    Violation,
)

_LONGEST: Final = 400  # characters of a peer's words that we repeat
_TEXTS: Final = ("detail", "hydra:description", "description", "message", "hydra:title", "title")
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_SPACE: Final = re.compile(r"\s+")
_TYPE_FAULT: Final = re.compile(r'^The type of the "([^"]+)" attribute')
_OUR_FAULT: Final = {
    HTTPStatus.METHOD_NOT_ALLOWED: "this method is not for this address; allowed: {allow}",
    HTTPStatus.NOT_ACCEPTABLE: "none of the media types we can read is offered",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the media type we sent is not taken; taken: {accept}",
}
_BUSY: Final = frozenset({HTTPStatus.LOCKED, HTTPStatus.TOO_EARLY})


def trouble(request: Request, answer: Answer, now: float) -> SyncdError:
    """The error that a status from 300 on stands for. ``now`` is POSIX time, for a ``Retry-After`` that is a date."""
    status, said = answer.status, _said(request, answer)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Denied(said)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return _absence(answer, said)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, retry_after=retry_after(answer.headers, now))
    if status in _BUSY:
        return Later(said, retry_after=retry_after(answer.headers, now))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        wait = retry_after(answer.headers, now)
        return Later(said, retry_after=wait) if request.safe else UnknownOutcome(said)
    if status < HTTPStatus.BAD_REQUEST:
        return _elsewhere(request, answer)
    return Refused(said + _fault(answer), violations(answer))


def unreadable(request: Request, why: str) -> SyncdError:
    """The error for an answer that claims success and cannot be used: a read learnt nothing, a write may be done."""
    text = f"{request.label}: {why}"
    return BadAnswer(text) if request.safe else UnknownOutcome(text)


def is_api_error(answer: Answer) -> bool:
    """True when the error comes from the API itself and not from a proxy in front of it or from its router.

    The router answers for an address that does not exist at all, which a wrong base URL brings about for every
    record; its type is RFC 2616 or its text "No route found" (recorded: cases 012 and 092 of both versions).
    """
    data = _object(answer)
    return bool(data) and not is_router_error(answer)


def is_router_error(answer: Answer) -> bool:
    """True when the address is unknown to the application, whatever record may be behind it."""
    data = _object(answer)
    if answer.media_type != "application/problem+json" and "rfc2616" in str(data.get("type", "")):
        return True
    return any("No route found" in str(data.get(name, "")) for name in _TEXTS)


def violations(answer: Answer) -> tuple[Violation, ...]:
    """Field by field reasons of a refusal: the ``violations`` list, or the field that a type error names."""
    data = _object(answer)
    listed = data.get("violations")
    if isinstance(listed, list):
        return tuple(_violation(item) for item in listed if isinstance(item, Mapping))
    text = _first_text(data)
    fault = _TYPE_FAULT.match(text)
    return (Violation(fault[1], _cut(text)),) if fault else ()


def words(answer: Answer) -> str:
    """What the peer says, in at most one line: violations, else the first known text field, else the bare text."""
    listed = violations(answer)
    if listed:
        return _cut("; ".join(f"{item.field}: {item.message}" if item.field else item.message for item in listed))
    text = _first_text(_object(answer))
    if not text and not answer.is_json:
        text = _TAGS.sub(" ", answer.body[:20_000].decode("utf-8", "replace"))
    return _cut(text)


def _said(request: Request, answer: Answer) -> str:
    text = words(answer)
    return f"{request.label} was answered {answer.status}{f': {text}' if text else ''}"


def _absence(answer: Answer, said: str) -> SyncdError:
    if is_api_error(answer):
        return NotFound(said)
    if is_router_error(answer):
        return BadAnswer(f"{said} (the server knows no such address: check the url and the IRI prefix)")
    return BadAnswer(f"{said} (not an answer of the API, so it says nothing about the record)")


def _elsewhere(request: Request, answer: Answer) -> SyncdError:
    """A redirect, which is never followed. 302 and 303 may come after the work was done."""
    text = f"{request.label} was answered {answer.status}, a redirect, which is not followed: check the url"
    if not request.safe and answer.status in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
        return UnknownOutcome(text)
    return BadAnswer(text)


def _fault(answer: Answer) -> str:
    hint = _OUR_FAULT.get(HTTPStatus(answer.status)) if answer.status in set(HTTPStatus) else None
    if hint is None:
        return ""
    allow = answer.headers.get("allow", "not said")
    accept = answer.headers.get("accept-patch") or answer.headers.get("accept-post") or "not said"
    return f" (a fault of ours: {hint.format(allow=_cut(allow), accept=_cut(accept))})"


def _violation(item: Mapping[str, Any]) -> Violation:
    return Violation(
        _cut(str(item.get("propertyPath") or "")),
        _cut(str(item.get("message") or "refused")),
        str(item.get("code") or ""),
    )


def _object(answer: Answer) -> Mapping[str, Any]:
    """The body as a JSON object, empty when it is none."""
    if not answer.body or not answer.is_json:
        return {}
    try:
        data = answer.json()
    except JsonTrouble:
        return {}
    return data if isinstance(data, dict) else {}


def _first_text(data: Mapping[str, Any]) -> str:
    return next((text for name in _TEXTS if isinstance(text := data.get(name), str) and text), "")


def _cut(text: str) -> str:
    plain = _SPACE.sub(" ", text.replace("\x00", " ")).strip()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."
