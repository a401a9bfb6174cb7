"""Trouble on demand: rules that make chosen requests go wrong. Must never act without a rule.

A rule applies to requests whose method and path match, skips the first ``after_nth`` of them, then acts ``times``
times (for ever when None). With a ``share`` below 1 it acts on that part of them only: which ones, ``seed`` and the
number of the request decide, so the same seed chooses the same ones again. Paths are without the API prefix: a plain
path is a prefix (``/clients`` also means ``/clients/5``), one that begins with ``^`` is a regular expression.

Kinds and their parameters (seconds are floats):

=============  ==========================================================================================
latency        ``seconds``: wait before handling
status         ``status`` (429, 500, 502, 503, 504), ``retry_after`` (seconds or an HTTP date): the gateway's page,
               nothing is handled
status_after   the same, after the request was handled: a write is stored
reset          the connection is reset before handling
reset_after    the connection is reset after handling: a write is stored
truncated      ``keep``: only this share of the body is sent (0.5)
html           200 with an HTML page, nothing is handled
wrong_types    ``field``: that field of every record becomes an object; without one the body becomes a text
empty_list     a collection answers 200 with no members; ``keep_total`` keeps the true total
listing_delay  a record created now is absent from collections for ``seconds`` or ``requests``; GET by id works
rewrite        ``field``, ``how`` (upper, lower, truncate, append), ``length``, ``text``: what a write stores
page_shift     ``action`` (remove, insert), ``id``: before the page is read, the record (the first one when no id)
               is deleted, or a copy of it is put in front
corrupt        ``what`` (mt940, zip): only files of this kind; ``form``: ``cut`` in half, or ``malformed``: whole, but
               its content is damaged
slow           ``seconds`` between pieces of ``size`` bytes of the body
=============  ==========================================================================================
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Final

from syncd.mapping.problems import did_you_mean

Params = dict[str, Any]

KINDS: Final[Mapping[str, Params]] = {
    "latency": {"seconds": 0.1},
    "status": {"status": 503, "retry_after": None},
    "status_after": {"status": 504, "retry_after": None},
    "reset": {},
    "reset_after": {},
    "truncated": {"keep": 0.5},
    "html": {},
    "wrong_types": {"field": None},
    "empty_list": {"keep_total": False},
    "listing_delay": {"seconds": None, "requests": None},
    "rewrite": {"field": "name", "how": "upper", "length": 10, "text": ""},
    "page_shift": {"action": "remove", "id": None},
    "corrupt": {"what": "zip", "form": "cut"},
    "slow": {"seconds": 0.01, "size": 1},
}
"""Every kind with its parameters and their defaults."""

_CHOICES: Final = {
    "how": ("upper", "lower", "truncate", "append"),
    "action": ("remove", "insert"),
    "what": ("mt940", "zip"),
    "form": ("cut", "malformed"),
}


@dataclass(slots=True)
class Rule:
    """One switch. ``seen`` counts matching requests, ``acted`` those it acted on."""

    kind: str
    method: str = "*"
    path: str = "/"
    times: int | None = None
    after_nth: int = 0
    params: Params = field(default_factory=dict)
    id: int = 0
    seen: int = 0
    acted: int = 0
    share: float = 1.0
    seed: int = 0

    def matches(self, method: str, path: str) -> bool:
        """True when the rule is about such a request."""
        if self.method not in ("*", method):
            return False
        if self.path.startswith("^"):
            return re.search(self.path, path) is not None
        base = self.path.rstrip("/")
        return path == base or path.startswith((f"{base}/", f"{base}."))

    def take(self) -> bool:
        """Count one matching request; True when the rule acts on it."""
        self.seen += 1
        if self.seen <= self.after_nth or (self.times is not None and self.acted >= self.times):
            return False
        if not self._chosen():
            return False
        self.acted += 1
        return True

    def _chosen(self) -> bool:
        """Whether this request is among the share; by its number and not by a generator, so that nothing is kept."""
        if self.share >= 1:
            return True
        drawn = blake2b(f"{self.seed}:{self.kind}:{self.seen}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < self.share * 2**64


class Faults:
    """The rules of one sandbox. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._next_id = 1

    def add(
        self,
        kind: str,
        *,
        method: str = "*",
        path: str = "/",
        times: int | None = None,
        after_nth: int = 0,
        share: float = 1.0,
        seed: int = 0,
        **params: Any,
    ) -> Rule:
        """Add a rule. Raises ValueError for what it does not know, with the nearest known word."""
        _check(kind, params, times=times, after_nth=after_nth, path=path, share=share)
        with self._lock:
            rule = Rule(
                kind,
                method.upper(),
                path,
                times,
                after_nth,
                {**KINDS[kind], **params},
                self._next_id,
                share=share,
                seed=seed,
            )
            self._next_id += 1
            self._rules.append(rule)
            return rule

    def remove(self, rule_id: int) -> bool:
        """Remove one rule; False when there is none of this id."""
        with self._lock:
            kept = [rule for rule in self._rules if rule.id != rule_id]
            removed = len(kept) < len(self._rules)
            self._rules = kept
            return removed

    def clear(self) -> None:
        """Remove all rules. Records a listing delay hides stay hidden until their time."""
        with self._lock:
            self._rules = []

    def rules(self) -> list[dict[str, Any]]:
        """All rules as JSON data, oldest first."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def take(self, method: str, path: str) -> list[Rule]:
        """The rules that act on one request, oldest first; counts it."""
        if not self._rules:
            return []
        with self._lock:
            return [rule for rule in self._rules if rule.matches(method, path) and rule.take()]


def _check(kind: str, params: Params, *, times: int | None, after_nth: int, path: str, share: float) -> None:
    problems = list(_problems(kind, params))
    if times is not None and times < 1:
        problems.append(f"times must be at least 1 or absent, not {times}")
    if after_nth < 0:
        problems.append(f"after_nth must not be negative, not {after_nth}")
    if not 0 < share <= 1:
        problems.append(f"share must be above 0 and at most 1, not {share}")
    if not path.startswith(("/", "^")):
        problems.append(f"path must begin with / or, as a regular expression, with ^, not {path!r}")
    elif path.startswith("^"):
        try:
            re.compile(path)
        except re.error as error:
            problems.append(f"path is no regular expression: {error}")
    if problems:
        raise ValueError("; ".join(problems))


def _problems(kind: str, params: Params) -> Iterator[str]:
    known = KINDS.get(kind)
    if known is None:
        yield f"unknown kind {kind!r} {did_you_mean(kind, KINDS)}".strip()
        return
    for name, value in params.items():
        if name not in known:
            yield f"{kind} has no parameter {name!r} {did_you_mean(name, known)}".strip()
        elif name in _CHOICES and value not in _CHOICES[name]:
            yield f"{name} must be one of {', '.join(_CHOICES[name])}, not {value!r}"
        elif name in ("seconds", "keep", "requests", "size", "length") and not _is_amount(value):
            yield f"{name} must be a number that is not negative, not {value!r}"
        elif name == "status" and not (_is_amount(value) and 400 <= value <= 599):  # noqa: PLR2004 - HTTP errors
            yield f"status must be from 400 to 599, not {value!r}"


def _is_amount(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0)
