"""Pairs that may be one party, and what people said of them. A no is for good; nothing here is ever asked twice."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import Connection, RowMapping, and_, func, or_, select, text

from syncd.counterparties.decision import Band, Decision
from syncd.errors import NotFound, Refused, Stale
from syncd.ports.memory import Lease
from syncd.ports.parties import Case, CaseAnswer, CaseState, Decided, Kept
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.party_tables import case_answer, party, party_case
from syncd.store.values import readable, rowset, unique

_HARD: Final = ("tin", "account")
_EQUAL: Final = ("equal", "shared")

_OPEN, _YES, _NO, _WITHDRAWN, _GONE = (
    CaseState.OPEN,
    CaseState.YES,
    CaseState.NO,
    CaseState.WITHDRAWN,
    CaseState.GONE,
)

_INSERT: Final = text(
    """
    INSERT INTO party_case (directory, left_key, right_key, band, tier, bits, decision, left_inputs, right_inputs,
        state)
    SELECT :directory, given.left_key, given.right_key, given.band, given.tier, given.bits, given.decision,
        given.left_inputs, given.right_inputs, given.state
    FROM json_to_recordset(CAST(:rows AS json)) AS given(left_key text, right_key text, band text, tier text,
        bits float8, decision jsonb, left_inputs text, right_inputs text, state text)
    ORDER BY given.left_key COLLATE "C", given.right_key COLLATE "C"
    """
)
_LOCKED: Final = text(
    """
    SELECT one.* FROM json_to_recordset(CAST(:rows AS json)) AS given(left_key text, right_key text)
    JOIN party_case AS one
      ON one.directory = :directory AND one.left_key = given.left_key AND one.right_key = given.right_key
    ORDER BY one.id FOR UPDATE OF one
    """
)
# Before the case is locked: whoever lets a party go has the party first as well.
_DUE_AGAIN: Final = text(
    """
    UPDATE party SET due = 'around' FROM party_case AS one
    WHERE one.id = :id AND party.directory = one.directory AND party.key IN (one.left_key, one.right_key)
      AND party.due = 'no' AND party.gone_at IS NULL
    """
)
_UPDATE: Final = text(
    """
    UPDATE party_case AS one SET band = given.band, tier = given.tier, bits = given.bits, decision = given.decision,
        left_inputs = given.left_inputs, right_inputs = given.right_inputs, updated_at = now(),
        opened_at = CASE WHEN given.state = 'open' AND one.state <> 'open' THEN now() ELSE one.opened_at END,
        state = given.state
    FROM json_to_recordset(CAST(:rows AS json)) AS given(id bigint, band text, tier text, bits float8, decision jsonb,
        left_inputs text, right_inputs text, state text)
    WHERE one.id = given.id
    """
)


class Cases(Database):
    """Cases and the answers to them."""

    def keep_decisions(self, directory: str, decisions: Sequence[Decided], lease: Lease) -> Kept:
        """Open, renew or withdraw cases; what is the same already is not written. Raises LeaseLost."""
        given = {(one.decision.left, one.decision.right): one for one in decisions}
        opened: list[Decision] = []
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        closed = 0
        with self.transaction() as connection:
            require(connection, lease)
            known = _locked(connection, directory, given)
            for pair, one in given.items():
                before = known.get(pair)
                state = _state_after(before, one)
                if state is None:
                    continue
                row = _row(one, state)
                if before is None:
                    new.append(row)
                elif state != before["state"] or _differs(before, row):
                    changed.append({**row, "id": before["id"]})
                was_open = before is not None and before["state"] == _OPEN
                if state is _OPEN and not was_open:
                    opened.append(one.decision)
                closed += was_open and state is not _OPEN
            if new:
                connection.execute(_INSERT, {"directory": directory, "rows": rowset(new)})
            if changed:
                connection.execute(_UPDATE, {"rows": rowset(changed)})
        return Kept(tuple(opened), closed)

    def cases(
        self, directory: str | None, states: Sequence[CaseState], *, limit: int = 500, about: str | None = None
    ) -> list[Case]:
        """Cases, highest bits first; ``about``: only those of one record."""
        one = party_case.c
        wanted = select(party_case).where(one.state == func.any([state.value for state in states]))
        if directory is not None:
            wanted = wanted.where(one.directory == directory)
        if about is not None:
            wanted = wanted.where(or_(one.left_key == about, one.right_key == about))
        return [_case(row) for row in self.rows(wanted.order_by(one.bits.desc(), one.id).limit(limit))]

    def cases_to_merge(self, directory: str, tiers: Collection[str]) -> list[Case]:
        """Every case that a person answered yes, and every open one of these tiers; highest bits first."""
        one = party_case.c
        tier = and_(one.state == CaseState.OPEN.value, one.band == Band.AUTO.value, one.tier == func.any(unique(tiers)))
        wanted = select(party_case).where(one.directory == directory, or_(one.state == _YES.value, tier))
        return [_case(row) for row in self.rows(wanted.order_by(one.bits.desc(), one.id))]

    def case(self, case_id: int) -> Case | None:
        """One case."""
        found = self.rows(select(party_case).where(party_case.c.id == case_id))
        return _case(found[0]) if found else None

    def case_of(self, directory: str, one: str, other: str) -> Case | None:
        """The case of a pair, in whatever order."""
        left, right = sorted((one, other))
        row = party_case.c
        found = self.rows(
            select(party_case).where(row.directory == directory, row.left_key == left, row.right_key == right)
        )
        return _case(found[0]) if found else None

    def answer_case(
        self, case_id: int, answer: Literal["yes", "no", "open"], by: str, note: str, seen: tuple[str, str] | None
    ) -> Case:
        """A person's answer, about the records as they are now; ``seen``: the hashes that the person looked at.

        Raises NotFound for an unknown case, Stale when a record is another by now or is no more, Refused without a
        name of who says so.
        """
        by, note = readable(by).strip(), readable(note)
        if not by:
            raise Refused(f"case {case_id}: an answer needs the name of who gave it")
        with self.transaction() as connection:
            if answer == "open":  # what it is decided from now, the next scan says
                connection.execute(_DUE_AGAIN, {"id": case_id})
            case = _answerable(connection, case_id)
            hashes = (case.left_inputs, case.right_inputs)
            if seen is not None and tuple(seen) != hashes:
                raise Stale(f"case {case_id} is about other records by now: look at it again")
            if answer != "open":
                _require_still(connection, case)
            connection.execute(
                case_answer.insert().values(
                    case_id=case_id, answer=answer, by=by, note=note, left_inputs=hashes[0], right_inputs=hashes[1]
                )
            )
            decided = {"state": answer, "decided_by": by, "decided_at": func.now(), "note": note}
            changed = party_case.update().where(party_case.c.id == case_id)
            changed = changed.values(**decided, updated_at=func.now())
            return _case(connection.execute(changed.returning(party_case)).mappings().one())

    def case_history(self, case_id: int) -> list[CaseAnswer]:
        """Every answer to a case, oldest first."""
        chosen = select(case_answer).where(case_answer.c.case_id == case_id).order_by(case_answer.c.id)
        return [
            CaseAnswer(row["answer"], row["by"], row["at"], row["note"], row["left_inputs"], row["right_inputs"])
            for row in self.rows(chosen)
        ]

    def case_answers(self, directory: str) -> dict[tuple[str, str], CaseState]:
        """Every pair that a person answered yes or no, and whose answer holds."""
        one = party_case.c
        chosen = select(one.left_key, one.right_key, one.state).where(
            one.directory == directory, one.state == func.any([_YES.value, _NO.value])
        )
        return {(row["left_key"], row["right_key"]): CaseState(row["state"]) for row in self.rows(chosen)}


def end_cases(connection: Connection, directory: str, key: str, survivor: str | None = None) -> int:
    """Close every case of a record that is no more; the one with ``survivor`` as merged. A no stays: it is for good."""
    one = party_case.c
    of_it = (one.directory == directory, or_(one.left_key == key, one.right_key == key))
    closed = 0
    if survivor is not None:
        left, right = sorted((key, survivor))
        pair = (one.directory == directory, one.left_key == left, one.right_key == right)
        merged = party_case.update().where(*pair, one.state != CaseState.MERGED)
        closed += connection.execute(merged.values(state=CaseState.MERGED, updated_at=func.now())).rowcount
    living = one.state == func.any([_OPEN.value, _YES.value, _WITHDRAWN.value])
    return (
        closed
        + connection.execute(
            party_case.update().where(*of_it, living).values(state=_GONE, updated_at=func.now())
        ).rowcount
    )


def _locked(
    connection: Connection, directory: str, pairs: Mapping[tuple[str, str], Decided]
) -> dict[tuple[str, str], RowMapping]:
    """The cases of these pairs, locked against an answer that comes meanwhile."""
    rows = rowset([{"left_key": left, "right_key": right} for left, right in sorted(pairs)])
    found = connection.execute(_LOCKED, {"directory": directory, "rows": rows}).mappings()
    return {(row["left_key"], row["right_key"]): row for row in found}


def _state_after(before: RowMapping | None, one: Decided) -> CaseState | None:
    """The state that a case has after a new decision; None: there is none, or the one there is stays as it is."""
    doubted = one.decision.band is not Band.NO
    if before is None:
        if doubted:
            return _OPEN
        return _WITHDRAWN if _hard(one.decision) else None
    state = CaseState(before["state"])
    if state is _NO:
        return None
    if state is _YES:
        same = (before["left_inputs"], before["right_inputs"]) == (one.left_inputs, one.right_inputs)
        return None if same else _OPEN
    # Somebody said yes once and the records changed: only a person ends that.
    asked = doubted or (state is _OPEN and before["decided_by"] is not None)
    return _OPEN if asked else _WITHDRAWN


def _hard(decision: Decision) -> bool:
    """A number of its own in common: even the matcher's no to such a pair is kept, with its reason."""
    return any(one.field in _HARD and one.level in _EQUAL for one in decision.levels)


