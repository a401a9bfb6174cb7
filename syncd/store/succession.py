"""A link whose external record is gone or went into another one goes on with that. Never makes a second link.

What both sides agreed on stays as it was for the side that goes on; what had not reached it yet counts as an edit.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, text

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Side, Value
from syncd.ports import Lease, LedgerEntry, OperationState
from syncd.ports.aliases import Alias
from syncd.store import aliases, ledger, links, observations, questions
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.questions import Record
from syncd.store.tables import conflict, decision, link, operation
from syncd.store.values import base_from_json, base_to_json

PROMOTED: Final = "promoted"
FOLLOWED: Final = "followed"
"""Origins of such links: their external record was not made by us, so it is deleted on a person's word only."""

_STIR: Final = text(
    """
    UPDATE observation SET
        status = 'dirty', due_at = NULL, waiting_for = NULL, problem = NULL, attempts = 0,
        digest = CASE WHEN document IS NULL THEN ''::bytea ELSE digest END
    WHERE mapping = :mapping AND side = :side AND key = :key AND status <> 'dirty'
    """
)


class Succession(Database):
    """Who takes the place of an external record."""

    def promote_alias(self, mapping: str, external_key: str, why: str, run_id: int, lease: Lease) -> bool:
        """The alias takes the place of its primary, whose record is gone: the link, its base and its other aliases."""
        with self.transaction() as connection:
            require(connection, lease)
            one = aliases.get(connection, mapping, external_key)
            row = None if one is None else _locked(connection, mapping, one.primary)
            if one is None or row is None:
                return False
            base, behind = _base(one, base_from_json(row["base"]))
            aliases.remove(connection, one)
            _forget_answers(connection, mapping, external_key)
            _retie(connection, row, external_key, base, PROMOTED, run_id, anew=behind)
            aliases.hand_over(connection, mapping, one.primary, external_key, base_from_json(row["base"]).external)
            _tell(connection, row, external_key, "promoted", why, run_id)
            return True

    def move_link(self, mapping: str, old: str, new: str, why: str, run_id: int, lease: Lease) -> bool:
        """The external record of a link went into another one, which has no link: the link follows.

        False when ``old`` is not linked any more, or ``new`` is linked, an alias, or on its way to Flowtly.
        """
        with self.transaction() as connection:
            require(connection, lease)
            row = _locked(connection, mapping, old)
            if row is None or _taken(connection, mapping, new):
                return False
            before = base_from_json(row["base"])
            base = _without_gaps(connection, mapping, new, before)
            entries = _lost(connection, row, new, before, why)
            _retie(connection, row, new, base, FOLLOWED, run_id, anew=base != before)
            aliases.hand_over(connection, mapping, old, new, before.external)
            _tell(connection, row, new, "merged", why, run_id)
            ledger.append(connection, mapping, run_id, entries)
            return True


def _locked(connection: Connection, mapping: str, external_key: str) -> RowMapping | None:
    wanted = select(link).where(link.c.mapping == mapping, link.c.external_key == external_key)
    return connection.execute(wanted.with_for_update()).mappings().one_or_none()


def _taken(connection: Connection, mapping: str, key: str) -> bool:
    making = select(operation.c.id).where(
        operation.c.mapping == mapping,
        operation.c.kind.in_(["create", "replace"]),
        operation.c.side == Side.FLOWTLY.value,
        operation.c.source_key == key,
        operation.c.state.in_([one.value for one in OperationState if one.open]),
    )
    return (
        _locked(connection, mapping, key) is not None
        or aliases.get(connection, mapping, key) is not None
        or connection.execute(making).first() is not None
    )


def _base(one: Alias, before: Base) -> tuple[Base, bool]:
    """The base of the link with the alias in it, and whether something had not been carried to the alias yet.

    Such a field is an edit of Flowtly's, as far as the alias is concerned.
    """
    behind = [name for name in one.base if not same(one.told.get(name, ABSENT), before.external.get(name, ABSENT))]
    flowtly: dict[str, Value] = {**before.flowtly}
    for name in behind:
        flowtly.pop(name, None)
        if name in one.told:
            flowtly[name] = one.told[name]
    return Base(one.base, flowtly), bool(behind)


def _without_gaps(connection: Connection, mapping: str, new: str, before: Base) -> Base:
    """The base without the fields that the record which goes on has empty: nobody emptied them, so they are filled."""
    seen = observations.read(connection, mapping, Side.EXTERNAL, [new]).get(new)
    has = {} if seen is None or seen.document is None else seen.document
    gaps = {name for name, value in before.external.items() if value is not None and has.get(name, value) is None}
    return Base(*({name: one for name, one in before.of(side).items() if name not in gaps} for side in Side))


def _retie(
    connection: Connection, row: RowMapping, new: str, base: Base, origin: str, run_id: int, *, anew: bool
) -> None:
    """A digest of no bytes: the side is read anew, and what differs from the base is its edit."""
    mapping, old, flowtly = row["mapping"], row["external_key"], row["flowtly_key"]
    questions.close_record(connection, mapping, Record(old, flowtly), f"{origin}: {new}", None)
    questions.close_record(connection, mapping, Record(new, None), f"{origin}: {new}", None)
    values: dict[str, Any] = {
        "external_key": new,
        "base": base_to_json(base),
        "external_digest": b"",
        "origin": origin,
        "updated_run": run_id,
        "updated_at": func.now(),
    }
    if anew:
        values["flowtly_digest"] = b""
    connection.execute(link.update().where(link.c.id == row["id"]).values(values))
    links.forget_absence(connection, mapping, Side.EXTERNAL, old)
    observations.withdraw(connection, mapping, Side.EXTERNAL, [old])
    kept = decision.update().where(decision.c.mapping == mapping, decision.c.external_key == old)
    connection.execute(kept.values(external_key=new))
    for side, key in ((Side.EXTERNAL, new), (Side.FLOWTLY, flowtly)):
        connection.execute(_STIR, {"mapping": mapping, "side": side.value, "key": key})


def _forget_answers(connection: Connection, mapping: str, key: str) -> None:
    """What a person said of it as an alias is not about its new place."""
    of_alias = select(conflict.c.id).where(conflict.c.kind == "alias", conflict.c.mapping == mapping)
    mine = decision.c.mapping == mapping, decision.c.external_key == key, decision.c.conflict_id.in_(of_alias)
    connection.execute(decision.delete().where(*mine))


def _lost(connection: Connection, row: RowMapping, new: str, base: Base, why: str) -> list[LedgerEntry]:
    """Edits of the record that went away which the one that stays does not have."""
    both = observations.read(connection, row["mapping"], Side.EXTERNAL, [row["external_key"], new])
    seen, stays = both.get(row["external_key"]), both.get(new)
    if seen is None or seen.document is None:
        return []
    has = {} if stays is None or stays.document is None else stays.document
    return [
        LedgerEntry("overwritten", new, row["flowtly_key"], Side.EXTERNAL, name, value, has.get(name, ABSENT), why)
        for name, value in sorted(seen.document.items())
        if not same(value, base.external.get(name, ABSENT)) and not same(value, has.get(name, ABSENT))
    ]


def _tell(connection: Connection, row: RowMapping, new: str, event: str, why: str, run_id: int) -> None:
    keys = new, row["flowtly_key"]
    entry = LedgerEntry(event, *keys, Side.EXTERNAL, before=row["external_key"], after=new, rule=why)
    ledger.append(connection, row["mapping"], run_id, [entry])
