"""All faults planted by hand, and the healthy run without which "caught" would mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.mutants.fault import Fault, arguments
from tests.mutants.forked import Job
from tests.mutants.planted_allocations import ALLOCATIONS
from tests.mutants.planted_core import CORE
from tests.mutants.planted_engine import ENGINE
from tests.mutants.planted_links import LINKS
from tests.mutants.planted_merges import MERGES
from tests.mutants.planted_removals import REMOVALS
from tests.mutants.planted_store import STORE

PLANTED: Final = (*CORE, *ENGINE, *STORE, *REMOVALS, *MERGES, *LINKS, *ALLOCATIONS)
QUICK: Final = (
    "unread is taken for gone",
    "ask decides by itself",
    "the fence is dropped where is settled",
    "empty is taken for all gone",
)


def healthy(faults: Sequence[Fault]) -> list[Job]:
    """The same tests without any fault, a few at a time: each of them has to pass."""
    tests = list(dict.fromkeys(test for fault in faults for test in fault.tests.split()))
    pure = [test for test in tests if test.startswith("tests/unit/core/")]
    others = [test for test in tests if test not in pure]
    parts = [pure[:], *(others[start : start + 8] for start in range(0, len(others), 8))]
    return [Job(f"healthy {number}", "", "", arguments(part)) for number, part in enumerate(parts) if part]


def listed(names: Sequence[str] | None = None) -> list[Fault]:
    """These faults, or all. Raises KeyError for a name that there is not."""
    by_name = {fault.name: fault for fault in PLANTED}
    return list(PLANTED) if names is None else [by_name[name] for name in names]
