"""The made-up register that the search for duplicates is measured on, and the search itself on a small one."""

from collections import Counter
from pathlib import Path

from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.scan import decisions, survey
from tests.bench import parties
from tests.bench.dedupe_own import party
from tests.bench.figures import Cut, at_precision, best, cuts, wilson

COMPANIES = 400


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        parties.write(tmp_path / name, 60, seed)
    for file in ("records.csv", "pairs.csv"):
        first, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert first == again
        assert first != other


def test_the_register_has_what_people_mistake_for_one_company() -> None:
    rows = list(parties.register(1500, 5))
    assert {"single", "parent", "vatgroup", "homonym", "gmina", "unit", "franchise", "city", "number", "form"} <= {
        one.role for _, one in rows
    }
    records = Counter(one.cluster for _, one in rows)
    assert 0.4 < sum(count == 1 for count in records.values()) / len(records) < 0.6
    assert max(records.values()) == 6


def test_most_numbers_are_valid_and_some_are_not() -> None:
    prepared = [prepare(party(row)) for row, _ in parties.register(COMPANIES, 5)]
    with_tin = [one for one in prepared if one.tin.raw]
    valid = sum(bool(one.tin.valid) for one in with_tin) / len(with_tin)
    assert 0.9 < valid < 1
    assert any(one.tin.problem for one in with_tin)
    assert sum(bool(one.accounts) for one in prepared) > COMPANIES / 4


def test_the_default_tiers_merge_no_two_companies() -> None:
    rows = list(parties.register(COMPANIES, 5))
    truth = {row["rec_id"]: one.cluster for row, one in rows}
    found = list(decisions(survey(prepare(party(row)) for row, _ in rows), tiers=frozenset({"T1", "T2", "T2b"})))
    merged = [one for one in found if one.band is Band.AUTO]
    assert len(merged) > COMPANIES / 10
    assert [one.why for one in merged if truth[one.left] != truth[one.right]] == []
    asked = [truth[one.left] == truth[one.right] for one in found if one.band is Band.REVIEW]
    assert sum(asked) / len(asked) > 0.7


def test_the_figures() -> None:
    found = list(cuts([(3.0, True), (2.0, True), (2.0, False), (1.0, True)], positives=4))
    assert found == [Cut(3.0, 1.0, 0.25), Cut(2.0, 2 / 3, 0.5), Cut(1.0, 0.75, 0.75)]
    assert at_precision(found, 0.99) == found[0]
    assert at_precision(found, 1.01) is None
    assert best(found) == found[2]
    assert round(wilson(10511, 10517), 4) == 0.9988
    assert wilson(0, 0) == 0.0
