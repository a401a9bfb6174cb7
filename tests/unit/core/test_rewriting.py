"""What a peer makes of values, learned from samples; nothing is learned from too few, or against one of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.rewriting import habit


@pytest.mark.parametrize(
    ("samples", "words", "lens"),
    [
        ([("dk1", "DK1"), ("dk2", "DK2")], "upper-cases", "{case: upper}"),
        ([("DK1", "dk1"), ("Ab", "ab")], "lower-cases", "{case: lower}"),
        ([(" a", "a"), ("b ", "b")], "trims spaces at the ends", "trim"),
        ([("a  b", "a b"), (" c  d ", "c d")], "keeps single spaces only", "squeeze"),
        ([(" dk1", "DK1"), ("b ", "B")], "trims and upper-cases", "[trim, {case: upper}]"),
        ([("+45 12", "4512"), ("(33)", "33")], "keeps digits only", ""),
        ([("A-1", "A1"), ("B 2", "B2")], "keeps letters and digits only", ""),
        ([("abcdef", "abcd"), ("wxyz1", "wxyz")], "cuts after 4 characters", ""),
        ([("abc def", "abc"), ("wxyz1", "wxyz")], "cuts after 4 characters and trims", ""),
        ([("42", "0042"), ("7", "0007")], "pads with zeros to 4 characters", ""),
        ([("a", None), ("b", None)], "empties it", ""),
        (
            [(Decimal("1.005"), Decimal("1.01")), (Decimal("2.344"), Decimal("2.34"))],
            "rounds to 2 decimals",
            "{decimal: 2}",
        ),
        ([(Decimal("1.5"), Decimal(2)), (Decimal("2.4"), Decimal(2))], "rounds to 0 decimals", "{decimal: 0}"),
    ],
)
def test_a_habit_is_the_simplest_that_explains_all(samples: list[Any], words: str, lens: str) -> None:
    found = habit(samples)
    assert found is not None
    assert (found.words, found.lens) == (words, lens)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [("dk1", "DK1")],
        [("dk1", "DK1")] * 9,
        [("dk1", "DK1"), ("dk2", "dk3")],
        [(1, 2), (3, 5)],
    ],
)
def test_too_few_samples_or_one_against_it_give_no_habit(samples: list[Any]) -> None:
    assert habit(samples) is None


@pytest.mark.parametrize("lens", ["trim", "squeeze", "{case: upper}", "[trim, {case: lower}]", "{decimal: 2}"])
def test_every_suggested_lens_can_be_written_in_a_mapping(lens: str) -> None:
    from tests.unit.mapping.helpers import fields

    assert fields(f"  code: {{external: c, flowtly: c, through: {lens}}}\n").name == "clients"
