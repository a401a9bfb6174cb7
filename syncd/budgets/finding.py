"""A fault of the rules as a person is told of it."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import NamedTuple

from syncd.budgets.model import Place


class Finding(NamedTuple):
    """Something that is wrong: where, one sentence, and what to do about it."""

    place: Place
    message: str
    hint: str


def near(name: str, known: Collection[str]) -> str:
    """What a wrong name may have been meant for."""
    found = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    if found:
        return f"did you mean {found[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "there is none at all"
