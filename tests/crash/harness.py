"""One scenario, taken apart into its steps: dies at each in each way, is started again, and has to end as if nothing was.

Never compares times, and never lets one point's world into the next: every point begins at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from syncd.errors import SyncdError
from tests.crash.child import died_for_real
from tests.crash.ends import End
from tests.crash.inline import one_after_another
from tests.crash.moment import Moment
from tests.crash.scenarios import Scenario
from tests.crash.steps import Died, Phase, Point, Step, Steps
from tests.crash.world import CrashWorld, Cycle, Process, crash_world

ROUNDS: Final = 6
LATER: Final = 2


class Ground:
    """A scenario at its moment, with its steps and its undisturbed end."""

    def __init__(self, world: CrashWorld, scenario: Scenario) -> None:
        self._world, self.scenario = world, scenario
        scenario.build(world)
        self._moment = Moment(world.databases, world.sandboxes)
        self._undisturbed()  # the first of all asks a database what later ones know
        self.steps = self._undisturbed()
        self._wanted = End(world)

    @property
    def points(self) -> list[Point]:
        """Every way to die at every step, each state of the world once.

        Between two steps nothing reaches the store or a peer, so dying before one is dying after the one before it.
        Before what is sent to a peer over HTTP, or committed there, it is tried all the same.
        """
        return [
            Point(phase, step)
            for number, step in enumerate(self.steps)
            for phase in step.phases
            if phase is not Phase.BEFORE or number == 0 or Phase.LOST in step.phases
        ]

    def problems(self, *, twice: bool = True) -> list[str]:
        """Why this ground proves nothing: it does not end well undisturbed, or (``twice``) differs from time to time."""
        found = list(self._wanted.unfinished())
        if not self.scenario.sane(self._wanted):
            found.append(f"the undisturbed end is not what the scenario is about: {self._wanted.seen}")
        found += self.scenario.always(self._world)
        if twice:
            found += self._differences()
        return [f"{self.scenario.name}: {one}" for one in found]

    def _differences(self) -> list[str]:
        again = self._undisturbed()
        found = [f"a second undisturbed run ends otherwise: {one}" for one in End(self._world).differs(self._wanted)]
        if again != self.steps:
            found.append(f"a second undisturbed run takes other steps: {set(self.steps) ^ set(again)}")
        return found

    def die(self, point: Point, *, for_real: bool = False) -> list[str]:
        """What is wrong after dying at this point; nothing when the end is as it should be."""
        self._begin()
        trouble = self._killed(point) if for_real else self._live(point)
        return self._told(str(point) + (", SIGKILL" if for_real else ""), trouble or self._end())

    def die_twice(self, point: Point, random: Random) -> list[str]:
        """The same, and the process that recovers dies as well, somewhere."""
        within = len(self.steps)
        while True:
            self._begin()
            if trouble := self._live(point):
                return self._told(str(point), trouble)
            self._world.databases.leases_over()
            phase = random.choice([Phase.BEFORE, Phase.UNREAD])
            second = Point(phase, number=random.randint(1, within))
            steps = self._run(Steps(second))
            if steps.hit:
                return self._told(f"{point}, then {steps.taken[-1]}, {phase}", self._end())
            within = len(steps.taken)

    def _begin(self) -> None:
        self._moment.restore()
        self.scenario.arm(self._world)

    def _undisturbed(self) -> list[Step]:
        self._begin()
        steps = self._run(Steps())
        self._settle()
        return steps.taken

    def _run(self, steps: Steps) -> Steps:
        """The cycles in a process that may die in them."""
        with self._world.process(steps) as process:
            try:
                for cycle in self.scenario.cycles:
                    process.cycle(cycle)
            except Died:
                pass
            except SyncdError:
                if not steps.hit:
                    raise
        return steps

    def _live(self, point: Point) -> list[str]:
        steps = self._run(Steps(point))
        return [] if steps.hit else ["the process never came there"]

    def _killed(self, point: Point) -> list[str]:
        code = died_for_real(self._world.config, self._world.env, self.scenario.cycles, point)
        return [] if code == -9 else [f"the process was not killed there: exit code {code}"]

    def _end(self) -> list[str]:
        try:
            self._settle()
        except (AssertionError, SyncdError) as error:
            return [f"{type(error).__name__}: {error}"]
        wrong, scenario = End(self._world).differs(self._wanted), self.scenario
        if wrong and scenario.otherwise is not None:
            wrong = scenario.otherwise(self._world)
        return wrong + scenario.always(self._world)

    def _settle(self) -> None:
        """Started again: the same cycles, then as the daemon goes on, until no mapping has anything left to do."""
        self._world.databases.leases_over()
        with self._world.process() as process:
            for cycle in self.scenario.cycles:
                process.cycle(cycle)
            for number in range(ROUNDS):
                if number < LATER:  # not for ever: what is tried again by the hour would never be quiet
                    self._world.hours_later()
                quiet = [_quiet(process, name) for name in self.scenario.mappings]  # every one of them runs
                if all(quiet):
                    return
            raise AssertionError(f"not quiet after {ROUNDS} rounds: {process.events[-6:]}")

    def _told(self, where: str, trouble: list[str]) -> list[str]:
        return [f"{self.scenario.name}: {where}: {one}" for one in trouble]


def _quiet(process: Process, name: str) -> bool:
    report = process.cycle(Cycle(name))
    return report.plan is not None and not report.plan.pending and report.open_operations == 0


@contextmanager
def ground(scenario: Scenario, folder: Path, database: Callable[[bool], str]) -> Iterator[Ground]:
    """A scenario on new peers and a new store. ``database`` gives the URL of a new one, with the store's schema or empty."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        crash_world(folder, database(False), database(True), two_sandboxes=scenario.two_sandboxes) as world,
        one_after_another(),
    ):
        yield Ground(world, scenario)
