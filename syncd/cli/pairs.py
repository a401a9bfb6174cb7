"""``conflicts resolve --link``: two records that a person says are one. Takes none that the question is not about."""

from __future__ import annotations

from syncd.cli.answering import usage
from syncd.core.model import Side
from syncd.engine.following import MERGED
from syncd.engine.whoiswho import LINK_ANSWER, PAIR_MARK
from syncd.ports import ConflictRow
from syncd.wiring import App


def pair(app: App, row: ConflictRow, text: str) -> str:
    """The answer that two records are one, as the store keeps it. Raises ConfigError."""
    external, mark, flowtly = text.partition("=")
    if not mark:
        raise usage("--link wants EXTERNAL_KEY=FLOWTLY_KEY")
    if row.kind == MERGED:
        return _went(app, row, external, flowtly)
    linked = app.store.links_by_key(row.mapping, Side.FLOWTLY, [flowtly])
    beside = flowtly in linked and any(linked[flowtly].key(side) in row.named(side) for side in Side)
    for side, key in ((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)):
        if not (beside and side is Side.FLOWTLY) and app.store.observation(row.mapping, side, key) is None:
            raise usage(f"{side} has no record {key!r} that waits for a link")
    return f"{LINK_ANSWER}{external}{PAIR_MARK}{flowtly}"


def _went(app: App, row: ConflictRow, external: str, flowtly: str) -> str:
    """The answer that one of the records that a question about a merge names is the survivor."""
    beside = external in row.named(Side.EXTERNAL) and flowtly in row.named(Side.FLOWTLY)
    if not beside or (external == row.external_key) == (flowtly == row.flowtly_key):
        raise usage(
            f"conflict {row.id} asks where {row.external_key} = {row.flowtly_key} went",
            "name that external key with the Flowtly record it is now, or that Flowtly record with the external one",
        )
    if external != row.external_key and app.store.partners(row.mapping, Side.EXTERNAL, [external]):
        raise usage(f"{external} is linked already", "merge the two Flowtly records in Flowtly; syncd follows")
    return f"{LINK_ANSWER}{external}{PAIR_MARK}{flowtly}"
