"""The jobs of events: a walk for each watch, the deliveries of each target, and keeping the outbox small.

They are jobs like those of mappings, with reports like theirs; nothing here knows when they run.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Final

from syncd.daemon.worker import Job
from syncd.engine.deliver import JOB_PREFIX
from syncd.engine.run import Report
from syncd.wiring import App

OUTBOX: Final = "events:outbox"  # no mapping can be called so
STATES: Final = ("pending", "dead")
_SWEEP_EVERY: Final = timedelta(minutes=1)


def jobs_of(app: App) -> Iterator[tuple[str, Job]]:
    """Every job by its name; none where the configuration knows no watch and no target."""
    told = app.settings.events
    for watch in app.watches.values():
        yield watch.job, Job(watch.spec.every, partial(app.walk, watch))
    for name in told.targets:
        yield JOB_PREFIX + name, Job(told.every, app.deliverer(name).deliver)
    if told.watches or told.targets:
        yield OUTBOX, Job(_SWEEP_EVERY, partial(_sweep, app))


def _sweep(app: App, _stop: Event) -> Report:
    """Remove what was told long ago; the counts of what waits, by target and state."""
    told = app.settings.events
    app.store.sweep_outbox(told.keep, told.targets, told.retry.give_up)
    found = app.store.outbox_counts()
    counts = {f"{target}.{state}": found.get(target, {}).get(state, 0) for target in told.targets for state in STATES}
    return Report(OUTBOX, "done", None, counts, complete=True)
