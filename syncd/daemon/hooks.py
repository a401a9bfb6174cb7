"""Webhooks in: a signed knock that lets a job begin now. What it says is never believed, and nothing is taken from it.

However often it knocks, a job gets at most one extra run per ``at_most_every``; a bad signature is one line a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Final
from urllib.parse import parse_qs

from syncd.core.signing import same_token, verify
from syncd.daemon.health import Answer, Posted
from syncd.engine.context import Events
from syncd.mapping.watches import HookSpec, TokenSpec

PREFIX: Final = "/hooks/"
_SAID_AGAIN_AFTER: Final = 60.0  # seconds
_ACCEPTED: Final = Answer(202, "text/plain", b"accepted\n")
_REFUSED: Final = Answer(401, "text/plain", b"refused\n")
_UNKNOWN: Final = Answer(404, "text/plain", b"not found\n")

Wake = Callable[[str, timedelta], None]
"""Lets a job begin after a while."""


class Hooks:
    """Every hook of the configuration. Safe to use from several threads; answers at once."""

    def __init__(
        self,
        hooks: Mapping[str, HookSpec],
        events: Events,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._hooks = {PREFIX + name: (name, spec) for name, spec in hooks.items()}
        self._events, self._now, self._monotonic = events, now, monotonic
        self._lock = Lock()
        self._started: dict[str, float] = {}
        self._refusals: dict[str, tuple[float, int]] = {}
        self.wake: Wake = lambda _name, _delay: None
        """Set by whoever has the schedule."""

    def limit(self, path: str) -> int | None:
        """Bytes that may be posted to a path; None where there is no hook."""
        found = self._hooks.get(path)
        return None if found is None else found[1].max_bytes

    def receive(self, posted: Posted) -> Answer:
        """202 for a knock that is proven, 401 for any other."""
        found = self._hooks.get(posted.path)
        if found is None:
            return _UNKNOWN
        name, spec = found
        if not self._proven(spec, posted):
            self._refuse(name)
            return _REFUSED
        woken = [job for job in spec.wakes if self._knock(job, spec.at_most_every)]
        if woken:
            self._events("hook.woke", hook=name, jobs=woken)
        return _ACCEPTED

    def _proven(self, spec: HookSpec, posted: Posted) -> bool:
        secret = spec.secret.get_secret_value()
        if spec.token is not None:
            return same_token(_token(spec.token, posted), secret)
        scheme = None if spec.signature is None else spec.signature.scheme()
        window = spec.window.total_seconds()
        return verify(secret, posted.headers, posted.body, self._now().timestamp(), window, scheme)

    def _knock(self, job: str, gap: timedelta) -> bool:
        """Let a job begin now or when its gap is over; False when a run that is still to begin will do."""
        with self._lock:
            now, last = self._monotonic(), self._started.get(job)
            if last is not None and last > now:
                return False
            start = now if last is None else max(now, last + gap.total_seconds())
            self._started[job] = start
        self.wake(job, timedelta(seconds=start - now))
        return True

    def _refuse(self, name: str) -> None:
        """Say it once a minute, with how many there were in between."""
        with self._lock:
            now = self._monotonic()
            last, silent = self._refusals.get(name, (None, 0))
            if last is not None and now - last < _SAID_AGAIN_AFTER:
                self._refusals[name] = (last, silent + 1)
                return
            self._refusals[name] = (now, 0)
        self._events("hook.refused", hook=name, unsaid=silent, detail="the signature or token does not fit")


def _token(spec: TokenSpec, posted: Posted) -> str:
    if spec.header is not None:
        return posted.headers.get(spec.header.lower(), "")
    try:
        given = parse_qs(posted.query, max_num_fields=20).get(spec.query or "", [""])
    except ValueError:
        return ""
    return given[0]
