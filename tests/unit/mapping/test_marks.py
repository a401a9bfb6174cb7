"""Marks in free texts: what people wrote stays as it is, and the key comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.marks import marked, unmarked


@given(st.text(min_size=1), st.text())
def test_text_and_key_come_back(text: str, key: str) -> None:
    assert unmarked(marked(text, key)) == (text, key)


@given(st.text())
def test_a_mark_alone_is_no_text(key: str) -> None:
    assert unmarked(marked(None, key)) == (None, key)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Paper", ("Paper", None)),
        ("Paper [syncd:PST-1001]", ("Paper", "PST-1001")),
        ("Paper [syncd:PST-1001] checked by Ola", ("Paper checked by Ola", "PST-1001")),
        ("[syncd:4100:2026]", (None, "4100:2026")),
        ("[syncd:a b]", ("[syncd:a b]", None)),
    ],
)
def test_people_may_write_around_it(text: str, read: tuple[str | None, str | None]) -> None:
    assert unmarked(text) == read


def test_a_key_cannot_end_its_mark_early() -> None:
    assert marked("x", "a] [b") == "x [syncd:a%5D%20%5Bb]"
