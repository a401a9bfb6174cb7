"""The right to send, for the length of one write: whoever puts bytes on the wire asks for it as the last thing.

A process may stand still for minutes (a paused container, a machine that swaps) between a check and the write it was
for. So the engine says under what a write may go out, and the connector's own socket or COMMIT asks, not a line before.
It must never be asked after the bytes are out: then nothing is prevented and an answer is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_right: Final[ContextVar[Callable[[], None] | None]] = ContextVar("syncd_right_to_send", default=None)


@contextmanager
def only_while(allowed: Callable[[], None]) -> Iterator[None]:
    """Let this thread send inside the block for as long as ``allowed`` does not raise."""
    before = _right.set(allowed)
    try:
        yield
    finally:
        _right.reset(before)


def still_allowed() -> None:
    """Raises LeaseLost when what this thread does now may not go out any more; nothing outside of a write."""
    allowed = _right.get()
    if allowed is not None:
        allowed()
