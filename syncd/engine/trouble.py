"""What trouble with a peer means for the rest of a run: count, slow down by giving up early, never loop."""

from __future__ import annotations

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.errors import Denied, Later, Refused, SyncdError, Withheld
from syncd.mapping.compiled import RecordProblem
from syncd.mapping.links import waits_for_link

_LONGEST_WAIT = 5.0  # seconds; a stop signal must not wait longer for a write that was not even sent


class Gate:
    """Watches the writes of one side: tells each failure, and closes the side for this run after too many in a row."""

    def __init__(self, ctx: Context, side: Side, source_key: str) -> None:
        self._ctx = ctx
        self._side = side
        self._source_key = source_key

    def fine(self) -> None:
        """The peer answered a write properly."""
        self._ctx.failures[self._side] = 0

    def trouble(self, error: SyncdError) -> None:
        """The peer failed. Bad credentials close the side at once; anything else after too many in a row."""
        ctx, side = self._ctx, self._side
        ctx.failures[side] += 1
        ctx.tally.add("failed", side)
        ctx.events("write.failed", side=side, source=self._source_key, detail=describe(error), action="next run")
        if isinstance(error, Denied) or ctx.failures[side] >= ctx.limits.failures_in_a_row:
            if side not in ctx.blocked:
                ctx.events("side.closed", side=side, error=type(error).__name__, detail=str(error))
            ctx.blocked.add(side)
        elif isinstance(error, Later) and error.retry_after:
            ctx.clock.sleep(min(error.retry_after, _LONGEST_WAIT))


def describe(error: Exception) -> str:
    """An error in one line for the store and the logs: what, and the peer's own reasons field by field."""
    if isinstance(error, RecordProblem):
        return f"{error.field}: {error.message}"
    if isinstance(error, Withheld):
        return str(error)
    if isinstance(error, Refused) and error.violations:
        said = "; ".join(f"{reason.field}: {reason.message}" for reason in error.violations)
        return f"{error} ({said})"
    return f"{type(error).__name__}: {error}"


def failed(ctx: Context, side: Side, source_key: str, error: Exception) -> None:
    """Count and log a record that a peer refused, or that waits for another record to be linked."""
    waits = isinstance(error, RecordProblem) and waits_for_link(error.waiting_for)
    ctx.tally.add("waiting" if waits else "parked", side)
    ctx.events("record.waiting" if waits else "record.refused", side=side, source=source_key, detail=describe(error))


def withheld(ctx: Context, side: Side, source_key: str, error: Withheld, before: str | None) -> None:
    """Count what we did not send ourselves, and say so once: ``before`` is what was said of this record last."""
    ctx.tally.add("withheld", side)
    if before != str(error):
        ctx.events("budget.link_skipped", side=side, source=source_key, **error.about, reason=str(error))
