"""From cases to merges that wait for approval: both records read anew, compared anew, survivor and values chosen.

Must never approve what needs a person: new bank accounts, values that differ, a pair that somebody else answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, Final
from uuid import UUID

from syncd.core.model import Side
from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.survivor import TRANSACTIONS, Candidate, Chosen, Fields, choose, values
from syncd.engine.dedupe.desk import Desk, Judged, leased
from syncd.errors import NotFound, Refused, Stale
from syncd.ports import Lease, Record
from syncd.ports.merges import BY_TIER, Merge, MergePlan, MergeState
from syncd.ports.parties import Case, CaseState

_BEFORE_SENDING: Final = (MergeState.PROPOSED, MergeState.APPROVED)
_OPEN: Final = tuple(state for state in MergeState if state.open)
_SYNCD: Final = "syncd"
_ALL: Final = 1_000_000  # one that is left out would look as if its case asked for nothing any more


@dataclass(frozen=True, slots=True)
class Proposals:
    """What became of the cases: merges that were proposed now, those a tier approved, and why others were not."""

    made: tuple[Merge, ...] = ()
    approved: tuple[Merge, ...] = ()
    left: Mapping[int, str] | None = None
    busy: bool = False


def propose(desk: Desk, stop: Event, pins: Mapping[int, str] | None = None) -> Proposals:
    """Propose a merge for every case that asks for one, and withdraw proposals whose case does not any more.

    ``pins``: by case, the record that has to survive. Raises Later, Denied, BadAnswer of the peer, LeaseLost.
    """
    with leased(desk, [desk.lease], stop) as held:
        if held is None:
            return Proposals(busy=True)
        return _Proposing(desk, held.of(desk.lease), pins or {}).run(held.stop.is_set)


def approve(desk: Desk, merge: UUID, by: str, digests: Mapping[str, str]) -> Merge:
    """A person approves exactly the plan with these digests. Raises Refused without a merge block, Stale, NotFound."""
    if desk.spec is None:
        raise Refused(f"directory {desk.directory} has no merge block: nothing can be merged, so nothing is approved")
    if not by.strip() or by.startswith(BY_TIER):
        raise Refused(f"{by!r} is not the name of a person")
    approved = desk.store.approve_merge(merge, by, digests)
    _tell(desk, "merge.approved", approved, by=by)
    return approved


def withdraw(desk: Desk, merge: UUID, why: str, by: str) -> bool:
    """Take back what was not sent; one that is unclear ends, because somebody looked and it was not merged."""
    done = desk.store.withdraw_merge(merge, why, by)
    found = desk.store.merge(merge)
    if done and found is not None:
        _tell(desk, "merge.withdrawn", found, why=found.detail)
    return done


class _Proposing:
    """One pass over the cases."""

    def __init__(self, desk: Desk, lease: Lease, pins: Mapping[int, str]) -> None:
        self.desk, self.lease, self.pins = desk, lease, pins
        self.made: list[Merge] = []
        self.approved: list[Merge] = []
        self.left: dict[int, str] = {}

    def run(self, stopped: Any) -> Proposals:
        tiers = {*self.desk.proposed, *self.desk.automatic}
        known = {_pair(one.plan): one for one in self.desk.store.merges(self.desk.directory, _OPEN, _ALL)}
        asked = self.desk.store.cases_to_merge(self.desk.directory, tiers)
        asking = {(case.left, case.right): case for case in asked}
        for pair, merge in known.items():
            if pair not in asking and merge.state in _BEFORE_SENDING:
                withdraw(self.desk, merge.id, "its case does not ask for a merge any more", _SYNCD)
        for pair, case in asking.items():
            if stopped():
                break
            planned = known.get(pair)
            if not self._stands(planned, case):
                self._propose(case)
            elif planned is not None and planned.state is MergeState.PROPOSED:
                self._approve_by_tier(case, planned)  # the tier may have been switched on since
        return Proposals(tuple(self.made), tuple(self.approved), self.left)

    def _stands(self, known: Merge | None, case: Case) -> bool:
        """True when this case is planned already as it is now, or too far to be planned anew."""
        if known is None:
            return False
        if known.state not in _BEFORE_SENDING:
            return True
        same = known.plan.evidence.get("inputs") == [case.left_inputs, case.right_inputs]
        if same and self.pins.get(case.id, known.plan.survivor) == known.plan.survivor:
            return True
        if known.state is MergeState.APPROVED:
            withdraw(self.desk, known.id, "a record changed since it was approved", _SYNCD)
        return False

    def _propose(self, case: Case) -> None:
        try:
            plan = self._plan(case)
            merge = self.desk.store.propose_merge(plan, self.lease)
        except (NotFound, Refused, Stale) as error:
            self.left[case.id] = str(error)
            self.desk.events("merge.not_proposed", directory=self.desk.directory, case=case.id, why=str(error))
            return
        self.made.append(merge)
        _tell(self.desk, "merge.proposed", merge, tier=plan.tier, needs_approval_of=len(plan.needs_approval_of))
        self._approve_by_tier(case, merge)

    def _approve_by_tier(self, case: Case, merge: Merge) -> None:
        if not self._automatic(case, merge):
            return
        by = f"{BY_TIER}{merge.plan.tier}"
        try:
            self.approved.append(self.desk.store.approve_merge(merge.id, by, merge.plan.digests))
        except (NotFound, Refused, Stale) as error:  # a person was faster
            self.desk.events("merge.not_approved", directory=self.desk.directory, merge=str(merge.id), why=str(error))
            return
        _tell(self.desk, "merge.approved", merge, by=by)

    def _automatic(self, case: Case, merge: Merge) -> bool:
        plan = merge.plan
        alone = not plan.needs_approval_of and not plan.evidence["review"]
        tier = case.state is CaseState.OPEN and plan.tier in self.desk.automatic
        return self.desk.spec is not None and tier and alone

    def _plan(self, case: Case) -> MergePlan:
        """Both records read and compared anew. Raises Refused, NotFound, and what the peer raises."""
        records = {key: self.desk.read(key) for key in (case.left, case.right)}
        judged = self.desk.judge(records[case.left], records[case.right])
        refuse_unlike(case.state is CaseState.YES, judged.decision, case.tier)
        chosen = choose(*(_candidate(one, judged, self.pins.get(case.id)) for one in records.values()))
        fields = values(chosen)
        if fields.forbidden:
            raise Refused("; ".join(fields.forbidden))
        return self._planned(case, judged.decision, chosen, fields, records)

    def _planned(
        self, case: Case, decision: Decision, chosen: Chosen, fields: Fields, records: Mapping[str, Record]
    ) -> MergePlan:
        evidence = {
            "decision": decision.as_json(),
            "survivor": chosen.rule,
            "review": list(fields.review),
            "inputs": [case.left_inputs, case.right_inputs],
            "yes_by": case.decided_by if case.state is CaseState.YES else None,
        }
        return MergePlan(
            directory=self.desk.directory,
            survivor=chosen.survivor.key,
            loser=chosen.loser.key,
            case_id=case.id,
            tier=decision.tier,
            bits=decision.bits,
            evidence=plain(evidence),
            changes=plain(self._writable(fields.changes)),
            provenance=plain(fields.provenance),
            snapshots={key: self._snapshot(record) for key, record in records.items()},
            digests={key: self.desk.digest(record.raw) for key, record in records.items()},
            needs_approval_of=fields.accounts,
        )

    def _writable(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """What can be set; the rest is left to the merge itself, and looked at afterwards."""
        shape = self.desk.peer.shape(self.desk.query)
        fixed = set() if shape is None else {name for name, one in shape.fields.items() if not one.writable}
        return {name: value for name, value in changes.items() if name not in fixed}

    def _snapshot(self, record: Record) -> dict[str, Any]:
        """The record and every link of ours that leads to it, for a repair by hand."""
        links = {
            name: found[record.key].external_key
            for name in self.desk.readers
            if (found := self.desk.store.links_by_key(name, Side.FLOWTLY, [record.key]))
        }
        return {
            "raw": plain(record.raw),
            "links": links,
            "client": record.raw.get("client"),
            "supplier": record.raw.get("supplier"),
            "transactions": record.raw.get(TRANSACTIONS),
            "read_at": self.desk.clock.now().isoformat(),
        }


def refuse_unlike(answered: bool, decision: Decision, tier: str) -> None:
    """Raises Refused when two records as they are now are not what may be merged.

    ``answered``: a person said yes; then only what no person may overrule counts (``survivor.values`` finds the rest).
    """
    if answered:
        if decision.band is Band.NO:
            raise Refused(f"a person said yes, and as they are now they are not alike: {decision.why}")
    elif decision.band is not Band.AUTO or decision.vetoes or decision.tier != tier:
        raise Refused(f"they are not of tier {tier} any more: {decision.why}")


def plain(data: Any) -> Any:
    """Data as JSON has it, amounts and times as their text."""
    return json.loads(json.dumps(data, default=str))


def candidate(record: Record, judged: Judged, *, pinned: bool = False) -> Candidate:
    """A record as the rules of survivors take it."""
    country = judged.prepared[record.key].country or judged.home
    return Candidate(record.key, record.raw, country, pinned=pinned)


def _candidate(record: Record, judged: Judged, pin: str | None) -> Candidate:
    if pin is not None and pin not in judged.prepared:
        raise Refused(f"{pin} is to survive, and is none of the two records")
    return candidate(record, judged, pinned=record.key == pin)


def _pair(plan: MergePlan) -> tuple[str, str]:
    left, right = sorted((plan.survivor, plan.loser))
    return left, right


def _tell(desk: Desk, event: str, merge: Merge, **more: Any) -> None:
    plan = merge.plan
    desk.events(event, directory=desk.directory, merge=str(merge.id), survivor=plan.survivor, loser=plan.loser, **more)
