"""The client: one request, its deadline, its retries, its slot, its answer. It never repeats an unsafe request.

A 401 is the one exception, as nothing was done: with a login, the request goes out once more under a new token.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Event, Lock
from typing import Final

import httpx
import stamina
import stamina.instrumentation

from syncd.connectors.http.answers import Answer
from syncd.connectors.http.credentials import Credentials
from syncd.connectors.http.limiter import Ease, Limiter
from syncd.connectors.http.requests import Request
from syncd.connectors.http.transport import BoundedTransport, bounded
from syncd.connectors.http.trouble import trouble, unreadable
from syncd.connectors.http.waits import retry_after
from syncd.errors import Later, Refused, SyncdError, UnknownOutcome
from syncd.ports import Clock

# Its default hooks log every retry with the exception's text; retries are counted by us and told in typed errors.
stamina.instrumentation.set_on_retry_hooks(())

_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE,
                           HTTPStatus.GATEWAY_TIMEOUT})  # fmt: skip
_STRAINED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Options:
    """Limits of one client. Times in seconds, sizes in bytes.

    ``timeout`` bounds a connect and the silence between two bytes; ``deadline`` bounds one call with all its retries;
    ``retries`` are further attempts of safe requests; ``concurrency`` is where the number of requests in flight
    starts and ``most`` where it ends.
    """

    timeout: float = 30.0
    deadline: float = 120.0
    retries: int = 4
    concurrency: int = 2
    most: int = 4
    max_bytes: int = 64 << 20
    first_wait: float = 0.2
    longest_wait: float = 5.0


class _Repeat(Exception):
    """Inside the retry loop only: this answer to a safe request may be bettered by another attempt."""

    def __init__(self, answer: Answer, silence: float | None) -> None:
        super().__init__()
        self.answer, self.silence = answer, silence


class _Lost(Later):
    """Inside this module only: nothing was changed and nothing learnt, the request may go out again."""


class HttpClient:
    """Sends requests to one peer. Thread-safe. ``name`` is how messages call the peer."""

    def __init__(
        self,
        name: str,
        options: Options,
        clock: Clock,
        credentials: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._name, self._options, self._clock, self._credentials = name, options, clock, credentials
        self._headers = {"user-agent": "syncd", "accept-encoding": "gzip, deflate", **(headers or {})}
        self._limiter = Limiter(options.concurrency, options.most)
        self._transport = BoundedTransport(max(options.concurrency, options.most))
        self._closing = Event()
        self._counter = Lock()
        self._sent = 0

    def __repr__(self) -> str:
        return f"HttpClient({self._name!r})"

    @property
    def requests(self) -> int:
        """How many requests were sent, logins and retries included."""
        return self._sent

    @property
    def in_flight_limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limiter.limit

    def send(self, request: Request, stop: Event | None = None) -> Answer:
        """An answer below 300. Raises the typed error of anything else, without any secret in its text."""
        answer = self.ask(request, stop)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self.trouble(request, answer)
        return answer

    def ask(self, request: Request, stop: Event | None = None) -> Answer:
        """An answer of any status, sent with our credentials; a 401 is met with one renewal of them.

        Raises Later, RateLimited, Denied, BadAnswer, UnknownOutcome, Refused.
        """
        try:
            return self._as_ourselves(request, stop)
        except SyncdError as error:
            raise self.named(error) from None

    def exchange(self, request: Request, stop: Event | None = None) -> Answer:
        """An answer of any status, without credentials. Raises as ``ask`` but for Denied."""
        deadline = time.monotonic() + self._longest(request)
        stops = (self._closing,) if stop is None else (self._closing, stop)
        if not request.safe:
            try:
                return self._once(request, deadline, stops)
            except _Lost as lost:
                raise Later(str(lost)) from None
        return self._repeatedly(request, deadline, stops)

    def trouble(self, request: Request, answer: Answer) -> SyncdError:
        """The typed error of an answer from 300 on, with our name for the peer and without secrets."""
        return self.named(trouble(request, answer, self._clock.now().timestamp()))

    def named(self, error: SyncdError) -> SyncdError:
        """The same error under our name for the peer, with every secret we know struck out."""
        mark = f"{self._name}: "
        text = self._scrub(str(error))
        error.args = (text if text.startswith(mark) else mark + text,)
        if isinstance(error, Refused):
            error.violations = tuple(replace(item, message=self._scrub(item.message)) for item in error.violations)
        return error

    def close(self) -> None:
        """End waits and safe requests in flight, then release the connections. Call it when no write is in hand."""
        self._closing.set()
        self._limiter.wake()
        self._transport.close()

    def _as_ourselves(self, request: Request, stop: Event | None) -> Answer:
        if self._credentials is None:
            return self.exchange(request, stop)
        sent = self._credentials.headers(self)
        answer = self.exchange(replace(request, headers={**request.headers, **sent}), stop)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._credentials.renew(sent):
            again = self._credentials.headers(self)
            answer = self.exchange(replace(request, headers={**request.headers, **again}), stop)
        return answer

    def _repeatedly(self, request: Request, deadline: float, stops: tuple[Event, ...]) -> Answer:
        """Attempts of a safe request until one is final; the last answer or error when none is."""

        def again(error: Exception) -> bool | float:
            if not isinstance(error, _Repeat | _Lost) or any(stop.is_set() for stop in stops):
                return False
            # Where the peer named a wait, the limiter holds every request for it, so there is none to add here.
            return 0.0 if isinstance(error, _Repeat) and error.silence is not None else True

        options, attempts = self._options, self._options.retries + 1
        try:
            for attempt in stamina.retry_context(
                on=again,
                attempts=attempts,
                timeout=self._longest(request),
                wait_initial=options.first_wait,
                wait_max=options.longest_wait,
                wait_jitter=options.first_wait * 2,
            ):
                with attempt:
                    return self._final(self._once(request, deadline, stops))
        except _Repeat as last:
            return last.answer
        except _Lost as lost:
            raise Later(str(lost)) from None
        raise AssertionError("the loop above returns or raises")

    def _longest(self, request: Request) -> float:
        """Seconds for one call with all its retries."""
        return self._options.deadline if request.deadline is None else request.deadline

    def _final(self, answer: Answer) -> Answer:
        """The answer, if it is not one that a repetition may better."""
        if answer.status not in _AGAIN:
            return answer
        raise _Repeat(answer, self._silence(answer))

    def _once(self, request: Request, deadline: float, stops: tuple[Event, ...]) -> Answer:
        """One attempt in one slot. A write that is on its way is not stopped, so as to learn its outcome."""
        epoch = self._limiter.acquire(deadline, stops)
        ease, silence = Ease.UNKNOWN, None
        try:
            with self._counter:
                self._sent += 1
            answer = self._transfer(request, deadline, stops if request.safe else ())
            ease, silence = _ease(answer), self._silence(answer)
            return answer
        finally:
            self._limiter.release(epoch, ease, silence or 0.0)

    def _transfer(self, request: Request, deadline: float, stops: tuple[Event, ...]) -> Answer:
        """Send and read one exchange. Raises _Lost for a repeatable loss, UnknownOutcome for a write's."""
        outgoing = self._outgoing(request)
        try:
            with bounded(deadline, stops):
                response = self._transport.handle_request(outgoing)
                try:
                    body = self._body(request, response)
                finally:
                    response.close()
        except _NOT_SENT as error:
            raise _Lost(f"{request.label}: cannot connect: {_why(error)}") from None
        except httpx.DecodingError:
            raise unreadable(request, "the compressed answer cannot be unpacked") from None
        except httpx.RequestError as error:
            text = f"{request.label}: the answer was lost: {_why(error)}"
            raise (_Lost(text) if request.safe else UnknownOutcome(text)) from None
        return Answer(response.status_code, response.headers, body)

    def _outgoing(self, request: Request) -> httpx.Request:
        wait = self._options.timeout
        try:
            return httpx.Request(
                request.method,
                request.url,
                headers={**self._headers, **request.headers},
                content=request.body,
                extensions={"timeout": {"connect": wait, "read": wait, "write": wait, "pool": wait}},
            )
        except (httpx.InvalidURL, UnicodeError, ValueError):
            raise Refused(f"{request.label}: this cannot be sent as an HTTP request") from None

    def _body(self, request: Request, response: httpx.Response) -> bytes:
        """The whole body, or nothing where the request's sink took it."""
        sink = request.sink if response.is_success else None
        limit = self._options.max_bytes if sink is None else sink.limit
        too_large = f"the answer is larger than {limit} bytes"
        declared = _length(response)
        if request.method != "HEAD" and declared is not None and declared > limit:
            raise unreadable(request, too_large)
        chunks: list[bytes] = []
        keep, size = chunks.append, 0
        if sink is not None:
            sink.begin(None if "content-encoding" in response.headers else declared)
            keep = sink.write
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > limit:
                raise unreadable(request, too_large)
            keep(chunk)
        return b"".join(chunks)

    def _silence(self, answer: Answer) -> float | None:
        """The wait that an answer under load asks for."""
        if answer.status not in _STRAINED:
            return None
        return retry_after(answer.headers, self._clock.now().timestamp())

    def _scrub(self, text: str) -> str:
        for secret in self._credentials.secrets() if self._credentials is not None else ():
            if secret:
                text = text.replace(secret, "***")
        return text


def _length(response: httpx.Response) -> int | None:
    """Bytes on the wire as the peer announced them."""
    declared = response.headers.get("content-length", "")
    return int(declared[:20]) if declared.isascii() and declared.isdigit() else None


def _ease(answer: Answer) -> Ease:
    if answer.status in _STRAINED:
        return Ease.STRAINED
    return Ease.FINE if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else Ease.UNKNOWN


def _why(error: httpx.RequestError) -> str:
    """The kind of the loss and the library's words for it, which carry no request data."""
    return f"{type(error).__name__} {error}".strip()
