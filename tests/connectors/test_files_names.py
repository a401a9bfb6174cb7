"""Names of files: what a pattern makes of values that nobody chose with file systems in mind."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.connectors.files.names import STEPS, Pattern, folded, is_plain, marked

NAME = Pattern("{name}")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("bill.pdf", "bill.pdf"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        (None, "_"),
        ("   ", "_"),
        (".syncd", "_syncd"),
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("a\x00b\nc\x7fd\x85e\u2028f", "a_b_c_d_e_f"),
        ("fdp\u202eexe.bill", "fdpexe.bill"),
        ("z\u0307o\u0301l\u0301c\u0301.pdf", "żóĺć.pdf"),
        ("CON.pdf", "CON_.pdf"),
        ("nul", "nul_"),
        ("bill. . ", "bill"),
        ("東京 🚀.pdf", "東京 🚀.pdf"),
        (True, "true"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12_00_00+00_00"),
    ],
)
def test_a_value_becomes_one_safe_step(value: Any, name: str) -> None:
    assert NAME.name({"name": value}) == name


def test_long_names_keep_their_ending_and_fit_with_a_mark() -> None:
    name = NAME.name({"name": "ż" * 300 + ".pdf"})
    assert name.endswith("ż.pdf")
    assert len(name.encode()) <= 180
    assert len(marked(name, "f" * 32).encode()) <= 255
    assert len(NAME.name({"name": "x." + "y" * 300}).encode()) <= 180


def test_steps_come_from_the_pattern_alone() -> None:
    pattern = Pattern("{date:%Y}/{date:%m}-{kind}/{name}")
    assert pattern.fields == ("date", "kind", "name")
    values = {"date": "2026-03-01T00:00:00+00:00", "kind": "a/b", "name": "x/y.pdf"}
    assert pattern.name(values) == "2026/03-a_b/x_y.pdf"
    assert pattern.name({"name": "x", "date": "soon"}) == "_/-/x"


def test_a_mark_stands_before_the_ending() -> None:
    assert marked("2026-03/bill.tar.gz", "ab12") == "2026-03/bill.tar-ab12.gz"
    assert marked("bill", "ab12") == "bill-ab12"
    assert marked("bill", "") == "bill"


@pytest.mark.parametrize(
    "text",
    ["", "fixed.pdf", "/{name}", "{name}/", "a//{name}", "../{name}", "./{name}", "a\\{name}", "{name!r}", "{name.x}",
     "{name[0]}", "{}", "{name", "{name:>9}", "{name:%Y/%m}", "{name}/" * STEPS + "x", "\n{name}"],
)  # fmt: skip
def test_a_pattern_of_no_use_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no name pattern.*\{month\}/\{name\}"):
        Pattern(text)


@given(st.text(), st.text())
def test_whatever_the_values_a_name_stays_below_the_folder(first: str, second: str) -> None:
    name = Pattern("{a}/{b}").name({"a": first, "b": second})
    steps = name.split("/")
    assert len(steps) == 2
    assert is_plain(name)
    assert is_plain(marked(name, "0" * 32))
    for step in steps:
        assert 0 < len(step.encode()) <= 180
        assert unicodedata.is_normalized("NFC", step)
        assert not step.endswith((".", " "))
        assert all(unicodedata.category(letter)[0] != "C" for letter in step)
    assert folded(name) == folded(unicodedata.normalize("NFD", name))
