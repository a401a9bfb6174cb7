"""Records that an ERP keeps although people merged them, and the pointer to where they went. Writes to no peer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.ports import Record


def successor_of(ctx: Context, record: Record) -> str | None:
    """The key of the record into which the ERP says this one went."""
    if ctx.successor is None:
        return None
    value: Any = record.raw.get(ctx.successor)
    if value is None or isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if text and text != record.key else None


def without_merged(ctx: Context, records: Iterable[Record]) -> list[Record]:
    """The records of a page but those that went into another one and have no link: they are nobody's partner."""
    listed = list(records)
    merged = {one.key: into for one in listed if (into := successor_of(ctx, one)) is not None}
    if not merged:
        return listed
    ctx.successors.update(merged)
    linked = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, list(merged))
    return [one for one in listed if one.key not in merged or one.key in linked]
