"""Costs on budgets, measured: ``python -m tests.bench.budgets [POSTINGS] [--write]`` prints a page; ``make bench`` and
``--write`` put it into docs/budgets-measured.md.

Flowtly has the transactions and their links before syncd starts; a small measurement of its own lets syncd make links.
"""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncd import __version__
from tests.bench.budget_edits import Bookkeeper
from tests.bench.budget_world import ROOT, World, company

PAGE = ROOT / "docs" / "budgets-measured.md"
MADE = 1_000
"""Postings whose links syncd makes: a create is one request after another; more of them say nothing new."""
CHANGED = 50
LINKS = "budget-transactions"


def measured(postings: int) -> Iterator[list[str]]:
    """The rows of the table."""
    with company(postings, linked=True) as world:
        yield _rules(world)
        told, sent = world.step("parents")
        rate = world.transactions / told["seconds"]
        how = (
            f"{_s(told)}, with budget groups and budgets {told['counts'].get('linked', 0):,} linked, "
            f"{_writes(sent)} writes; peak {told['peak_mb']:.0f} MB{_left(told)}"
        )
        yield [f"{world.transactions:,} transactions linked by match", f"{rate:,.0f} records/s", how]
        world.step("calibrate")
        told, sent = world.step("first")
        yield _derived("first derivation", told, postings)
        how = (
            f"{told['counts'].get('linked', 0):,} of {world.links:,} links that were there were taken over, not made; "
            f"{_writes(sent)} writes, {_asked(sent)}; peak {told['peak_mb']:.0f} MB{_left(told)}"
        )
        yield ["first cycle, derivation included (`own: all`)", _s(told), how]
        told, sent = world.step("full")
        yield _derived("idle complete reading", told, postings)
        yield _idle("idle cycle with the complete reading", told, sent)
        yield _idle("idle cycle", *world.step("idle"))
        taken = _edited(world, postings, "links taken over")
        yield taken.row
    with company(MADE, linked=False) as world:
        yield _made(world)
        made = _edited(world, MADE, "links made by syncd")
        yield made.row
    yield from _routes(taken.beyond, made.beyond)


def _rules(world: World) -> list[str]:
    told, _ = world.step("rules")
    rate = told["postings"] / told["seconds"]
    how = (
        f"`allocate` alone, processor time of one core, median of 3; {told['postings']:,} postings became "
        f"{told['parts']:,} parts; aim >= 20,000. Reading them out of raw rows before: "
        f"{told['postings'] / told['read']:,.0f} a second"
    )
    return ["rules applied", f"{rate:,.0f} postings/s", how]


def _derived(what: str, told: dict[str, Any], postings: int) -> list[str]:
    how = f"{told['parts']:,} parts are wanted; {postings / told['derive']:,.0f} postings/s"
    return [f"{what} of {postings:,} postings", f"{told['derive']:.2f} s", how]


def _idle(what: str, told: dict[str, Any], sent: Counter[str]) -> list[str]:
    how = f"derivation {told['derive']:.2f} s; {_asked(sent)}; peak {told['peak_mb']:.0f} MB{_left(told)}"
    return [what, _s(told), f"{_writes(sent)} writes, aim 0; {how}"]


@dataclass
class Edited:
    """What a cycle after edits took: its row, and what it asked of Flowtly beyond the walks of the links."""

    row: list[str]
    beyond: Counter[str]


