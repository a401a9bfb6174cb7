"""Histories told from a list of moves: how a failure that was found once is kept. Never random."""

from __future__ import annotations

from collections.abc import Iterable

from tests.histories import laws
from tests.histories.town import Move, Town


def told(town: Town, moves: Iterable[Move]) -> None:
    """One history from its beginning to its rest, judged after every move. Raises AssertionError."""
    town.fresh()
    for move, given in moves:
        town.do(move, **given)
        laws.always(town)
    laws.at_rest(town)
