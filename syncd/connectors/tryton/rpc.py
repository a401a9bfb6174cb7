"""Calls to one Tryton server over the shared HTTP client: where to send them, how to read what comes back.

Never repeats a call that may have changed something: its lost answer is UnknownOutcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

from syncd.connectors.http import Answer, HttpClient, JsonTrouble, Options, Request, unreadable
from syncd.connectors.tryton.session import Session
from syncd.connectors.tryton.settings import TrytonSettings
from syncd.connectors.tryton.wire import as_request, error_of
from syncd.errors import BadAnswer, SyncdError
from syncd.ports import Clock

_CONTEXT: Final = {"language": "en"}  # so that the server's words, which some decisions rest on, are English


class Rpc:
    """The calls of one configured server and database. Thread-safe."""

    def __init__(self, name: str, settings: TrytonSettings, clock: Clock) -> None:
        options = Options(
            timeout=settings.timeout.total_seconds(),
            deadline=settings.deadline.total_seconds(),
            retries=settings.retries,
            concurrency=settings.concurrency,
            most=settings.concurrency,
        )
        self._url, self._database = settings.url, settings.database
        password = settings.password.get_secret_value()
        session = Session(settings.username, password, clock, lambda: self.endpoint)
        self._http = HttpClient(name, options, clock, session)
        self._lock = Lock()
        self._found: tuple[str, str] | None = None
        self._date: datetime | None = None

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._http.requests

    @property
    def endpoint(self) -> str:
        """Where calls go. Raises Later, BadAnswer when no server can be found."""
        return self._detect()[0]

    @property
    def version(self) -> str:
        """What the server says it is, such as 8.2 or 7.0.59."""
        return self._detect()[1]

    @property
    def server_time(self) -> datetime | None:
        """The server's clock at its latest answer, whole seconds; None where answers carry no date."""
        return self._date

    def read(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A call that changes nothing. Raises Later, RateLimited, Denied, BadAnswer, Refused."""
        return self._call(method, [*params, {**_CONTEXT, **(context or {})}], write=False)

    def write(self, method: str, *params: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A call that changes something, sent once. Raises Stale and UnknownOutcome as well."""
        return self._call(method, [*params, {**_CONTEXT, **(context or {})}], write=True)

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _call(self, method: str, params: list[Any], *, write: bool) -> Any:
        request = as_request(self.endpoint, method, params, write=write)
        answer = self._http.send(request)
        self._note_date(answer)
        data = self._object(request, answer)
        if "error" in data:
            raise self._http.named(error_of(method, data["error"], write=write))
        if "result" not in data:
            raise self._http.named(unreadable(request, "the answer has neither result nor error"))
        return data["result"]

    def _object(self, request: Request, answer: Answer) -> dict[str, Any]:
        try:
            data = answer.json()
        except JsonTrouble as error:
            raise self._http.named(unreadable(request, str(error))) from None
        if not isinstance(data, dict):
            raise self._http.named(unreadable(request, "the answer is no JSON object"))
        return data

    def _detect(self) -> tuple[str, str]:
        """The path differs: /rpc/ and /DATABASE/rpc/ now, / and /DATABASE/ up to 7.0 (seen on 6.0, 7.0 and 8.2)."""
        with self._lock:
            if self._found is None:
                self._found = self._try("/rpc/", "rpc/") or self._try("/", "")
            if self._found is None:
                raise self._http.named(BadAnswer(f"no Tryton server answers at {self._url}: check the url"))
            return self._found

    def _try(self, path: str, suffix: str) -> tuple[str, str] | None:
        request = as_request(self._url + path, "common.server.version", [], write=False)
        try:
            answer = self._http.exchange(request)
        except SyncdError as error:
            raise self._http.named(error) from None
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._http.trouble(request, answer)
        try:
            version = answer.json().get("result") if answer.status == HTTPStatus.OK else None
        except (JsonTrouble, AttributeError):
            return None
        if not isinstance(version, str):
            return None
        return f"{self._url}/{quote(self._database, safe='')}/{suffix}", version

    def _note_date(self, answer: Answer) -> None:
        try:
            self._date = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
        except (ValueError, TypeError):
            return
