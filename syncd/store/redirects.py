"""Where merged records went, and how everything of ours follows them. Must never leave a link to a record that is gone.

A link follows to the survivor, or becomes an alias where the survivor is linked already. What the loser's side was
asked, missed or waited for ends with it; an edit of it that had not flowed yet is entered and shown to a person. In
mappings that refer to these records, what they last read of Flowtly follows too: Flowtly moved its references itself,
and that is nobody's edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, RowMapping, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.core.canon import same
from syncd.core.model import ABSENT, Document, MaybeValue, Side
from syncd.errors import Stale
from syncd.ports import Lease, LedgerEntry, NewConflict, Observation, OperationState, RemovalState
from syncd.ports.aliases import Alias
from syncd.ports.merges import Followed, Redirect, Referring
from syncd.store import aliases, ledger, links, observations, operations, questions, removals
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.merge_tables import redirect
from syncd.store.parties import let_go
from syncd.store.party_tables import party, party_case
from syncd.store.questions import Record
from syncd.store.succession import FOLLOWED
from syncd.store.tables import link, operation, removal
from syncd.store.values import base_from_json

FLOWTLY: Final = "flowtly"

_LAST: Final = text(
    """
    WITH RECURSIVE way AS (
        SELECT r.*, 1 AS step, ARRAY[r.loser] AS seen FROM redirect r
        WHERE r.system = :system AND r.resource = :resource AND r.loser = :key
        UNION ALL
        SELECT r.*, way.step + 1, way.seen || r.loser FROM redirect r
        JOIN way ON r.system = way.system AND r.resource = way.resource AND r.loser = way.survivor
        WHERE r.loser <> ALL(way.seen)
    )
    SELECT * FROM way ORDER BY step DESC LIMIT 1
    """
)

# Whatever held it back was about another partner. Without a document it has to be mapped anew.
_STIR: Final = text(
    """
    UPDATE observation SET
        status = 'dirty', due_at = NULL, waiting_for = NULL, problem = NULL, attempts = 0,
        digest = CASE WHEN document IS NULL THEN ''::bytea ELSE digest END
    WHERE mapping = :mapping AND side = :side AND key = :key AND status <> 'dirty'
    """
)

_REBASE: Final = text(
    """
    UPDATE link SET base = jsonb_set(base, CAST(:path AS text[]), to_jsonb(CAST(:primary AS text)), false)
    WHERE mapping = :mapping AND base #>> CAST(:path AS text[]) = :external_key
    """
)

_REREAD: Final = text(
    """
    UPDATE observation
    SET document = jsonb_set(document, CAST(:path AS text[]), to_jsonb(CAST(:primary AS text)), false)
    WHERE mapping = :mapping AND side = 'flowtly' AND document #>> CAST(:path AS text[]) = :external_key
    """
)


class Redirects(Database):
    """Where records went."""

    def follow(self, redirect: Redirect, lease: Lease, referring: Sequence[Referring] = ()) -> list[Followed]:
        """A merge that people made: store where the loser went, and let its links in the mapping of the lease follow.

        Other mappings let theirs follow in their own runs, with the same redirect: storing it again changes nothing.
        Raises LeaseLost, and Stale when the loser is known to have gone elsewhere.
        """
        with self.transaction() as connection:
            require(connection, lease)
            keep(connection, redirect)
            return follow_links(connection, redirect, [lease.name], referring)

    def redirect(self, system: str, resource: str, key: str) -> Redirect | None:
        """Where a record went, over several merges to the last survivor."""
        with self.transaction() as connection:
            return last(connection, system, resource, key)


def keep(connection: Connection, one: Redirect) -> None:
    """Store a redirect; the same one again changes nothing. Raises Stale for a way that contradicts what is known."""
    ahead = last(connection, one.system, one.resource, one.survivor)
    if ahead is not None and ahead.survivor == one.loser:
        raise Stale(f"{one.survivor} went to {one.loser}, not the other way round")
    row = {
        "system": one.system,
        "resource": one.resource,
        "loser": one.loser,
        "survivor": one.survivor,
        "by": one.by,
        "at": one.at,
        "evidence": dict(one.evidence),
        "merge": one.merge,
    }
    made = insert(redirect).values(row).on_conflict_do_nothing().returning(redirect.c.loser)
    if connection.execute(made).first() is None:
        known = last(connection, one.system, one.resource, one.loser)
        wanted = one.survivor if ahead is None else ahead.survivor
        if known is None or known.survivor != wanted:
            where = "elsewhere" if known is None else f"to {known.survivor}"
            raise Stale(f"{one.loser} is known to have gone {where}, not to {wanted}")


def last(connection: Connection, system: str, resource: str, key: str) -> Redirect | None:
    """Where a record went, over several merges to the last survivor; the rest is of its last step."""
    asked = {"system": system, "resource": resource, "key": key}
    row = connection.execute(_LAST, asked).mappings().one_or_none()
    if row is None:
        return None
    return Redirect(system, resource, key, row["survivor"], row["by"], row["at"], row["evidence"], row["merge"])


def follow_links(
    connection: Connection, one: Redirect, mappings: Sequence[str], referring: Sequence[Referring]
) -> list[Followed]:
    """Let every link of the loser in these mappings follow, and its cases end. Links follow at Flowtly only."""
    if one.system != FLOWTLY:
        return []
    end = last(connection, one.system, one.resource, one.loser)
    survivor = one.survivor if end is None else end.survivor
    _end_cases(connection, one.loser, survivor)
    followed = []
    for row in _links_of(connection, one.loser, mappings):
        move = _Move(connection, row, survivor, one)
        followed.append(move.follow())
        for each in referring:
            if each.parent == row["mapping"] and followed[-1].primary is not None:
                _rebase(connection, each, row["external_key"], followed[-1].primary)
    return followed


def _links_of(connection: Connection, loser: str, mappings: Sequence[str]) -> list[RowMapping]:
    wanted = select(link).where(link.c.flowtly_key == loser, link.c.mapping == func.any(list(mappings)))
    return list(connection.execute(wanted.order_by(link.c.mapping).with_for_update()).mappings())


def _end_cases(connection: Connection, loser: str, survivor: str) -> None:
    """In every directory that knows it: it is compared with nothing any more, and its cases are over."""
    about = or_(party_case.c.left_key == loser, party_case.c.right_key == loser)
    asked, stored = select(party_case.c.directory).where(about), select(party.c.directory).where(party.c.key == loser)
    for directory in connection.execute(asked.union(stored)).scalars().all():
        let_go(connection, directory, [loser], survivor)


def _rebase(connection: Connection, field: Referring, external_key: str, primary: str) -> None:
    """References to the loser lead to the survivor now, which reads as the primary: agreed, so that nothing flows.

    Of a record that was read before the merge and waits with an edit, the rest alone is one.
    """
    given = {"mapping": field.mapping, "external_key": external_key, "primary": primary}
    connection.execute(_REBASE, {**given, "path": [Side.FLOWTLY.value, field.field]})
    connection.execute(_REREAD, {**given, "path": [field.field]})


class _Move:
    """One link of the loser on its way to the survivor."""

    def __init__(self, connection: Connection, row: RowMapping, survivor: str, redirect: Redirect) -> None:
        self.connection, self.row, self.survivor, self.redirect = connection, row, survivor, redirect
        self.mapping, self.external, self.loser = row["mapping"], row["external_key"], row["flowtly_key"]
        self.rule = f"{self.loser} was merged into {survivor} by {redirect.by}"

    def follow(self) -> Followed:
        """Tie it to the survivor, or make it an alias there; end what was pending about the loser."""
        before = self._pending(Side.FLOWTLY, self.loser)
        kept = self._survivors_link()
        lost = list(self._lost(before, kept))
        self._end()
        primary = None if kept is None else kept["external_key"]
        if kept is None:
            self._tie()
        else:
            self._alias(kept)
        for side, key in ((Side.EXTERNAL, self.external), (Side.FLOWTLY, self.survivor)):
            self.connection.execute(_STIR, {"mapping": self.mapping, "side": side.value, "key": key})
        self._tell(before, lost)
        fields = tuple(sorted(name for name, _, _ in lost))
        return Followed(self.mapping, self.external, self.survivor, primary is not None, primary, fields)

    def _survivors_link(self) -> RowMapping | None:
        wanted = select(link).where(link.c.mapping == self.mapping, link.c.flowtly_key == self.survivor)
        return self.connection.execute(wanted.with_for_update()).mappings().one_or_none()

    def _pending(self, side: Side, key: str) -> Observation | None:
        return observations.read(self.connection, self.mapping, side, [key]).get(key)

    def _end(self) -> None:
        """What was asked, missed, proven or promised about the loser is about nobody any more."""
        connection, mapping = self.connection, self.mapping
        questions.close_record(connection, mapping, Record(self.external, self.loser), self.rule, None)
        links.forget_absence(connection, mapping, Side.FLOWTLY, self.loser)
        links.forget_absence(connection, mapping, Side.FLOWTLY, self.survivor)
        observations.withdraw(connection, mapping, Side.FLOWTLY, [self.loser])
        self._withdraw_removals(self.loser)
        # A create keeps its intent: what it made is looked for by recovery, whatever became of its source. So does a
        # replacement, which becomes one.
        aimed = select(operation.c.id).where(
            operation.c.mapping == mapping,
            operation.c.kind.not_in(["create", "replace"]),
            operation.c.state.in_([one.value for one in OperationState if one.open]),
            or_(operation.c.target_key == self.loser, operation.c.source_key == self.loser),
        )
        dropped = [(id_, OperationState.DROPPED, self.rule) for id_ in connection.execute(aimed).scalars()]
        operations.end(connection, mapping, dropped)

    def _withdraw_removals(self, flowtly_key: str) -> None:
        open_removals = select(removal.c.id).where(
            removal.c.mapping == self.mapping,
            removal.c.flowtly_key == flowtly_key,
            removal.c.state.in_([one.value for one in RemovalState if one.open]),
        )
        over = [(id_, RemovalState.WITHDRAWN, self.rule) for id_ in self.connection.execute(open_removals).scalars()]
        removals.finish(self.connection, self.mapping, over)

    def _tie(self) -> None:
        """A digest of no bytes: the survivor is read anew, and what differs from the base is taken for its edit."""
        mine = link.c.id == self.row["id"]
        # The survivor is not a record that we made, whatever the loser was: it is deleted on a person's word only.
        anew = {"flowtly_key": self.survivor, "flowtly_digest": b"", "origin": FOLLOWED}
        moved = {**anew, "updated_at": func.now()}
        self.connection.execute(link.update().where(mine).values(moved))

    def _alias(self, kept: RowMapping) -> None:
        """The survivor has its partner: this record is another one of the same, and was told what it agreed on itself.

        So the next run carries to it what the survivor has otherwise, but for what people typed into it meanwhile.
        """
        links.remove(self.connection, self.mapping, self.external)
        primary, base = kept["external_key"], base_from_json(self.row["base"]).external
        # Nothing was ever agreed on about such a field: where the two differ, a person is asked.
        unagreed = {name: None for name in base_from_json(kept["base"]).external if name not in base}
        now, by = self.redirect.at, self.redirect.by
        one = Alias(self.mapping, self.external, primary, self.survivor, {**base, **unagreed}, base, now, by)
        aliases.put(self.connection, one)
        aliases.move(self.connection, self.mapping, self.external, primary)
        # A partner that was gone is gone no more: whoever proves it again finds this record, which takes its place.
        self._withdraw_removals(self.survivor)
        links.forget_absence(self.connection, self.mapping, Side.EXTERNAL, primary)

    def _lost(
        self, before: Observation | None, kept: RowMapping | None
    ) -> Iterator[tuple[str, MaybeValue, MaybeValue]]:
        """Edits of the loser that had not flowed yet and that the survivor, as far as known, does not have."""
        if before is None or before.document is None:
            return
        base = base_from_json(self.row["base"]).flowtly
        survivor = self._survivors_document(kept)
        for name, value in before.document.items():
            has = survivor.get(name, ABSENT)
            if not same(value, base.get(name, ABSENT)) and not same(value, has):
                yield name, value, has

    def _survivors_document(self, kept: RowMapping | None) -> Document:
        seen = self._pending(Side.FLOWTLY, self.survivor)
        if seen is not None and seen.document is not None:
            return seen.document
        return {} if kept is None else base_from_json(kept["base"]).flowtly

    def _tell(self, before: Observation | None, lost: Sequence[tuple[str, MaybeValue, MaybeValue]]) -> None:
        """The ledger has where the record went, and every edit that did not come along; a person is shown those."""
        pair = (self.external, self.survivor)
        entries = [LedgerEntry("merged", *pair, Side.FLOWTLY, before=self.loser, after=self.survivor, rule=self.rule)]
        for name, value, has in lost:
            seen, changed = (None, None) if before is None else (before.first_seen, before.changed_at)
            entries.append(
                LedgerEntry(
                    "overwritten", *pair, Side.FLOWTLY, name, value, has, self.rule, seen_at=seen, changed_at=changed
                )
            )
        ledger.append(self.connection, self.mapping, None, entries)
        if lost:
            fields = ", ".join(sorted(name for name, _, _ in lost))
            detail = f"{self.rule} while edits of it had not flowed yet: {fields}; the ledger has their values"
            asked = NewConflict("lost_edit", *pair, detail=detail)
            questions.open_all(self.connection, self.mapping, 0, [asked])
