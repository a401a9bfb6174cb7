"""``make proof``: run every section, two at a time, and write docs/proof.md. Must never call a section proven that raised.

``--quick`` takes a sample of everything and writes nothing; ``--only NAME`` runs some sections and writes nothing, with
``--replace`` puts them into the page that is there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.proof import page
from tests.proof.catalogue import BUDGETS, names
from tests.proof.section import Result
from tests.proof.work import prove_all

SEED = 20261


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when everything that was asked for is proven."""
    asked = _asked(arguments)
    if asked.laws:
        page.refresh_laws()
        return 0
    if asked.replace and (asked.quick or not asked.only):
        _say("--replace goes with --only and without --quick")
        return 1
    known = names()
    chosen = asked.only or known
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        _say(f"there is no section {', '.join(unknown)}; there are {', '.join(known)}")
        return 1
    started = time.monotonic()
    results = prove_all(chosen, quick=asked.quick, seed=asked.seed, workers=asked.workers, say=_say)
    seconds = time.monotonic() - started
    for result in results:
        _tell(result, quick=asked.quick)
    proven = all(result.proven for result in results)
    if not asked.quick and not asked.only:
        page.write(results, seed=asked.seed, seconds=seconds, workers=asked.workers)
        _say(f"wrote {page.PAGE.relative_to(page.ROOT)}")
    if asked.replace:
        page.replace(results)
        _say(f"wrote {len(results)} sections anew into {page.PAGE.relative_to(page.ROOT)}")
    _say(f"{'proven' if proven else 'NOT proven'}: {len(results)} sections in {seconds:.0f} s, seed {asked.seed}")
    return 0 if proven else 1


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sample of every section; writes nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="this section only; may be given again")
    parser.add_argument("--replace", action="store_true", help="put the sections of --only anew into the page")
    parser.add_argument("--laws", action="store_true", help="only write the laws anew into the page")
    parser.add_argument("--seed", type=int, default=SEED, help=f"decides every sample and every fault ({SEED})")
    parser.add_argument("--workers", type=int, default=2, choices=range(1, 9), help="sections at a time (2)")
    return parser.parse_args(arguments)


def _tell(result: Result, *, quick: bool) -> None:
    """A section's end: its numbers, and every failure with how to see it again."""
    verdict = "proven" if result.proven else "NOT PROVEN"
    _say(f"\n== {result.name}: {verdict} in {result.seconds:.0f} s")
    if result.section is not None:
        for name, value in result.section.numbers.items():
            _say(f"   {name}: {value}")
    for failure in result.failures:
        _say(f"   FAILED: {failure}")
    budget = BUDGETS.get(result.name)
    if budget is not None and result.seconds > budget.seconds(quick=quick):
        _say(f"   took longer than its {budget.seconds(quick=quick)} s on this machine")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
