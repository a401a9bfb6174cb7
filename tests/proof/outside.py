"""The section on trouble from outside: store, disk, connections, peers, a long day. It only runs scenes and judges none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.daemons import weather
from tests.proof.daemons import databases, folder_of, fresh_world, last_line, told
from tests.proof.section import Ask, Section

TEXT = """\
After each scene Flowtly, the ERP and the store are well again, and everything has to be as it must be: no firm twice,
every last word on both sides, nothing open. Processes are real; PostgreSQL is one of our own where it is killed.

| scene | what was counted |
| --- | --- |
"""


def prove(ask: Ask) -> Section:
    """Every scene, or a sample."""
    lines: list[str] = []
    failures: list[str] = []
    numbers: dict[str, int | float | str] = {}
    for name, scene in _scenes(ask):
        ask.say(name)
        try:
            counts = scene(name)
        except Exception as error:  # noqa: BLE001 - every scene is played, then all failures are shown
            failures.append(f"{name}: {last_line(error)}")
            lines.append(f"| {name} | **failed** |")
            continue
        if counts is None:
            lines.append(f"| {name} | skipped: nobody may mount a small disk here |")
            continue
        failures.extend(f"{name}: {one}" for one in counts.pop("swollen", ()))
        if "errors" in counts:
            numbers["errors"] = int(numbers.get("errors", 0)) + counts["errors"]
        lines.append(f"| {name} | {told(counts)} |")
    numbers["scenes"] = len(lines)
    return Section("Trouble from outside", TEXT + "\n".join(lines) + "\n", numbers, tuple(failures))


Scene = Callable[[str], dict[str, Any] | None]


def _scenes(ask: Ask) -> list[tuple[str, Scene]]:
    """Names and what they do; each gets a world or a folder of its own."""
    quick = [
        ("the store's server is killed in mid-run", _server(ask, "killed", 1 if ask.quick else 3)),
        ("24 hours, one turn each so many minutes", _day(ask, 60 if ask.quick else 4)),
    ]
    if ask.quick:
        return quick
    return [
        *quick,
        ("the store's server is restarted in mid-run", _server(ask, "restarted", 3)),
        ("the store's disk is full for a while", _disk(ask)),
        ("every connection to the store is taken", _in_world(ask, weather.no_connection_left)),
        ("a peer that hangs, dribbles, resets or cuts off", _manners(ask)),
        ("errors in a row, on every request", _errors(ask, 500, writes_only=False)),
        ("errors in a row, on every write", _errors(ask, 10_000, writes_only=True)),
    ]


def _in_world(ask: Ask, scene: Callable[[Any], dict[str, Any]]) -> Scene:
    def play(name: str) -> dict[str, Any]:
        with fresh_world(ask, name) as world:
            return scene(world)

    return play


def _errors(ask: Ask, errors: int, *, writes_only: bool) -> Scene:
    people = 100 if writes_only else 10
    return _in_world(
        ask, lambda world: weather.errors_in_a_row(world, errors=errors, writes_only=writes_only, people=people)
    )


def _manners(ask: Ask) -> Scene:
    def play(world: Any) -> dict[str, Any]:
        found = weather.ill_mannered(world, rounds=1, seed=ask.seed)
        return {kind: f"({told(counts)})" for kind, counts in found.items()}

    return _in_world(ask, play)


def _server(ask: Ask, how: str, times: int) -> Scene:
    def play(name: str) -> dict[str, Any]:
        with databases(ask) as (erp, _):
            return dict(weather.server_goes_away(folder_of(ask, name), erp, how=how, times=times))

    return play


def _disk(ask: Ask) -> Scene:
    def play(name: str) -> dict[str, Any] | None:
        with databases(ask) as (erp, _):
            counts = weather.disk_full(folder_of(ask, name), erp)
        return None if counts is None else dict(counts)

    return play


def _day(ask: Ask, minutes: int) -> Scene:
    def play(name: str) -> dict[str, Any]:
        with databases(ask) as (erp, store):
            day = weather.long_day(folder_of(ask, name), erp, store, minutes=minutes, seed=ask.seed)
        warm, end = day["warm"], day["end"]
        return {
            "turns": day["turns"],
            "faults": day["faults"],
            "wires cut": day["cuts"],
            "acts of people": sum(day["people"].values()),
            "firms": day["firms"],
            "memory in MB": f"{warm.megabytes} then {end.megabytes}",
            "files": f"{warm.files} then {end.files}",
            "threads": f"{warm.threads} then {end.threads}",
            "rows left in the store": told({table: count for table, count in day["rows"].items() if count}),
            "swollen": weather.swollen(day),
        }

    return play
