"""Generated faults in the pure core, against its unit tests alone. A fault that changes nothing is listed with why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.forked import ROOT, Job
from tests.mutants.generate import faults

MODULES = ("reconcile", "merge", "policy", "guard", "match", "plan", "order", "canon", "model")
_QUICK = (
    "test_answers_under_way.py",
    "test_reconcile.py",
    "test_core_edges.py",
    "test_small_parts.py",
    "test_match.py",
)
_SLOW = ("test_merge_enumerated.py", "test_record_laws.py")
_FIRST = {
    "match": "test_match.py",
    "plan": "test_small_parts.py",
    "order": "test_small_parts.py",
    "canon": "test_small_parts.py",
    "guard": "test_small_parts.py",
}


@dataclass(frozen=True)
class Candidates:
    """Faults to try, and those known to change nothing."""

    jobs: tuple[Job, ...]
    equivalent: tuple[str, ...]


def candidates(share: int | None, seed: int, only: Sequence[str] = MODULES) -> Candidates:
    """All of them, or ``share`` of them drawn by the seed. A module that is not there has none."""
    jobs, equivalent = [], []
    for module in only:
        file = f"syncd/core/{module}.py"
        for one in faults((ROOT / file).read_text()):
            name = f"{module}:{one.line}:{one.column} {one.what}"
            if (module, one.what, one.count) in EQUIVALENT:
                equivalent.append(name)
            else:
                jobs.append(Job(name, file, one.source, _arguments(module), sampled=True, cpu_limit=60))
    if share is not None and share < len(jobs):
        jobs = Random(seed).sample(jobs, share)
    return Candidates(tuple(jobs), tuple(equivalent))


def thorough(job: Job) -> Job:
    """The same fault against every test of the core in full: what a sample of them let pass is not let off yet."""
    tests = sorted(path.name for path in (ROOT / "tests/unit/core").glob("test_*.py"))
    arguments = ("--noconftest", *(f"tests/unit/core/{name}" for name in tests))
    return replace(job, arguments=arguments, sampled=False, cpu_limit=240)


def _arguments(module: str) -> tuple[str, ...]:
    """The likeliest to notice first, the long ones last; without conftest, so without a database."""
    first = _FIRST.get(module)
    names = [*([first] if first else []), *(name for name in _QUICK if name != first), *_SLOW]
    files = [f"tests/unit/core/{name}" for name in names if (ROOT / "tests/unit/core" / name).exists()]
    return ("--noconftest", *files)
