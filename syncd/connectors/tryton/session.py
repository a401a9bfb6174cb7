"""Who we are to a Tryton server: a session from the login, renewed once when it ends. Never repeats a wrong password.

The server counts wrong passwords and answers 429 from the sixth on (seen on 7.0 and 8.2), to the person at the desk
as well; so a refused login is remembered for ten minutes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any, Final, Protocol

from syncd.connectors.http import Answer, JsonTrouble, Request, trouble
from syncd.connectors.tryton.wire import as_request
from syncd.errors import BadAnswer, Denied, Later, UnknownOutcome
from syncd.ports import Clock

_SULK: Final = 600.0  # seconds for which a refused password is not tried again
_RESULT_PARTS: Final = 2  # user id and token; 8.x adds a bus address


class Sender(Protocol):
    """What a login needs of the client."""

    def exchange(self, request: Request) -> Answer:
        """The answer to a request, whatever its status."""


class Session:
    """A session shared by all threads; one login at a time. ``endpoint`` tells where calls go, once it is known."""

    def __init__(self, username: str, password: str, clock: Clock, endpoint: Callable[[], str]) -> None:
        self._username, self._password, self._clock, self._endpoint = username, password, clock, endpoint
        self._lock = Lock()
        self._header: str | None = None
        self._denied: tuple[float, str] | None = None

    def __repr__(self) -> str:
        return "Session(...)"

    def headers(self, sender: Sender) -> Mapping[str, str]:
        """The session header, after a login where there is none. Raises Denied, Later, RateLimited, BadAnswer."""
        with self._lock:
            if self._header is None:
                self._header = self._login(sender)
            return {"authorization": self._header}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """Forget the session that was answered 401, unless another thread has replaced it already."""
        with self._lock:
            if sent.get("authorization") == self._header:
                self._header = None
            return True

    def secrets(self) -> tuple[str, ...]:
        """Password and session."""
        header = self._header
        return (self._password, header.partition(" ")[2]) if header else (self._password,)

    def _login(self, sender: Sender) -> str:
        now = self._clock.monotonic()
        if self._denied is not None and now < self._denied[0]:
            raise Denied(f"{self._denied[1]} (not tried again for now, so as not to lock the account)")
        params = [self._username, {"password": self._password}, "en"]
        request = as_request(self._endpoint(), "common.db.login", params, write=True)
        try:
            answer = sender.exchange(request)
        except UnknownOutcome as error:
            raise Later(f"the answer to the login was lost: {error}") from None
        user, token = self._result(request, answer, now)
        self._denied = None
        text = f"{self._username}:{user}:{token}"
        return "Session " + base64.b64encode(text.encode()).decode("ascii")

    def _result(self, request: Request, answer: Answer, now: float) -> tuple[int, str]:
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._refused("the server does not accept this username and password", now)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise BadAnswer(f"there is no database at {request.label}: check url and database")
        if answer.status != HTTPStatus.OK:
            error = trouble(request, answer, self._clock.now().timestamp())
            raise Later(str(error)) if isinstance(error, UnknownOutcome) else error
        try:
            data = answer.json()
        except JsonTrouble as error:
            raise BadAnswer(f"{request.label}: {error}") from None
        return self._parsed(data, now)

    def _parsed(self, data: Any, now: float) -> tuple[int, str]:
        result = data.get("result") if isinstance(data, dict) else None
        if isinstance(result, list) and len(result) >= _RESULT_PARTS:
            user, token = result[:_RESULT_PARTS]
            if isinstance(user, int) and isinstance(token, str):
                return user, token
        error = data.get("error") if isinstance(data, dict) else None
        if isinstance(error, list) and error[:1] == ["LoginException"]:
            raise self._refused("the login wants more than a password: take a user without a second factor", now)
        if error:
            # A server started without ``-d DATABASE`` answers so until its modules are loaded (seen on 8.2).
            raise Later("the server cannot log in now; was it started with the option -d DATABASE?")
        raise BadAnswer("the answer to the login has no session")

    def _refused(self, text: str, now: float) -> Denied:
        self._denied = (now + _SULK, text)
        return Denied(text)
