"""The process dies after every single step of a run that makes parents or their children, on both sides at once.

Started again, it ends where an undisturbed run ends: every child once, under its own parent, and nobody is asked.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.crash.steps import Died, Watched
from tests.engine.family import NOTES, TABLE, Moment, both, end, mixed
from tests.engine.world import SETTINGS, World

# Steps that only look: dying after one is dying after the step before it.
LOOKING = ("state", "open_operations", "waiting", "cursor", "rows", "pages", "differing", "answers", "counts")
LOOKING += ("strangers", "observations", "partners", "work", "decisions", "conflicts", "read", "links_by_key")


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
@pytest.mark.parametrize("children_read_before", [False, True])
def test_dying_after_any_step_changes_nothing_about_the_end(family: World, children_read_before: bool) -> None:
    world = family
    if children_read_before:
        world.run("notes")
    world.run("clients")
    moment = Moment(world)
    with Watched(world) as watched:
        world.run("notes")
    steps = list(watched.steps)
    both(world)
    wanted = end(world)
    assert len(wanted["links"]) == len(wanted["notes"]) == len(wanted["activities"]) == 5
    assert (wanted["questions"], wanted["operations"], wanted["pending"]) == ([], [], [])
    assert {"flowtly.create", "external.create", "store.wake_linked"} <= set(steps)
    wrong: list[tuple[int, str, Any]] = []
    for number in range(len(steps)):
        if number and steps[number - 1].endswith(LOOKING):
            continue
        moment.restore()
        with Watched(world, die_after=number), pytest.raises(Died):
            world.run("notes")
        both(world)
        found = end(world)
        if found != wanted:
            differs = {name: found[name] for name in found if found[name] != wanted[name]}
            wrong.append((number, steps[number - 1], differs))
    assert wrong == []


@pytest.mark.slow
def test_parents_that_die_half_made_leave_their_children_waiting_for_the_other_half(family: World) -> None:
    """After each write of the parents' run the process is gone; the children run before their parents are looked at."""
    world, moment = family, Moment(family)
    with Watched(world) as watched:
        world.run("clients")
    both(world)
    wanted = end(world)
    wrong: list[tuple[int, str, Any]] = []
    for number, name in enumerate(watched.steps, 1):
        if not name.endswith(("settle", "intend", "create", "update")):
            continue
        moment.restore()
        with Watched(world, die_after=number), pytest.raises(Died):
            world.run("clients")
        world.run("notes")
        both(world)
        found = end(world)
        if found != wanted:
            wrong.append((number, name, {one: found[one] for one in found if found[one] != wanted[one]}))
    assert wrong == []
