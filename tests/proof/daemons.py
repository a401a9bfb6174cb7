"""The section on several daemons over one store. It only runs scenes of ``tests.daemons`` and never judges by itself."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncd.store import migrate
from tests.daemons import scenes
from tests.engine.world import World, built
from tests.proof.section import Ask, Section

Scene = Callable[[World], scenes.Counts]

TEXT = """\
Real `syncd run` processes share one store, one ERP table and one Flowtly; a lease lasts two seconds and every mapping
has a turn each second. *Stands still* is SIGSTOP for longer than the lease, then SIGCONT. After each scene: no firm
twice on either side, every person's last word on both sides, no open operation or question, fences that only grew, no
intent stored under a fence that was not the latest, and no more writes at Flowtly than intents.

| scene | what was counted |
| --- | --- |
"""


def prove(ask: Ask) -> Section:
    """Every scene once, or those that take longest left out."""
    lines, failures, firms, takeovers = [], [], 0, 0
    for name, scene in _scenes(ask):
        ask.say(name)
        try:
            with fresh_world(ask, name) as world:
                counts = scene(world)
        except Exception as error:  # noqa: BLE001 - every scene is played, then all failures are shown
            failures.append(f"{name}: {last_line(error)}")
            lines.append(f"| {name} | **failed** |")
            continue
        firms += counts.get("firms", counts.get("clients made", 1))
        takeovers += counts.get("takeovers", 0)
        lines.append(f"| {name} | {told(counts)} |")
    numbers = {
        "scenes": len(lines),
        "firms": firms,
        "takeovers": takeovers,
    }
    return Section("Several daemons", TEXT + "\n".join(lines) + "\n", numbers, tuple(failures))


def _scenes(ask: Ask) -> Iterator[tuple[str, Scene]]:
    yield "stands still between intent and create", scenes.frozen_before_sending
    yield "one is cut off from the store", _cut_off("cut", 6, ask.seed)
    if ask.quick:
        return
    yield "stands still while its create is held by the peer", _sending("held")
    yield "stands still while the answer to its create dribbles", _sending("slow")
    yield "stands still between intent and change", scenes.frozen_before_an_edit
    yield "stands still within a transaction of the store", scenes.frozen_within_a_transaction
    yield "one is cut off from the store, nobody is told", _cut_off("silent", 12, ask.seed)
    for daemons in (2, 3):
        yield f"{daemons} daemons at work, one killed and replaced", _several(daemons, 60, ask.seed)


def _cut_off(how: str, acts: int, seed: int) -> Scene:
    return lambda world: scenes.cut_off_from_the_store(world, how=how, acts=acts, seed=seed)


def _sending(answer: str) -> Scene:
    return lambda world: scenes.frozen_while_sending(world, answer=answer)


def _several(daemons: int, acts: int, seed: int) -> Scene:
    return lambda world: scenes.several_at_once(world, daemons=daemons, acts=acts, seed=seed)


@contextmanager
def databases(ask: Ask) -> Iterator[tuple[str, str]]:
    """An empty database for the ERP and a migrated one for the store, dropped afterwards."""
    names = [ask.server.create(), ask.server.create()]
    try:
        migrate.upgrade(ask.server.url(names[1]))
        yield ask.server.url(names[0]), ask.server.url(names[1])
    finally:
        for name in names:
            ask.server.drop(name)


def folder_of(ask: Ask, name: str) -> Path:
    """A folder for one scene."""
    folder = ask.folder / "".join(letter if letter.isalnum() else "-" for letter in name)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def fresh_world(ask: Ask, name: str) -> Iterator[World]:
    """A world for one scene."""
    with databases(ask) as (erp, store), built(folder_of(ask, name), erp, store) as world:
        yield world


def told(counts: dict[str, Any]) -> str:
    """Counts as a line."""
    return ", ".join(f"{what} {count}" for what, count in counts.items())


def last_line(error: Exception) -> str:
    """An error and where it came up, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((one for one in reversed(frames) if one.filename.endswith(("scenes.py", "weather.py"))), frames[-1])
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said[:300]} ({Path(place.filename).name}:{place.lineno})"
