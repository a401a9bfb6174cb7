"""How much of an exhaustive test runs: a spread sample in ``make test``, everything in ``make test-all``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

EVERYTHING: Final = os.environ.get("SYNCD_TEST_EVERYTHING", "") == "1"

T = TypeVar("T")


def one_in(count: int, all_of_them: Sequence[T]) -> Sequence[T]:
    """Every ``count``-th of them, the first among them; all of them where everything was asked for."""
    return all_of_them if EVERYTHING else all_of_them[::count]
