"""The parents' run dies after each of its writes, and their children run before anybody has looked at the parents.

Started again, it ends where an undisturbed run ends: every child once, under its own parent.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.family import NOTES, TABLE, Moment, both, end, mixed
from tests.engine.steps import Died, Watched
from tests.engine.world import SETTINGS, World
from tests.support.thoroughness import one_in


@pytest.fixture
def family(world: World) -> World:
    """Everything to be done at once, in approved mappings."""
    world.erp(TABLE)
    world.configure(settings=SETTINGS.replace("limits: {", "limits: {write_threads: 1, "), notes=NOTES)
    for name in ("clients", "notes"):
        world.run(name, person=True)
    mixed(world)
    return world


@pytest.mark.slow
def test_parents_that_die_half_made_leave_their_children_waiting_for_the_other_half(family: World) -> None:
    """After each write of the parents' run the process is gone; the children run before their parents are looked at."""
    world, moment = family, Moment(family)
    with Watched(world) as watched:
        world.run("clients")
    both(world)
    wanted = end(world)
    wrong: list[tuple[int, str, Any]] = []
    writes = ("settle", "intend", "create", "update")
    moments = [(number, name) for number, name in enumerate(watched.steps, 1) if name.endswith(writes)]
    for number, name in one_in(3, moments):
        moment.restore()
        with Watched(world, die_after=number), pytest.raises(Died):
            world.run("clients")
        world.run("notes")
        both(world)
        found = end(world)
        if found != wanted:
            wrong.append((number, name, {one: found[one] for one in found if found[one] != wanted[one]}))
    assert wrong == []
