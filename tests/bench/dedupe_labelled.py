"""Labelled pairs that somebody keeps in a folder: how the offline command bands and ranks them, set by set."""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.figures import at_precision, best, cuts, wilson
from tests.bench.watching import run

HEAD = ["set", "pairs (+/-)", "auto: false / precision / recall", "review precision", "auto + review recall", "ranking: recall at P >= 0.99", "ranking: best F1"]  # fmt: skip


def labelled(folder: Path, tiers: str, root: Path) -> list[list[str]]:
    """One row for each set of a folder with ``records.csv`` and ``pairs.csv``."""
    with TemporaryDirectory(prefix="syncd-bench-") as name:
        out = Path(name) / "out.csv"
        records, pairs = folder / "records.csv", folder / "pairs.csv"
        run([sys.executable, "-m", "syncd.cli", "dedupe", "score", str(records), "--pairs", str(pairs), "-o", str(out), "--tiers", tiers], root)  # fmt: skip
        with out.open(encoding="utf-8", newline="") as stream:
            decided = {frozenset((row["left_id"], row["right_id"])): row for row in csv.DictReader(stream)}
    sets: defaultdict[str, list[tuple[bool, str, float]]] = defaultdict(list)
    with pairs.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found = decided.get(frozenset((row["left_id"], row["right_id"])))
            band, score = (found["band"], float(found["score"])) if found else ("no", float("-inf"))
            sets[row["set"]].append((row["label"] == "1", band, score))
    return [_row(name, sets[name]) for name in sorted(sets)]


def _row(name: str, pairs: list[tuple[bool, str, float]]) -> list[str]:
    positives = sum(label for label, _, _ in pairs)
    bands = Counter((band, label) for label, band, _ in pairs)
    merged, wrong = bands["auto", True], bands["auto", False]
    asked = bands["review", True] + bands["review", False]
    found = list(cuts([(score, label) for label, _, score in pairs], positives))
    precise = at_precision(found, 0.99)
    auto = "none"
    if every := merged + wrong:
        auto = f"{wrong} / {merged / every:.4f} (low {wilson(merged, every):.4f}) / {merged / positives:.3f}"
    return [
        name,
        f"{positives} / {len(pairs) - positives}",
        auto,
        f"{bands['review', True] / asked:.3f}" if asked else "none",
        f"{(merged + bands['review', True]) / positives:.3f}",
        f"{precise.recall:.3f}" if precise else "none",
        f"{best(found).f1:.3f}",
    ]
