"""One job for each allocation that counts for the metrics what its runs left behind. Asks no peer, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Final

from syncd.daemon.worker import Job
from syncd.engine.allocating.spending import spend_rows
from syncd.engine.run import Report
from syncd.ports.allocations import PostingState
from syncd.wiring import App

PREFIX: Final = "budgets:"  # no mapping can be called so
BREACHES: Final = "breaches"
POSTINGS: Final = "postings"
USED: Final = "used"
_EVERY: Final = timedelta(minutes=1)


def jobs_of(app: App) -> Iterator[tuple[str, Job]]:
    """Every job by its name; none where nothing is allocated."""
    for name in app.budgets.allocations:
        yield PREFIX + name, Job(_EVERY, partial(_count, app, name), watched=False)


def _count(app: App, name: str, _stop: Event) -> Report:
    """Open incidents, postings by state, and per mille used of each budget's latest period that has a plan."""
    counts = {BREACHES: len(app.store.incidents(name, open_only=True))}
    known = app.store.allocation_counts(name)
    counts.update({f"{POSTINGS}.{state}": known.get(state, 0) for state in PostingState})
    for row in spend_rows(app.store.spending(name)):  # by budget and period, so that the latest period stays
        if row["share"] is not None:
            counts[f"{USED}.{row['budget']}"] = int(row["share"] * 10)
    return Report(PREFIX + name, "done", None, counts, complete=True)
