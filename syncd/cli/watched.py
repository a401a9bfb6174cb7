"""What ``status`` says of lists that Flowtly itself makes: transactions on no budget, transactions with problems.

The watches know it: a list that nobody watches is not counted, and nothing is asked of a peer for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.markup import escape

from syncd.core.model import Side
from syncd.wiring import App

_LISTS: Final = {
    "transactions-unassigned": "transactions on no budget",
    "transactions-with-problems": "transactions with problems",
}
"""Flowtly's own lists, and what is on them in words."""


def lists_of(app: App) -> list[dict[str, Any]]:
    """Each watched list: its resource, how many records its last complete walk saw, and when that ended."""
    rows = []
    for name, watch in app.watches.items():
        resource = watch.spec.resource
        if watch.spec.system == Side.FLOWTLY and resource in _LISTS and watch.spec.sum is None:
            walked = app.store.last_walk(name)
            rows.append(
                {
                    "watch": name,
                    "resource": resource,
                    "records": None if walked is None else app.store.watched(name),
                    "last_walk": None if walked is None else walked.isoformat(timespec="seconds"),
                }
            )
    return rows


def lines_of_lists(lists: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The same for people."""
    for row in lists:
        what = _LISTS[row["resource"]]
        if row["last_walk"] is None:
            yield f"{what}: not counted yet (watch {escape(row['watch'])})"
        else:
            yield f"{what}: {row['records']} (as of {row['last_walk']})"
