"""A plan: the operations a run would carry out, each with its reason, fields before and after, and preconditions.

A plan is data. The engine makes one, the guard judges it, a person may save and read it, and only then is it applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from syncd.core.canon import digest, document_from_json, document_to_json, from_json, to_json
from syncd.core.guard import Blast
from syncd.core.model import ABSENT, Absent, Document, MaybeValue, Side
from syncd.core.reconcile import Change

FORMAT = 1

REPLACED: Final = "replaced: its address at Flowtly changes"
"""The detail of a change that is carried out by deleting the record and making it anew."""


class Kind(StrEnum):
    """What an item does. ``agree`` changes only our own memory; ``ask`` opens a question; ``report`` does nothing.

    ``delete``, ``mark`` (set fields) and ``unlink`` follow a record that is proven gone on the other side.
    """

    LINK = "link"
    CREATE = "create"
    PATCH = "patch"
    AGREE = "agree"
    ASK = "ask"
    REPORT = "report"
    DELETE = "delete"
    MARK = "mark"
    UNLINK = "unlink"


@dataclass(frozen=True, slots=True)
class Item:
    """One operation. ``side`` is where it writes (create, patch); ``digests`` are the readings it was decided on.

    ``waits_for`` names a reference without a link when the plan was made: until that is linked, applying a create does
    nothing and applying a patch leaves out the fields that refer to it.
    """

    kind: Kind
    external_key: str | None
    flowtly_key: str | None
    reason: str
    side: Side | None = None
    changes: tuple[Change, ...] = ()
    document: Document | None = None
    digests: Mapping[Side, bytes] | None = None
    field: str = "*"
    detail: str = ""
    waits_for: str | None = None

    def key(self, side: Side) -> str | None:
        """The record's key on one side."""
        return self.external_key if side is Side.EXTERNAL else self.flowtly_key

    @property
    def fingerprint(self) -> str:
        """The same for the same operation on the same readings: what a saved plan is compared by."""
        return digest({name: data for name, data in item_to_json(self).items() if name != "waits_for"}).hex()


@dataclass(frozen=True, slots=True)
class Plan:
    """All items of one mapping in the order they are applied."""

    mapping: str
    fingerprint: str
    items: tuple[Item, ...]
    linked: int
    approved: bool
    missing: Mapping[Side, int]

    @property
    def blast(self) -> Blast:
        """What the plan would touch at the peers."""
        creates = dict.fromkeys(Side, 0)
        changes = dict.fromkeys(Side, 0)
        overwrites = dict.fromkeys(Side, 0)
        for item in self.items:
            if item.side is not None and item.kind is Kind.CREATE:
                creates[item.side] += 1
            elif item.side is not None and item.kind is Kind.PATCH:
                changes[item.side] += 1
                overwrites[item.side] += any(change.before is not None for change in item.changes)
        return Blast(creates, changes, overwrites, self.linked)

    @property
    def waiting(self) -> int:
        """How many items do nothing before something else is linked."""
        return sum(1 for item in self.items if item.waits_for is not None)

    def count(self, kind: Kind, side: Side | None = None) -> int:
        """How many items of a kind, on one side if given."""
        return sum(1 for item in self.items if item.kind is kind and (side is None or item.side is side))

    @property
    def pending(self) -> bool:
        """True when applying it would change a peer, a link, or open a question."""
        return any(item.kind is not Kind.REPORT for item in self.items)


def maybe_to_json(value: MaybeValue) -> Any:
    """A value or ABSENT as JSON data."""
    return {"$absent": True} if isinstance(value, Absent) else to_json(value)


def maybe_from_json(data: Any) -> MaybeValue:
    """The inverse of ``maybe_to_json``."""
    return ABSENT if data == {"$absent": True} else from_json(data)


def item_to_json(item: Item) -> dict[str, Any]:
    """One item as JSON data."""
    return {
        "kind": item.kind,
        "side": item.side,
        "external_key": item.external_key,
        "flowtly_key": item.flowtly_key,
        "reason": item.reason,
        "field": item.field,
        "detail": item.detail,
        "waits_for": item.waits_for,
        "changes": [
            {
                "field": change.field,
                "before": maybe_to_json(change.before),
                "after": to_json(change.after),
                "rule": change.rule,
                "overwrites_edit": change.overwrites_edit,
            }
            for change in item.changes
        ],
        "document": None if item.document is None else document_to_json(item.document),
        "digests": {side: value.hex() for side, value in (item.digests or {}).items()},
    }


def item_from_json(data: Mapping[str, Any]) -> Item:
    """The inverse of ``item_to_json``. Raises KeyError or ValueError for data it never wrote."""
    return Item(
        kind=Kind(data["kind"]),
        external_key=data["external_key"],
        flowtly_key=data["flowtly_key"],
        reason=data["reason"],
        side=None if data["side"] is None else Side(data["side"]),
        changes=tuple(
            Change(
                change["field"],
                maybe_from_json(change["before"]),
                from_json(change["after"]),
                change["rule"],
                change["overwrites_edit"],
            )
            for change in data["changes"]
        ),
        document=None if data["document"] is None else document_from_json(data["document"]),
        digests={Side(side): bytes.fromhex(text) for side, text in data["digests"].items()},
        field=data["field"],
        detail=data["detail"],
        waits_for=data.get("waits_for"),
    )
