"""The spelling of Tryton's JSON-RPC: requests, stamps, errors. Pure; sends nothing.

A request has exactly the keys id, method and params: with any other key the server answers in another way (seen on
8.2). An application error is HTTP 200 with ``error``, a list that begins with the exception's name.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from syncd.connectors.http import JsonTrouble, Request, dump_json
from syncd.errors import BadAnswer, Denied, Later, Refused, Stale, SyncdError, Violation

_IDS: Final = itertools.count(1)
_LONGEST: Final = 400
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_NAMES: Final = frozenset({"UserError", "UserWarning", "ConcurrencyException", "LoginException"})
_PASSING: Final = ("locked", "could not serialize", "deadlock", "connection", "timeout", "could not obtain lock")
_NO_ACCESS: Final = re.compile(r'^You are not allowed to \w+ "[^"]*"\.')
_GONE: Final = re.compile(r"^You are trying to \w+ (?:to )?records .* that don't exist")


class Missing(Refused):
    """The server said that a record it was asked for by id does not exist."""


def as_request(endpoint: str, method: str, params: Sequence[Any], *, write: bool) -> Request:
    """One call. Only a read may be repeated. Raises Refused for a value that JSON cannot carry."""
    try:
        body = dump_json({"id": next(_IDS), "method": method, "params": list(params)})
    except JsonTrouble as error:
        raise Refused(f"{method}: {error}") from None
    headers = {"content-type": "application/json", "accept-encoding": "gzip"}
    return Request("POST", endpoint, headers, body, repeatable=not write)


def stamp_to_wire(stamp: datetime) -> dict[str, Any]:
    """A time as Tryton writes it: naive UTC in parts."""
    utc = stamp.astimezone(UTC)
    return {"__class__": "datetime", **{part: getattr(utc, part) for part in _PARTS}}


def stamp_from_wire(value: Any) -> datetime | None:
    """The aware time of such parts; None for null. Raises BadAnswer."""
    if value is None:
        return None
    try:
        year, month, day, hour, minute, second, micro = (int(value[part]) for part in _PARTS)
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    except (TypeError, KeyError, ValueError):
        raise BadAnswer("a time stamp is not what Tryton writes") from None


def error_of(method: str, error: Any, *, write: bool) -> SyncdError:
    """The typed error of an ``error`` answer. The server rolled the transaction back before it answered so."""
    kind, said = _parts(error)
    text = f"{method}: {said}"
    if kind == "ConcurrencyException":
        return Stale(text)
    if kind == "LoginException":
        return Denied(text)
    if kind == "UserWarning":
        return Refused(f"{text} (Tryton asks a person to confirm this)", (Violation("", said, kind),))
    if kind == "UserError":
        if _NO_ACCESS.match(said):
            return Denied(text)
        return Missing(text) if _GONE.match(said) else Refused(text, (Violation("", said, kind),))
    if any(word in said.lower() for word in _PASSING):
        return Later(text)
    return Refused(text, (Violation("", said),)) if write else BadAnswer(text)


def _parts(error: Any) -> tuple[str, str]:
    """Name and words of an error. A warning's arguments begin with its key, an error's with its words."""
    items = error if isinstance(error, list) else [error]
    if len(items) <= 1 or items[0] not in _NAMES:
        return "", _cut(str(items[0]) if items else "an empty error")
    words = items[1]
    if isinstance(words, list):
        at = 1 if items[0] == "UserWarning" and len(words) > 1 else 0
        words = words[at] if words else ""
    return str(items[0]), _cut(str(words))


def _cut(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
