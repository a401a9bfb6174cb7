"""Something happens to the parents between any two steps of a run of their children: nothing is made twice or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.family import NOTES, TABLE, Moment, both, end, mixed
from tests.engine.steps import Watched
from tests.engine.world import World
from tests.support.thoroughness import one_in

# What these steps tell does not depend on links, so whatever happens after one could as well happen after the next.
# The parents' run does not look at its children at all: only what it did counts.
_SAME_AS_THE_NEXT = {
    "notes": ("rows", "state", "cursor", "counts", "answers", "conflicts", "finish_run"),
    "clients": (
        *("rows", "state", "cursor", "counts", "answers", "conflicts", "finish_run", "open_operations", "waiting"),
        *("pages", "differing", "strangers", "observations", "work", "decisions", "read", "pass.external.store"),
    ),
}


class Meanwhile(Watched):
    """Lets something happen after one step of a run: in the thread of that step, while the others go on."""

    def __init__(self, world: World, after_step: int, running: str, act: Callable[[], Any]) -> None:
        super().__init__(world)
        self._skipped = _SAME_AS_THE_NEXT[running]
        self._after_step = after_step
        self._act = act
        self._acting = False

    def before(self) -> None:
        """Nobody dies here."""

    def after(self, name: str) -> None:
        """Act once, and do not count what the act itself does."""
        with self._lock:
            if self._acting or name.endswith(self._skipped):
                return
            self.steps.append(name)
            self._acting = due = len(self.steps) == self._after_step
        if due:
            self._act()
            self._acting = False


@pytest.fixture
def family(world: World) -> World:
    """Everything to be done at once, in approved mappings."""
    world.erp(TABLE)
    world.configure(notes=NOTES)
    for name in ("clients", "notes"):
        world.run(name, person=True)
    mixed(world)
    return world


@pytest.mark.slow
@pytest.mark.parametrize(("running", "meanwhile"), [("notes", "clients"), ("clients", "notes")])
def test_parents_and_children_run_at_the_same_time(family: World, running: str, meanwhile: str) -> None:
    world, moment = family, Moment(family)
    with Meanwhile(world, 0, running, lambda: None) as undisturbed:
        world.run(running)
    both(world)
    wanted = end(world)
    assert len(wanted["links"]) == len(wanted["notes"]) == len(wanted["activities"]) == 5
    assert (wanted["questions"], wanted["operations"], wanted["pending"]) == ([], [], [])
    wrong: list[Any] = []
    for number in one_in(5, range(1, len(undisturbed.steps) + 1)):
        moment.restore()
        with Meanwhile(world, number, running, lambda: world.run(meanwhile)) as disturbed:
            world.run(running)
        both(world)
        found = end(world)
        if found != wanted:
            differs = {name: found[name] for name in found if found[name] != wanted[name]}
            wrong.append((number, disturbed.steps[number - 1 : number], differs))
    assert wrong == []
