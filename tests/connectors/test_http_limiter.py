"""The limiter alone: additive increase, halving once per storm, silence, and waiting that can be ended."""

from __future__ import annotations

import threading
import time

import pytest

from syncd.connectors.http.limiter import Ease, Limiter
from syncd.errors import Later, RateLimited


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def test_the_limit_grows_by_about_one_per_round_of_answers() -> None:
    limiter = Limiter(2, 10)
    for _ in range(2):
        limiter.release(limiter.acquire(soon()), Ease.FINE)
    assert limiter.limit == 2
    limiter.release(limiter.acquire(soon()), Ease.FINE)
    assert limiter.limit == 3


def test_answers_to_one_storm_halve_the_limit_once() -> None:
    limiter = Limiter(8, 8)
    tickets = [limiter.acquire(soon()) for _ in range(8)]
    for ticket in tickets:
        limiter.release(ticket, Ease.STRAINED)
    assert limiter.limit == 4


def test_storm_after_storm_leaves_one_slot() -> None:
    limiter = Limiter(8, 8)
    for _ in range(10):
        limiter.release(limiter.acquire(soon()), Ease.STRAINED)
    assert limiter.limit == 1
    limiter.release(limiter.acquire(soon()), Ease.UNKNOWN)
    assert limiter.limit == 1


def test_a_full_house_waits_no_longer_than_the_deadline() -> None:
    limiter = Limiter(1, 1)
    held = limiter.acquire(soon())
    with pytest.raises(Later, match="no free slot"):
        limiter.acquire(soon(0.05))
    limiter.release(held, Ease.FINE)
    limiter.release(limiter.acquire(soon()), Ease.FINE)


def test_silence_beyond_the_deadline_is_said_at_once() -> None:
    limiter = Limiter(1, 1)
    limiter.release(limiter.acquire(soon()), Ease.STRAINED, silence=60)
    with pytest.raises(RateLimited) as caught:
        limiter.acquire(soon(1))
    assert caught.value.retry_after == pytest.approx(60, abs=1)


def test_a_short_silence_is_kept_and_then_ends() -> None:
    limiter = Limiter(1, 1)
    limiter.release(limiter.acquire(soon()), Ease.STRAINED, silence=0.2)
    end = limiter._silent_until
    limiter.release(limiter.acquire(soon()), Ease.FINE)
    assert time.monotonic() >= end


def test_a_stop_signal_ends_the_wait() -> None:
    limiter, stop = Limiter(1, 1), threading.Event()
    limiter.acquire(soon())
    stop.set()
    with pytest.raises(Later, match="stopped"):
        limiter.acquire(soon(60), (stop,))


def test_a_slot_that_becomes_free_goes_to_one_who_waits() -> None:
    limiter, served = Limiter(1, 1), []
    held = limiter.acquire(soon())
    waiting = threading.Thread(target=lambda: served.append(limiter.acquire(soon())))
    waiting.start()
    limiter.release(held, Ease.FINE)
    waiting.join(5)
    assert served == [0]
