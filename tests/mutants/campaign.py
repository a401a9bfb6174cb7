"""Plants every fault, runs its tests, and counts: the kill rates. Says what survived; never calls a broken run caught."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.store import migrate
from tests.mutants.fault import Fault
from tests.mutants.forked import Copies, Job, Outcome
from tests.mutants.generated import candidates, thorough
from tests.mutants.planted import healthy, listed
from tests.support.postgres import VARIABLE, PostgresServer

AIM = 0.9  # of the generated ones; of the planted ones every one has to be caught
ENOUGH = 100  # a rate of fewer than this many says little: it is told and not judged

_Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What became of each fault; ``sick``: tests that fail without any, so that nothing they say counts."""

    planted: tuple[tuple[Fault, Outcome], ...]
    generated: tuple[Outcome, ...]
    equivalent: int
    sick: tuple[Outcome, ...]

    @property
    def rate(self) -> float:
        """Share of the generated faults that were caught."""
        caught = sum(one.verdict == "caught" for one in self.generated)
        return caught / len(self.generated) if self.generated else 1.0

    @property
    def failures(self) -> tuple[str, ...]:
        """Everything that may not be; empty when it is as it should."""
        told = [f"{one.job.name}: tests fail without a fault: {one.failed} {one.output[-600:]}" for one in self.sick]
        told += [
            f"{fault.name} ({fault.file}): {one.verdict} by {fault.tests}; law {fault.law}"
            for fault, one in self.planted
            if one.verdict != "caught"
        ]
        told += [f"{one.job.name}: {one.output[-600:]}" for one in self.generated if one.verdict == "broken"]
        if len(self.generated) >= ENOUGH and self.rate < AIM:
            survivors = [one.job.name for one in self.generated if one.verdict == "survived"]
            told.append(f"{self.rate:.0%} of the generated faults caught, {AIM:.0%} wanted; survived: {survivors}")
        return tuple(told)


def campaign(
    folder: Path, server: PostgresServer, names: Sequence[str] | None, share: int | None, seed: int, say: _Say
) -> Result:
    """Run the planted faults of these names (None: all) and ``share`` generated ones (None: all)."""
    faults = listed(names)
    jobs = [fault.job() for fault in faults]  # a fault that does not fit any more is told before anything runs
    drawn = candidates(share, seed)
    template = server.create()
    before = os.environ.get(VARIABLE)
    try:
        migrate.upgrade(server.url(template))
        os.environ[VARIABLE] = server.url("postgres").replace("+psycopg", "")
        copies = Copies(folder, template=template)
        sick = [one for one in copies.run(healthy(faults), _telling(say)) if one.verdict != "survived"]
        planted = copies.run(jobs, _telling(say))
        generated = _generated(copies, drawn.jobs, say)
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
        server.drop(template)
    return Result(tuple(zip(faults, planted, strict=True)), tuple(generated), len(drawn.equivalent), tuple(sick))


def _generated(copies: Copies, jobs: Sequence[Job], say: _Say) -> list[Outcome]:
    count = [0]

    def done(one: Outcome) -> None:
        count[0] += 1
        if one.verdict != "caught" or count[0] % 50 == 0:
            say(f"{count[0]} of {len(jobs)} generated; {one.verdict}: {one.job.name}")

    found = {one.job.name: one for one in copies.run(jobs, done)}
    doubtful = [thorough(one.job) for one in found.values() if one.verdict == "survived"]
    say(f"{len(doubtful)} of {len(jobs)} got past a sample of the tests; now against all of them")
    found.update({one.job.name: one for one in copies.run(doubtful, _telling(say))})
    return [found[job.name] for job in jobs]


def _telling(say: _Say) -> Callable[[Outcome], None]:
    def done(one: Outcome) -> None:
        healthy_run = {"survived": "passes", "caught": "FAILS"}
        fine = one.verdict if one.job.file else healthy_run.get(one.verdict, one.verdict)
        say(f"{fine:9} {one.seconds:5.1f} s  {one.job.name}  {one.failed.rpartition('::')[2]}")

    return done
