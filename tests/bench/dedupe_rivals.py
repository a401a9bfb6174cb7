"""Two usual ways to find duplicates, on the same made-up register: a weighed sum of likenesses, and Splink.

Both get our normalised fields and the first one our candidate pairs, so that only the judging differs.
``python -m tests.bench.dedupe_rivals composite|splink PREPARED.pickle`` prints JSON.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import pickle
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

from syncd.counterparties.party import Prepared
from syncd.counterparties.scan import survey
from tests.bench.figures import Cut, at_precision, best, cuts


def composite(parties: list[Prepared], truth: dict[str, str]) -> dict[str, Any]:
    """Likeness of names without legal form, of addresses, and the country, weighed."""
    from cleanco import basename
    from rapidfuzz import fuzz

    began = time.perf_counter()
    names = {one.id: " ".join(basename(one.name.raw).lower().split()) for one in parties}
    places = {one.id: f"{one.street} {one.house} {one.postal} {one.city}".strip() for one in parties}
    found = survey(parties)
    scored = []
    for at, left in enumerate(found.records):
        for other in found.candidates(at):
            right = found.records[other]
            parts = [(0.7, fuzz.token_sort_ratio(names[left.id], names[right.id]) / 100)]
            if places[left.id] and places[right.id]:
                parts.append((0.2, fuzz.token_set_ratio(places[left.id], places[right.id]) / 100))
            if left.country and right.country:
                parts.append((0.1, float(left.country == right.country)))
            score = sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)
            scored.append((round(score, 4), truth[left.id] == truth[right.id]))
    versions = f"rapidfuzz {importlib.metadata.version('rapidfuzz')}, cleanco {importlib.metadata.version('cleanco')}"
    return _told(scored, truth, time.perf_counter() - began, versions)


def splink(parties: list[Prepared], truth: dict[str, str]) -> dict[str, Any]:
    """Splink as its documentation shows it: equality blocking, EM without labels, term frequencies."""
    import duckdb
    import pyarrow as pa
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.internals.duckdb.database_api import DuckDBAPI

    logging.getLogger("splink").setLevel(logging.ERROR)
    began = time.perf_counter()
    rows = [_row(one) for one in parties]
    api = DuckDBAPI(duckdb.connect())
    table = api.register(pa.Table.from_pylist(rows), table_name="parties")
    plain = ("tin", "iban", "domain", "phone", "postal")
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.95, 0.88]).configure(term_frequency_adjustments=True),
            *(cl.ExactMatch(field).configure(term_frequency_adjustments=True) for field in plain),
            cl.JaroWinklerAtThresholds("street", [0.9]),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.ExactMatch("country"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("name"),
            block_on("tin"),
            block_on("iban"),
            block_on("domain"),
            block_on("phone"),
            block_on("postal", "substr(name, 1, 3)"),
        ],
    )
    linker = Linker(table, settings)
    linker.training.estimate_probability_two_random_records_match([block_on("tin"), block_on("iban")], recall=0.5)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("tin"), record_sample_proportion=1.0)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("name"), record_sample_proportion=1.0)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("domain"), record_sample_proportion=1.0)
    found = linker.inference.predict(threshold_match_weight=-4)
    answer = found.as_pyarrow_table().select(["match_weight", "unique_id_l", "unique_id_r"]).to_pydict()
    scored = [
        (round(weight, 3), truth[left] == truth[right])
        for weight, left, right in zip(
            answer["match_weight"], answer["unique_id_l"], answer["unique_id_r"], strict=True
        )
    ]
    versions = f"splink {importlib.metadata.version('splink')}, duckdb {importlib.metadata.version('duckdb')}"
    return _told(scored, truth, time.perf_counter() - began, versions)


def _row(one: Prepared) -> dict[str, str | None]:
    fields = {
        "name": one.name.stem, "tin": one.tin.valid, "iban": one.accounts[0] if one.accounts else "",
        "domain": one.domain, "phone": one.phone, "postal": one.postal, "street": f"{one.street} {one.house}".strip(),
        "city": one.city, "country": one.country,
    }  # fmt: skip
    return {"unique_id": one.id, **{name: text or None for name, text in fields.items()}}


def _told(scored: list[tuple[float, bool]], truth: dict[str, str], seconds: float, versions: str) -> dict[str, Any]:
    clusters: dict[str, int] = {}
    for cluster in truth.values():
        clusters[cluster] = clusters.get(cluster, 0) + 1
    positives = sum(size * (size - 1) // 2 for size in clusters.values())
    found = list(cuts(scored, positives))
    levels: dict[str, Cut | None] = {"0.99": at_precision(found, 0.99), "0.997": at_precision(found, 0.997), "f1": best(found)}  # fmt: skip
    return {
        "seconds": seconds,
        "candidates": len(scored),
        "versions": versions,
        **{name: vars(cut) if cut else None for name, cut in levels.items()},
    }


def true_pairs(truth: dict[str, str]) -> set[tuple[str, str]]:
    """All pairs of records of one company, the smaller id first."""
    clusters: dict[str, list[str]] = {}
    for record, cluster in truth.items():
        clusters.setdefault(cluster, []).append(record)
    return {pair for members in clusters.values() for pair in combinations(sorted(members), 2)}


if __name__ == "__main__":
    with Path(sys.argv[2]).open("rb") as stream:
        given = pickle.load(stream)
    print(json.dumps({"composite": composite, "splink": splink}[sys.argv[1]](*given)))
