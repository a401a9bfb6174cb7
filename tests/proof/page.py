"""Writes docs/proof.md from what was found. Must never leave out a failure; says no date, so that two runs compare."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg

from syncd import __version__
from tests.proof.catalogue import BUDGETS
from tests.proof.laws import LAWS, Law
from tests.proof.section import Result
from tests.support.postgres import conninfo, running_server

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "proof.md"

_LAWS: Final = "## The laws and what holds them"
_AGAIN: Final = "| run again by themselves since | "

HEAD = """# Proof

Written by `make proof`; every number here comes from that run. `make proof-quick` takes a sample of each section and is
part of `make test`. Nothing is simulated but time where a section says so: PostgreSQL is real, and the peers are real
HTTP servers or real SQL.

| | |
|---|---|
| syncd | {version} |
| Python | {python} |
| PostgreSQL | {postgres} |
| system | {system}, {cores} cores |
| seed | {seed} |
| took | {minutes:.1f} minutes, {workers} sections at a time |

To see it again: `make proof`, or `.venv/bin/python -m tests.proof --seed {seed}`; one section alone with
`--only NAME`, another sample with another seed. Exit code 1 when anything is not proven.

"""


def write(results: Sequence[Result], *, seed: int, seconds: float, workers: int) -> None:
    """Write the page."""
    PAGE.write_text(text(results, seed=seed, seconds=seconds, workers=workers), encoding="utf-8")


def text(results: Sequence[Result], *, seed: int, seconds: float, workers: int, postgres: str | None = None) -> str:
    """The page."""
    head = HEAD.format(
        version=__version__,
        python=platform.python_version(),
        postgres=postgres or _postgres(),
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:1])}, {platform.machine()}",
        cores=os.cpu_count(),
        seed=seed,
        minutes=seconds / 60,
        workers=workers,
    )
    sections = "".join(_section(result) for result in results)
    return f"{head}{_overview(results)}{laws()}{sections}".rstrip() + "\n"


def replace(results: Sequence[Result]) -> None:
    """Put sections that were run again by themselves into the page that is there, and say which these are.

    Raises ValueError for one that the page does not have.
    """
    found = PAGE.read_text(encoding="utf-8")
    for one in results:
        title = next((name for name in (_title(one), one.name) if f"| [{name}](" in found), _title(one))
        row, section = f"| [{title}](", f"\n## {title}\n"  # one that did not come to its end stands under its name
        if row not in found or section not in found:
            raise ValueError(f"{PAGE.name} has no section {title!r}: run the whole proof first")
        before, _, rest = found.partition(row)
        found = f"{before}{_row(one)}{rest.partition(chr(10))[2]}"
        before, _, rest = found.partition(section)
        _, heading, after = rest.partition("\n## ")
        found = f"{before}\n{_section(one).rstrip()}\n{heading}{after}"
    again = ", ".join(sorted({_title(one) for one in results} | _again(found)))
    lines = [line for line in found.splitlines() if not line.startswith(_AGAIN)]
    lines.insert(next(n for n, line in enumerate(lines) if line.startswith("| took ")) + 1, f"{_AGAIN}{again} |")
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _again(found: str) -> set[str]:
    told = next((line for line in found.splitlines() if line.startswith(_AGAIN)), None)
    return set() if told is None else set(told.removeprefix(_AGAIN).removesuffix(" |").split(", "))


def _overview(results: Sequence[Result]) -> str:
    rows = "".join(_row(one) for one in results)
    return f"## At a glance\n\n| section | proven | seconds | planned |\n|---|---|---:|---:|\n{rows}\n"


def _row(one: Result) -> str:
    title, proven = _title(one), "yes" if one.proven else "**NO**"
    return f"| [{title}](#{_anchor(title)}) | {proven} | {one.seconds:.0f} | {_budget(one.name)} |\n"


def _budget(name: str) -> str:
    return str(BUDGETS[name].whole) if name in BUDGETS else ""


def laws() -> str:
    """The part of the page about the laws."""
    rows = "".join(f"### {law.number}. {law.name}\n\n{law.sentence}\n\n{_held_by(law)}\n" for law in LAWS)
    return f"{_LAWS}\n\nA test fails when a law names no test, or one that does not exist.\n\n{rows}"


def refresh_laws() -> None:
    """Put the laws of today into the page that is there, and leave all that was measured as it is."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(f"{_LAWS}\n")
    _, heading, after = rest.partition("\n## ")
    PAGE.write_text(f"{before}{laws()}{heading.removeprefix(chr(10))}{after}", encoding="utf-8")


def _held_by(law: Law) -> str:
    tests = "".join(f"* `{test}`\n" for test in law.tests)
    return tests + "".join(f"* section `{name}`\n" for name in law.sections)


def _section(result: Result) -> str:
    found = result.section
    lines = [f"## {_title(result)}", ""]
    if found is not None:
        lines += [found.text.rstrip(), ""]
        rest = {name: value for name, value in found.numbers.items() if name not in found.text}
        if rest:
            lines += ["| number | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rest.items()), ""]
    for failure in result.failures:
        lines += [f"**NOT PROVEN:** {failure.splitlines()[0]}", ""]
    return "\n".join(lines) + "\n"


def _title(result: Result) -> str:
    return result.name if result.section is None else result.section.title


def _anchor(title: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _postgres() -> str:
    with running_server() as server, psycopg.connect(conninfo(server.url("postgres"))) as connection:
        number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"
