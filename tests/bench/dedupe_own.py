"""Our own matcher inside one process: preparation, blocking, one changed record. ``... PREPARE|BLOCK FOLDER`` prints JSON.

What a person waits for, ``syncd dedupe scan --records``, is measured from outside by :mod:`tests.bench.dedupe`.
"""

from __future__ import annotations

import csv
import json
import pickle
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from syncd.counterparties import blocking
from syncd.counterparties.census import count
from syncd.counterparties.decide import decide
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party, Prepared
from syncd.counterparties.scan import survey
from tests.bench.dedupe_rivals import true_pairs

_CHANGES = 300


def party(row: dict[str, str]) -> Party:
    """A row of a records file."""
    return Party(
        row["rec_id"], row["name"], tuple(filter(None, row["alt_names"].split("|"))), row["tin"], row["country"],
        (row["iban"],) if row["iban"] else (), row["street"], row["postal"], row["city"], row["website"], row["email"],
        row["phone"], row["regno"],
    )  # fmt: skip


def prepared(folder: Path) -> dict[str, Any]:
    """Prepare every record and leave them for the others."""
    with (folder / "records.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    began = time.perf_counter()
    made = [prepare(party(row)) for row in rows]
    seconds = time.perf_counter() - began
    with (folder / "prepared.pickle").open("wb") as out:
        pickle.dump((made, {row["rec_id"]: row["cluster_id"] for row in rows}), out)
    return {"records": len(made), "seconds": seconds}


def blocked(folder: Path) -> dict[str, Any]:
    """Which true pairs the blocks bring together, how many candidates that takes, and one changed record."""
    with (folder / "prepared.pickle").open("rb") as stream:
        parties, truth = pickle.load(stream)
    wanted = true_pairs(truth)
    began = time.perf_counter()
    found = survey(parties)
    candidates = hits = 0
    alone: Counter[str] = Counter()
    for at, one in enumerate(found.records):
        for other, kinds in found.candidates(at).items():
            candidates += 1
            if (one.id, found.records[other].id) in wanted:
                hits += 1
                if len(kinds) == 1:
                    alone[kinds[0]] += 1
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "recall": hits / len(wanted),
        "pairs": len(wanted),
        "candidates": candidates / len(parties),
        "skipped": len(found.skipped),
        "alone": dict(alone.most_common()),
        **_changed(parties),
    }


def _changed(parties: list[Prepared]) -> dict[str, float]:
    """Milliseconds to decide one changed record anew, its keys looked up among all."""
    census = count(parties)
    index: dict[blocking.BlockKey, list[Prepared]] = {}
    for one in parties:
        for key in blocking.keys(one, census):
            index.setdefault(key, []).append(one)
    took = []
    rng = Random(1)
    for one in rng.sample(parties, min(_CHANGES, len(parties))):
        began = time.perf_counter()
        changed = replace(one, house=one.house + "a")
        near: dict[str, Prepared] = {}
        for key in blocking.keys(changed, census):
            members = index.get(key, [])
            if len(members) <= blocking.CAP:
                near |= {other.id: other for other in members}
        near.pop(one.id, None)
        for other in near.values():
            decide(changed, other, census)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return {"changed_ms": median(took), "changed_ms_p99": took[int(len(took) * 0.99)]}


if __name__ == "__main__":
    print(json.dumps({"prepare": prepared, "block": blocked}[sys.argv[1]](Path(sys.argv[2]))))
