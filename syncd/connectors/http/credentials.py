"""Who we are to a peer: a fixed token, or a login that is renewed before it ends. A token is never printed.

A refused password is not tried again for ten minutes: every connector, page and write would try it otherwise, and
lock the account.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any, Final, Protocol

from syncd.connectors.http.answers import Answer
from syncd.connectors.http.jsontext import JsonTrouble, dump_json, parse_json
from syncd.connectors.http.requests import Request
from syncd.connectors.http.trouble import trouble, unreadable, words
from syncd.errors import BadAnswer, Denied, NotFound, Refused
from syncd.ports import Clock

_MARGIN: Final = 60.0  # seconds before the end of a token at which it is renewed
_SHARE: Final = 0.1  # of the lifetime, where that is less
_SULK: Final = 600.0  # seconds for which a refused password is not tried again
_PRINTABLE: Final = range(0x21, 0x7F)
_JWT_PARTS: Final = 3


class Sender(Protocol):
    """What a login needs of the client: send without credentials, take any status."""

    def exchange(self, request: Request) -> Answer:
        """The answer to a request, whatever its status."""


class Credentials(Protocol):
    """Says who we are on every request."""

    def headers(self, sender: Sender) -> Mapping[str, str]:
        """The headers to send. Raises Denied, Later, BadAnswer."""

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Told that ``sent`` was answered 401: True when other headers may do better."""

    def secrets(self) -> tuple[str, ...]:
        """Texts that must not appear in any message."""


class StaticToken:
    """A token that somebody made for us; a 401 is final."""

    def __init__(self, token: str) -> None:
        self._token = header_safe(token)

    def __repr__(self) -> str:
        return "StaticToken(...)"

    def headers(self, sender: Sender) -> Mapping[str, str]:  # noqa: ARG002 - a fixed token asks nobody
        """The bearer header."""
        return {"authorization": f"Bearer {self._token}"}

    def renew(self, sent: Mapping[str, str]) -> bool:  # noqa: ARG002 - there is only the one
        """Never: there is no other token."""
        return False

    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self._token,)


class LoginToken:
    """A token from ``POST url {username, password} -> {token}``, shared by all threads; one login at a time."""

    def __init__(self, url: str, username: str, password: str, clock: Clock, headers: Mapping[str, str]) -> None:
        self._url, self._username, self._password = url, username, password
        self._clock, self._extra = clock, dict(headers)
        self._lock = Lock()
        self._token: str | None = None
        self._renew_at = float("inf")
        self._denied: tuple[float, str] | None = None

    def __repr__(self) -> str:
        return "LoginToken(...)"

    def headers(self, sender: Sender) -> Mapping[str, str]:
        """The bearer header of a token that has not ended, after a login where needed."""
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._renew_at:
                self._token = self._login(sender)
            return {"authorization": f"Bearer {self._token}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Forget the token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token is not None and sent.get("authorization") == f"Bearer {self._token}":
                self._token = None
            return True

    def secrets(self) -> tuple[str, ...]:
        """Password and token."""
        token = self._token
        return (self._password, token) if token else (self._password,)

    def _login(self, sender: Sender) -> str:
        now = self._clock.monotonic()
        if self._denied is not None and now < self._denied[0]:
            raise Denied(f"{self._denied[1]} (not tried again for now, so as not to lock the account)")
        body = dump_json({"username": self._username, "password": self._password})
        headers = {**self._extra, "content-type": "application/json", "accept": "application/json"}
        request = Request("POST", self._url, headers, body, repeatable=True)
        answer = sender.exchange(request)
        if answer.status != HTTPStatus.OK:
            self._refuse(request, answer, now)
        token = _token_of(request, answer)
        life = lifetime(token, self._clock.now().timestamp())
        self._renew_at = float("inf") if life is None else now + life - min(_MARGIN, life * _SHARE)
        self._denied = None
        return token

    def _refuse(self, request: Request, answer: Answer, now: float) -> None:
        """Raise what a failed login means: wrong credentials or a wrong address are for a person to mend."""
        error = trouble(request, answer, self._clock.now().timestamp())
        if isinstance(error, Denied | Refused | NotFound) or answer.status == HTTPStatus.NOT_FOUND:
            said = f"the login was refused with {answer.status}: {words(answer) or 'no reason given'}"
            hint = "" if isinstance(error, Denied) else "; check url, login.path and the kind of account"
            self._denied = (now + _SULK, said + hint)
            raise Denied(said + hint)
        raise error if answer.status >= HTTPStatus.MULTIPLE_CHOICES else unreadable(request, "no token in the answer")


def header_safe(token: str) -> str:
    """The token, if it can stand in a header. Raises ValueError without showing it."""
    if not token or any(ord(letter) not in _PRINTABLE for letter in token):
        raise ValueError("a token is printable ASCII without spaces; is there a line break at its end?")
    return token


def lifetime(token: str, now: float) -> float | None:
    """Seconds from its receipt until a JWT ends; None when it does not say. The signature is not our business.

    ``exp - iat`` is preferred to ``exp - now``: it does not depend on our clock agreeing with the peer's.
    """
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    try:
        claims: Any = parse_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (JsonTrouble, binascii.Error, ValueError):
        return None
    if not isinstance(claims, dict):
        return None
    end, begin = _seconds(claims.get("exp")), _seconds(claims.get("iat"))
    if end is None:
        return None
    life = end - (begin if begin is not None and begin < end else now)
    return life if life > 0 else None


def _seconds(claim: object) -> float | None:
    return float(claim) if isinstance(claim, int) and not isinstance(claim, bool) and abs(claim) < 1 << 53 else None


def _token_of(request: Request, answer: Answer) -> str:
    try:
        data = answer.json()
    except JsonTrouble as error:
        raise unreadable(request, str(error)) from None
    token = data.get("token") if isinstance(data, dict) else None
    if not isinstance(token, str):
        raise BadAnswer(f"{request.label}: the answer to the login has no token")
    try:
        return header_safe(token)
    except ValueError:
        raise BadAnswer(f"{request.label}: the token of the login cannot be sent in a header") from None
