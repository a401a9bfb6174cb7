"""Short ways to say what tests of watches need: a world with a configured watch, walks, and what waits to be told."""

from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Any

from syncd.engine.run import Report
from syncd.engine.watch import Watcher
from syncd.ports import Delivery
from syncd.wiring import limits_of
from tests.engine.world import MAPPING, SETTINGS, World

SECRET = "hook-secret-0815"
NOWHERE = "http://127.0.0.1:9/hook"
TARGET = f"  targets: {{hook: {{webhook: {{url: '{NOWHERE}', secret: \"${{HOOK_SECRET}}\"}}}}}}\n"


def watched(world: World, watches: str, targets: str = TARGET, more: str = "") -> None:
    """Configure watches; ``watches`` is the YAML below ``watches:``, indented by four."""
    world.env["HOOK_SECRET"] = SECRET
    section = f"events:\n{targets}  watches:\n{watches}\n{more}"
    world.configure(MAPPING, SETTINGS.replace("limits:", f"{section}limits:"))


def walk(world: World, name: str = "w", *, peer: Any = None, store: Any = None) -> Report:
    """One walk of a watch, as the daemon would do it."""
    app = world.app
    assert app is not None
    watch = app.watches[name]
    watcher = Watcher(store or world.store, app.clock, limits_of(app.settings), world.note, f"test-{id(world)}")
    return watcher.walk(watch, peer or app.connector(watch.spec.system), Event())


def waiting(world: World, target: str = "hook") -> list[Delivery]:
    """What waits for a target, oldest first, whoever holds it."""
    found: list[Delivery] = world.store.deliveries(None, 10_000)
    return [one for one in reversed(found) if one.target == target]


def told(world: World, target: str = "hook") -> list[tuple[str, str]]:
    """Event and record of everything that waits for a target, oldest first."""
    return [(one.event.event, one.event.key) for one in waiting(world, target)]


HOLD = timedelta(minutes=5)
