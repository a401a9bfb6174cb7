"""Errors, typed by what the caller does next.

The tree::

    SyncdError
      ConfigError            stop; print every problem (lives in mapping.problems, below this module)
      Later                  leave the record dirty, next pass
        RateLimited          the same, and the peer said how long to wait
      Stale                  the record moved under us: decide again
      Refused                the peer will never take this as it is: park it with its violations
        Withheld             we ourselves will not send this now: park it with the reason, ask nobody
      NotFound               the peer says there is no such record
      Denied                 credentials or rights: stop this side until told
      UnknownOutcome         a write was sent and its answer was lost: only a probe may end it
      BadAnswer              the peer answered something no client can read: treated like Later for reads
      ReadCut                a walk ended early: what it saw counts, what it did not see is unread
      LeaseLost              another daemon owns this mapping now: stop at once
      GuardRefused           the plan is frightening: stop, exit code 3
      StoreUnavailable       the database cannot be reached now

Nothing here carries a secret: messages name settings, not their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.mapping.problems import ConfigError, Problem

__all__ = [
    "BadAnswer",
    "ConfigError",
    "Denied",
    "GuardRefused",
    "Later",
    "LeaseLost",
    "NotFound",
    "Problem",
    "RateLimited",
    "ReadCut",
    "Refused",
    "Stale",
    "StoreUnavailable",
    "SyncdError",
    "UnknownOutcome",
    "Violation",
    "Withheld",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason a peer gave for refusing a field. ``field`` is the peer's own name, empty for the whole record."""

    field: str
    message: str
    code: str = ""


class SyncdError(Exception):
    """Everything we raise on purpose."""


class Later(SyncdError):
    """The peer is in trouble now; nothing was changed. ``retry_after`` in seconds where the peer said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Later):
    """The peer asked us to slow down; nothing was changed."""


class Stale(SyncdError):
    """The record is not what the plan saw; nothing was written."""


class Refused(SyncdError):
    """The peer refused the content (400, 409, 422, a constraint). Sending it again unchanged is useless."""

    def __init__(self, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations


class Withheld(Refused):
    """A rule of ours says that this must not be sent now; nothing was. ``about``: what it is about, for the log."""

    def __init__(self, message: str, about: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.about = dict(about or {})


class NotFound(SyncdError):
    """The peer answered that there is no such record (404, 410, no row)."""


class Denied(SyncdError):
    """The credentials or rights do not suffice; retrying would only lock the account."""


class UnknownOutcome(SyncdError):
    """A write was sent and no usable answer came back: it may or may not have been applied."""


class BadAnswer(SyncdError):
    """The peer's answer cannot be read: HTML, truncated JSON, a wrong shape. Nothing is concluded from it."""


class ReadCut(SyncdError):
    """A walk ended before its end; the records already yielded are good, the rest is unread."""


class LeaseLost(SyncdError):
    """The lease on a mapping passed to another owner; nothing more may be written under the old fence."""


class GuardRefused(SyncdError):
    """A guard refused the whole plan; ``reasons`` say which cap and by how much."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class StoreUnavailable(SyncdError):
    """The mapping store cannot be reached; the daemon stays up and tries again."""
