"""Every crash point: each scenario dies at each step in each way, is started again, and has to end as if nothing was.

Asserts no time. With ``quick`` a sample of every scenario's points, spread over all of its steps and drawn by the seed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Final

import tests.crash.allocations
import tests.crash.merging  # noqa: F401 - both register their scenarios
from syncd.store import migrate
from tests.crash.harness import Ground, ground
from tests.crash.sampling import spread
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.steps import Phase
from tests.proof.section import Ask, Section

_QUICK: Final = 2
_SHARE: Final = 20  # one point in so many is killed for real, and one in so many dies twice
_SHOWN: Final = 40


@dataclass
class Tally:
    """What became of one scenario. Each pair: points tried, points that ended as the undisturbed run."""

    name: str
    steps: int = 0
    of: int = 0
    died: list[bool] = field(default_factory=list)
    killed: list[bool] = field(default_factory=list)
    twice: list[bool] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table."""
        pairs = (_pair(found) for found in (self.killed, self.twice))
        return (
            f"| {self.name} | {self.steps} | {len(self.died)} of {self.of} | {sum(self.died)} | "
            + " | ".join(pairs)
            + " |"
        )


def prove(ask: Ask) -> Section:
    """Die everywhere."""
    template = ask.server.create()
    migrate.upgrade(ask.server.url(template))
    try:
        tallies = [_scenario(ask, one, template) for one in SCENARIOS.values()]
    finally:
        ask.server.drop(template)
    failures = tuple(one for tally in tallies for one in tally.failures)
    numbers = {
        "scenarios": len(tallies),
        "steps": sum(tally.steps for tally in tallies),
        "points": sum(len(tally.died) for tally in tallies),
        "converged": sum(sum(tally.died) for tally in tallies),
        "killed": sum(len(tally.killed) for tally in tallies),
        "killed_converged": sum(sum(tally.killed) for tally in tallies),
        "twice": sum(len(tally.twice) for tally in tallies),
        "twice_converged": sum(sum(tally.twice) for tally in tallies),
    }
    return Section("Every crash point", _text(ask, tallies), numbers, failures)


def _scenario(ask: Ask, scenario: Scenario, template: str) -> Tally:
    tally = Tally(scenario.name)
    folder = ask.folder / scenario.name.replace(" ", "-")
    with ExitStack() as stack:

        def database(schema: bool) -> str:
            name = ask.server.create(template=template if schema else None)
            stack.callback(ask.server.drop, name)
            return ask.server.url(name)

        try:
            ready = stack.enter_context(ground(scenario, folder, database))
            tally.failures += ready.problems(twice=not ask.quick)
            _die(ask, ready, tally)
        except Exception as error:  # noqa: BLE001 - one scenario that cannot be tried must not hide the others
            tally.failures.append(f"{scenario.name}: {type(error).__name__}: {error}")
    found = f"{sum(tally.died)} of {len(tally.died)} points converged"
    ask.say(f"{scenario.name}: {tally.steps} steps, {found}, {len(tally.failures)} failures")
    return tally


def _die(ask: Ask, ready: Ground, tally: Tally) -> None:
    random = Random(f"{ask.seed}:{tally.name}")
    points = ready.points
    tally.steps, tally.of = len(ready.steps), len(points)
    for point in spread(points, _QUICK if ask.quick else len(points), random):
        _judge(tally, tally.died, ready.die(point))
    mortal = [point for point in points if point.phase is not Phase.LOST]
    kills, doubles = _samples(ask, tally.name, len(points))
    for point in spread(mortal, kills, random):
        _judge(tally, tally.killed, ready.die(point, for_real=True))
    for point in spread(mortal, doubles, random):
        _judge(tally, tally.twice, ready.die_twice(point, random))


def _samples(ask: Ask, name: str, points: int) -> tuple[int, int]:
    """How many are killed for real, and how many die twice. Quickly, scenarios take turns."""
    if not ask.quick:
        return -(-points // _SHARE), -(-points // _SHARE)
    turn = list(SCENARIOS).index(name) % 3
    return int(turn == 0), int(turn == 1)


def _judge(tally: Tally, results: list[bool], wrong: list[str]) -> None:
    results.append(not wrong)
    if len(tally.failures) < _SHOWN:
        tally.failures += wrong


def _pair(found: list[bool]) -> str:
    return f"{sum(found)} of {len(found)}"


def _text(ask: Ask, tallies: list[Tally]) -> str:
    """What was done, and the table."""
    total, tried = sum(tally.of for tally in tallies), sum(len(tally.died) for tally in tallies)
    how = f"a sample of {tried} of all {total} points" if tried < total else f"all {total} points"
    lines = [
        "A step is a COMMIT of the store or an exchange with a peer (an HTTP request, an SQL statement, an SQL",
        "COMMIT). At each step the process is stopped before it, after it was carried out but its answer not read,",
        "and after the answer was read but not used; and once more it lives on with the answer lost. (Before a COMMIT",
        "of the store or a statement is after the step before it: one point, counted once.) It is then started again",
        "under another name, hours go by, and both peers' own data and the store's links, bases, questions, pending",
        "records and intents are compared with an undisturbed end; each overwritten value must be in the ledger.",
        "Threads are run one after another, so that steps come in one order. The peers know no idempotency keys; in",
        "one scenario lists show a new record only half an hour after it was made.",
        "",
        f"Here: {how}, seed {ask.seed}. *SIGKILL*: points at which a child process was really killed. *Double*: points",
        "after which the recovering process died as well, at a drawn step.",
        "",
        "| scenario | steps | points | converged | SIGKILL | double |",
        "|---|---|---|---|---|---|",
        *(tally.row() for tally in tallies),
    ]
    return "\n".join(lines)
