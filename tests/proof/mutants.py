"""Section: would the tests notice? Planted and generated faults and what caught them. Never counts a run that broke."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from tests.mutants.campaign import Result
from tests.mutants.forked import ROOT
from tests.mutants.planted import QUICK
from tests.proof.section import Ask, Section
from tests.support.postgres import VARIABLE

TITLE = "Planted bugs: the tests would notice"
_QUICK_SHARE = 10
_FULL_SHARE = 150
_TEXT = """\
One fault at a time is planted in a copy of the package, and the tests named for it are run against that copy (each run
checks that the faulty module is the one imported; the same tests pass without the fault).

| | tried | caught | rate |
|---|---:|---:|---:|
| planted by hand in core/, budgets/, engine/ and store/ | {planted} | {caught} | {share:.0%} |
| generated in core/{drawn} | {generated} | {killed} | {rate:.1%} |

Generated: a comparison, condition, constant, operator, side or call exchanged, a part of a condition, a `not`, a filter
or a statement left out, nothing returned. They are judged by the unit tests of core/ alone: first by a sample of the
enumerations, and what gets past that by all of them. {equivalent} more are left
out because they change nothing that anybody can see; `tests/mutants/equivalent.py` says why of each.{survivors}

| planted fault | law | why it matters | caught by |
|---|---|---|---|
{rows}
"""


def prove(ask: Ask) -> Section:
    """Full: every planted fault and a seeded draw of the generated ones. Quick: a handful of each."""
    result = _ran(ask)
    return Section(TITLE, _text(result), _numbers(result), result.failures)


def _ran(ask: Ask) -> Result:
    """In a process of its own: it forks, and it makes its process forget our modules."""
    kept = ask.folder / "result.pickle"
    share = _QUICK_SHARE if ask.quick else _FULL_SHARE
    names = [part for name in QUICK for part in ("--only", name)] if ask.quick else []
    command = [sys.executable, "-m", "tests.mutants", "--seed", str(ask.seed), "--generated", str(share), *names]
    environment = {**os.environ, VARIABLE: ask.server.url("postgres").replace("+psycopg", "")}
    with subprocess.Popen(
        [*command, "--save", str(kept)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        said = []
        for line in running.stdout or ():
            said.append(line.rstrip())
            ask.say(line.rstrip())
    if not kept.exists():
        raise RuntimeError("the faults could not be planted:\n" + "\n".join(said[-20:]))
    result: Result = pickle.loads(kept.read_bytes())
    return result


def _numbers(result: Result) -> dict[str, int | float | str]:
    return {
        "planted": len(result.planted),
        "planted caught": sum(one.verdict == "caught" for _, one in result.planted),
        "generated": len(result.generated),
        "generated caught": sum(one.verdict == "caught" for one in result.generated),
        "equivalent": result.equivalent,
    }


def _text(result: Result) -> str:
    numbers = _numbers(result)
    rows = [
        f"| {fault.name} (`{fault.file}`) | {fault.law} | {fault.why} | {_by(one.failed, one.verdict)} |"
        for fault, one in result.planted
    ]
    survivors = [f"`{one.job.name}`" for one in result.generated if one.verdict == "survived"]
    return _TEXT.format(
        planted=numbers["planted"],
        caught=numbers["planted caught"],
        share=int(numbers["planted caught"]) / max(1, len(result.planted)),
        drawn=", drawn with the seed",
        generated=numbers["generated"],
        killed=numbers["generated caught"],
        rate=result.rate,
        equivalent=result.equivalent,
        survivors=f" Survived: {', '.join(survivors)}." if survivors else "",
        rows="\n".join(rows),
    )


def _by(failed: str, verdict: str) -> str:
    return f"`{failed.rpartition('::')[2] or failed}`" if verdict == "caught" else f"**{verdict}**"
