"""``python -m tests.mutants``: all planted and generated faults, with the kill rates. Exit code 1 when one survives."""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
from pathlib import Path

from tests.mutants.campaign import campaign
from tests.support.postgres import running_server


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", action="append", metavar="NAME", help="a planted fault by its name; may be repeated")
    parser.add_argument("--planted", action="store_true", help="no generated faults")
    parser.add_argument("--generated", type=int, metavar="N", help="this many generated faults, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the result for the proof")
    given = parser.parse_args()
    share = 0 if given.planted else given.generated
    with tempfile.TemporaryDirectory(prefix="syncd-mutants-") as folder, running_server() as server:
        result = campaign(Path(folder), server, given.only, share, given.seed, lambda text: print(text, flush=True))
    if given.save is not None:
        given.save.write_bytes(pickle.dumps(result))
    caught = sum(one.verdict == "caught" for _, one in result.planted)
    print(f"planted by hand: {caught} of {len(result.planted)} caught")
    if result.generated:
        killed = sum(one.verdict == "caught" for one in result.generated)
        print(f"generated: {killed} of {len(result.generated)} caught ({result.rate:.1%})", end="")
        print(f"; {result.equivalent} more change nothing (tests/mutants/equivalent.py says why)")
    for failure in result.failures:
        print(f"FAILED {failure}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
