"""The daemon's worker: one turn of a job at a time, another one when it was asked for, children after new links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from syncd.daemon.metrics import Metrics
from syncd.daemon.worker import Job, Worker
from syncd.engine.run import Report


def report(**counts: int) -> Report:
    return Report("parents", "done", None, counts, complete=True)


def worker(jobs: dict[str, Job]) -> tuple[Worker, list[str]]:
    woken: list[str] = []
    made = Worker(jobs, Metrics(lambda: datetime.now(UTC)), lambda *_, **__: None)
    made.wake = woken.append
    return made, woken


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({"linked": 1}, ["children"]), ({"flowtly.created": 2}, ["children"]), ({"external.adopted": 1}, ["children"])],
)
def test_children_are_woken_by_new_links(counts: dict[str, int], expected: list[str]) -> None:
    made, woken = worker({"parents": Job(timedelta(1), lambda _: report(**counts), ("children",))})
    made.work("parents")
    assert woken == expected


def test_nobody_is_woken_by_a_run_without_links() -> None:
    made, woken = worker({"parents": Job(timedelta(1), lambda _: report(**{"flowtly.patched": 3}), ("children",))})
    made.work("parents")
    assert woken == []


def test_a_turn_asked_for_during_a_turn_follows_it() -> None:
    inside, leave, turns = Event(), Event(), []

    def run(_: Event) -> Report:
        turns.append(1)
        inside.set()
        assert leave.wait(10)
        return report()

    made, woken = worker({"parents": Job(timedelta(1), run)})
    thread = Thread(target=made.work, args=["parents"])
    thread.start()
    assert inside.wait(10)
    made.work("parents")
    made.work("parents")
    assert len(turns) == 1
    leave.set()
    thread.join(10)
    assert woken == ["parents"]
    assert made.wait_idle(timedelta(seconds=1))


def test_a_stopped_worker_starts_nothing() -> None:
    made, woken = worker({"parents": Job(timedelta(1), lambda _: report(linked=1), ("children",))})
    made.stop.set()
    made.work("parents")
    assert woken == []
