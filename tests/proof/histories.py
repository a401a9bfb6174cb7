"""The proof's section on histories: people, faults, jumping clocks and dying processes in any order. Judges by laws."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories
from tests.histories.town import Town
from tests.proof.section import Ask, Section

TITLE: Final = "Histories"
QUICK, FULL = 12, 90
"""Seconds after which no further batch of histories is begun, for each of the two ways to treat deletions."""
BATCH, STEPS = 3, 7
_MORE: Final = 2
"""A full proof shrinks what it finds; its batches and histories are longer."""


def prove(ask: Ask) -> Section:
    """Histories until the time is up; each batch has a seed of its own, counted up from the one that was asked for."""
    counts: Counter[str] = Counter()
    failures: list[str] = []
    batches = 0
    for deletes in (False,) if ask.quick else (False, True):
        database, folder = ask.server.create(), ask.folder / ("deleting" if deletes else "keeping")
        folder.mkdir()
        try:
            with Town(folder, ask.server.url(database), deletes=deletes) as town:
                found, told = _tell(ask, town, ask.seed + batches)
                counts += town.counts
        finally:
            ask.server.drop(database)
        failures += found
        batches += told
    return _section(ask, counts, batches, failures)


def _tell(ask: Ask, town: Town, first: int) -> tuple[list[str], int]:
    ends, batch = time.monotonic() + (QUICK if ask.quick else FULL), 0
    while time.monotonic() < ends:
        seed = first + batch
        failure = _batch(ask, town, seed)
        batch += 1
        ask.say(f"{town.counts['histories']} histories, {town.counts['moves']} moves")
        if failure is not None:
            return [f"seed {seed}, deletions {'followed' if town.deletes else 'ignored'}: {failure}"], batch
    return [], batch


def _batch(ask: Ask, town: Town, seed: int) -> str | None:
    """What broke a law, with the moves that led to it."""

    class Seeded(Histories):
        _hypothesis_internal_use_seed: ClassVar[int] = seed

    Seeded.town = town
    more = 1 if ask.quick else _MORE
    chosen = settings(
        max_examples=BATCH * more,
        stateful_step_count=STEPS * more,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate] if ask.quick else [Phase.generate, Phase.shrink],
    )
    try:
        run_state_machine_as_test(Seeded, settings=chosen)
    except AssertionError as error:
        return str(error)
    return None


def _section(ask: Ask, counts: Mapping[str, int], batches: int, failures: list[str]) -> Section:
    broken = "\n".join(failures)
    numbers = {
        "seed": ask.seed,
        "seeds": batches,
        "histories": counts.get("histories", 0),
        "moves": counts.get("moves", 0),
        "runs": counts.get("runs", 0),
        "faults that struck": counts.get("faults", 0),
        "deaths": counts.get("deaths", 0),
        "moves within a run": counts.get("moves within a run", 0),
        "cycles of a second daemon": counts.get("cycles of a second daemon", 0),
        "writes": counts.get("writes", 0),
        "duplicates": broken.count("records were made in"),
        "lost edits": broken.count("the last word was") + broken.count("which no ledger row has"),
    }
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in numbers.items() if name != "seed")
    text = f"""Two peers over real HTTP, a real PostgreSQL store, and between any two steps a person who creates, edits,
renames, clears, merges, deletes, restores or decides, at either peer; requests that fail or whose answer is lost, lists
that come back empty, cut or late; clocks that are set; a process that dies at any call, its successor, and a second daemon
that takes over a lease. After every move: nothing was made twice, nothing stands anywhere that nobody wrote there, nothing
was deleted (where the mapping follows deletions: nothing but what somebody deleted at the other peer), every link is single and right, every write had its intent. At the end, with the network whole: rest within a
dozen runs, every pair equal or asked about, the last word of every field standing, every replaced value in the ledger,
every lone record decided on, and an idle run that sends nothing.

Seeds {ask.seed} to {ask.seed + max(batches, 1) - 1}.

| | |
|---|---|
{rows}
"""
    return Section(TITLE, text, numbers, tuple(failures))
