"""Reading ahead: the next page is fetched while the last one is worked on. It never outlives its consumer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Final, TypeVar

T = TypeVar("T")

_DEPTH: Final = 2  # items that wait; one more is in the making and one in the consumer's hands
_DRAIN: Final = 0.02  # seconds between looks at a thread that is ending


@dataclass(frozen=True, slots=True)
class _End:
    """The last thing in the queue: how the producer ended."""

    error: BaseException | None = None


def read_ahead(produce: Callable[[Event], Iterator[T]]) -> Iterator[T]:
    """The items of ``produce(stop)``, made in one background thread; its error is raised here, in its place.

    When this generator is closed, ``stop`` is set and the thread is waited for: ``produce`` must heed the event.
    """
    stop, queue = Event(), Queue[T | _End](_DEPTH)
    thread = Thread(target=_fill, args=(produce, stop, queue), name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        while thread.is_alive():
            with suppress(Empty):
                queue.get(timeout=_DRAIN)
        thread.join()


def _fill(produce: Callable[[Event], Iterator[T]], stop: Event, queue: Queue[T | _End]) -> None:
    end = _End()
    try:
        for item in produce(stop):
            queue.put(item)
            if stop.is_set():
                break
    except BaseException as error:  # noqa: BLE001 - raised again in the consumer's thread, which would wait for ever
        end = _End(error)
    queue.put(end)
