"""The operating guide names every event that the engine and the daemon can say, and every command."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text()
SPOKEN = re.compile(r"events\(\s*\"([a-z_]+\.[a-z_]+)\"")


def test_every_event_is_in_the_operating_guide() -> None:
    sources = [*(ROOT / "syncd" / "engine").rglob("*.py"), *(ROOT / "syncd" / "daemon").glob("*.py")]
    spoken = {event for source in sources for event in SPOKEN.findall(source.read_text())}
    assert len(spoken) > 25
    assert sorted(event for event in spoken if f"`{event}`" not in GUIDE) == []


def test_every_command_is_in_the_operating_guide() -> None:
    from syncd.cli.app import app

    names = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback is not None
    }
    names |= {group.name for group in app.registered_groups if group.name is not None}
    assert len(names) >= 15
    assert sorted(name for name in names if f"syncd {name}" not in GUIDE) == []
