"""Whether two records are still what was approved, and whether the survivor has its new values. Sends nothing.

Anything that is otherwise than when the merge was planned is a reason not to merge, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from syncd.counterparties.survivor import ACCOUNTS, PARTIES, account_text, choose, values
from syncd.engine.dedupe.desk import Desk
from syncd.engine.dedupe.proposing import candidate, plain, refuse_unlike
from syncd.engine.dedupe.recovering import SYSTEM
from syncd.errors import Refused, Stale
from syncd.ports import Record
from syncd.ports.merges import BY_TIER, Merge, MergePlan
from syncd.ports.parties import CaseState


def as_approved(desk: Desk, merge: Merge, *, patched: bool = False) -> Record:
    """The survivor, when both records are as they were approved. Raises Stale, Refused, NotFound, and a peer's trouble.

    ``patched``: the survivor may have its new values already, from a run that died after setting them.
    """
    plan = merge.plan
    survivor, loser = desk.read(plan.survivor), desk.read(plan.loser)
    expect(desk, plan, loser)
    has_its_values = patched and bool(plan.changes) and is_patched(desk, plan, survivor)
    if not has_its_values:
        expect(desk, plan, survivor)
    for name in PARTIES:
        ours, theirs = survivor.raw.get(name), loser.raw.get(name)
        if ours is not None and theirs is not None and ours != theirs:
            raise Refused(f"they belong to two different {name}s")
    if plan.needs_approval_of and (merge.approved_by or "").startswith(BY_TIER):
        raise Refused("new bank accounts were not approved by a person")
    tier = (merge.approved_by or "").removeprefix(BY_TIER)
    if tier != merge.approved_by and tier not in desk.automatic:
        raise Refused(f"tier {tier} approved it, and is not switched on any more")
    for record in (survivor, loser):
        if (gone := desk.store.redirect(SYSTEM, desk.resource, record.key)) is not None:
            raise Refused(f"{record.key} is known to have been merged into {gone.survivor}, and is there again")
    # What was approved was decided from the survivor as it was; all the rest of it is the same.
    before = replace(survivor, raw=plan.snapshots[plan.survivor]["raw"]) if has_its_values else survivor
    _judge_again(desk, plan, before, loser)
    return survivor


def expect(desk: Desk, plan: MergePlan, record: Record) -> None:
    """Raises Stale for a record that reads otherwise than when this was planned."""
    if desk.digest(record.raw) != plan.digests[record.key]:
        before, now = plan.snapshots[record.key]["raw"], plain(record.raw)
        fields = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        raise Stale(f"{record.key} changed since it was planned: {', '.join(fields) or 'it reads otherwise'}")


def is_patched(desk: Desk, plan: MergePlan, survivor: Record) -> bool:
    """True when the survivor reads as when this was planned, but for exactly the values that were to be set."""
    wanted = {**plan.snapshots[plan.survivor]["raw"], **plan.changes}
    return desk.digest(_alike(plain(survivor.raw)), written=True) == desk.digest(_alike(wanted), written=True)


def _judge_again(desk: Desk, plan: MergePlan, survivor: Record, loser: Record) -> None:
    """They must still be one, by the evidence as it is now and by what people said of them."""
    case = desk.store.case(plan.case_id)
    if case is None or case.state not in {CaseState.YES, CaseState.OPEN}:
        raise Refused(f"case {plan.case_id} is {'no more' if case is None else case.state} by now")
    judged = desk.judge(survivor, loser)
    refuse_unlike(case.state is CaseState.YES, judged.decision, plan.tier)
    one, other = (candidate(each, judged, pinned=each is survivor) for each in (survivor, loser))
    if forbidden := values(choose(one, other)).forbidden:
        raise Refused("; ".join(forbidden))


def _alike(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw record for comparison: accounts in whatever order and spelling the peer keeps them."""
    accounts = raw.get(ACCOUNTS)
    if not isinstance(accounts, list):
        return dict(raw)
    return {**raw, ACCOUNTS: sorted(account_text(one) for one in accounts)}