def _row(one: Decided, state: CaseState) -> dict[str, Any]:
    decision = one.decision
    return {
        "left_key": decision.left,
        "right_key": decision.right,
        "band": decision.band.value,
        "tier": decision.tier,
        "bits": decision.bits,
        "decision": decision.as_json(),
        "left_inputs": one.left_inputs,
        "right_inputs": one.right_inputs,
        "state": state.value,
    }


def _differs(before: RowMapping, row: Mapping[str, Any]) -> bool:
    """True when the row says something else; compared as JSON, in which lists and tuples are one."""
    if any(before[name] != row[name] for name in ("band", "tier", "bits", "left_inputs", "right_inputs")):
        return True
    return bool(before["decision"] != json.loads(json.dumps(row["decision"])))


def _answerable(connection: Connection, case_id: int) -> Case:
    row = connection.execute(select(party_case).where(party_case.c.id == case_id).with_for_update()).mappings().first()
    if row is None:
        raise NotFound(f"there is no case {case_id}")
    if row["state"] in {CaseState.MERGED, CaseState.GONE}:
        raise Stale(f"case {case_id} is over: {row['state']}")
    return _case(row)


def _require_still(connection: Connection, case: Case) -> None:
    """Raises Stale when a record was read anew since the case was decided: the evidence is of before."""
    keys = [case.left, case.right]
    chosen = select(party.c.key, party.c.inputs).where(
        party.c.directory == case.directory, party.c.key == func.any(keys), party.c.gone_at.is_(None)
    )
    now = {row.key: row.inputs for row in connection.execute(chosen)}
    if (now.get(case.left), now.get(case.right)) != (case.left_inputs, case.right_inputs):
        first = "answer it with open, " if case.state is _NO else ""
        raise Stale(
            f"case {case.id}: a record changed since this was decided; {first}scan again, then look at it again"
        )


def _case(row: RowMapping) -> Case:
    return Case(
        id=row["id"],
        directory=row["directory"],
        left=row["left_key"],
        right=row["right_key"],
        band=Band(row["band"]),
        tier=row["tier"],
        bits=row["bits"],
        decision=row["decision"],
        left_inputs=row["left_inputs"],
        right_inputs=row["right_inputs"],
        state=CaseState(row["state"]),
        opened_at=row["opened_at"],
        updated_at=row["updated_at"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        note=row["note"],
    )