def _edited(world: World, postings: int, whose: str) -> Edited:
    """People change postings; what goes beyond the walk of the links is for the changed ones."""
    keeper = Bookkeeper(world.ledger, 5)
    edits = (keeper.amount, keeper.move, keeper.split, keeper.unsplit)
    touched = len({edits[number % len(edits)]() for number in range(CHANGED)})
    _, before = world.step("transactions")
    told, beyond = world.step("first")
    walks, walked, approval = told["walks"][LINKS], told["pages"][LINKS], ""
    seconds, peak = told["seconds"], told["peak_mb"]
    if told["removals"]:
        told, more = world.step("approved")
        beyond += more
        walks, walked = walks + told["walks"][LINKS], walked + told["pages"][LINKS]
        seconds, peak = seconds + told["seconds"], max(peak, told["peak_mb"])
        approval = (
            f" {told['approved']} of the links were there before syncd and waited for a person's word to be deleted: "
            "it was given, and a second cycle followed, which is counted here as well."
        )
    beyond[f"GET /{LINKS}"] -= walked
    beyond = Counter({route: count for route, count in beyond.items() if count})
    written = _writes(beyond)
    verbs: Counter[str] = Counter()
    for route, count in beyond.items():
        verbs[route.split()[0]] += count
    split = ", ".join(f"{count / max(written, 1):.2f} {verb}" for verb, count in sorted(verbs.items()))
    how = (
        f"{touched} postings got other amounts or cost centres, were split or put together again; {written} links "
        f"were changed with {sum(beyond.values())} requests, for each link {split}; aim <= 3. {walks} walks of all "
        f"links took {walked} requests more. {seconds:.1f} s, peak {peak:.0f} MB{_left(told)}.{approval} The "
        f"transactions themselves had been changed before, with {_writes(before)} writes"
    )
    rate = sum(beyond.values()) / max(written, 1)
    what = f"{CHANGED} edits of {postings:,} postings, {whose}"
    return Edited([what, f"{rate:.2f} requests a changed link", how], beyond)


def _made(world: World) -> list[str]:
    """Links that syncd makes itself."""
    world.step("parents")
    world.step("calibrate")
    told, sent = world.step("first")
    links = sent[f"POST /{LINKS}"]
    how = (
        f"a company of its own, {MADE:,} postings, `own: made`: {links:,} links in {_s(told)}, derivation included; "
        f"{sum(sent.values()) / max(links, 1):.2f} requests a link, walks included ({_asked(sent)}); "
        f"peak {told['peak_mb']:.0f} MB{_left(told)}"
    )
    return ["links made by syncd", f"{links / told['seconds']:,.0f} links/s", how]


def _routes(taken: Counter[str], made: Counter[str]) -> Iterator[list[str]]:
    """What the cycles after edits asked of Flowtly, the walks of the links aside."""
    for route in sorted({*taken, *made}):
        how = f"links taken over: {taken[route]}; links made by syncd: {made[route]}"
        yield [f"of these cycles: {route}", f"{taken[route] + made[route]} requests", how]


def _s(told: dict[str, Any]) -> str:
    return f"{told['seconds']:.1f} s"


def _writes(sent: Counter[str]) -> int:
    return sum(count for route, count in sent.items() if route.split()[0] in {"POST", "PATCH", "DELETE"})


def _asked(sent: Counter[str]) -> str:
    walk = sent[f"GET /{LINKS}"]
    return f"{sum(sent.values()):,} requests, of which {walk:,} walk the links"


def _left(told: dict[str, Any]) -> str:
    """What is left for people; nothing is said where nothing is."""
    words = {"breaches": "control totals off", "conflicts": "open questions", "removals": "removals that wait"}
    return "".join(f"; {told[name]} {word}" for name, word in words.items() if told[name])


def page(rows: list[list[str]], postings: int, load: float) -> str:
    """The measurements as a page."""
    head = f"""# Budgets, measured

Written by `python -m tests.bench.budgets {postings} --write` on {datetime.now(UTC).date()}, version {__version__},
Python {platform.python_version()}, {_machine()}, load {load:.1f} before the start, embedded PostgreSQL. The
configuration is config/budgets, the books are those of `tests/bench/budget_books.py`: {postings:,} postings of a year
in three currencies. Flowtly is a sandbox in a process of its own on the same machine, so read the ratios, not the
seconds. Every step of syncd is a process of its own; its peak memory is that process's.

The transactions and their links were put into the sandbox before syncd started, the links as the rules want them. So
transactions were linked by match, and with `own: all` the links that were there were taken over, not made. The rows on
links made by syncd are of a small company of its own. Seconds are of one run each. First steps and changes ran as a
person would apply them, beyond the caps; idle cycles as the daemon runs them.

| what | measured | how |
|---|---|---|
"""
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _machine() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{f' ({model})' if model else ''}"


def main(postings: int, *, keep: bool) -> None:
    """Measure, print, and write the page where ``keep``."""
    load, rows = os.getloadavg()[0], []
    for row in measured(postings):
        sys.stderr.write(f"{' | '.join(row)}\n")
        rows.append(row)
    text = page(rows, postings, load)
    if keep:
        PAGE.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    sizes = [int(one) for one in sys.argv[1:] if one != "--write"]
    main(sizes[0] if sizes else 100_000, keep="--write" in sys.argv)
