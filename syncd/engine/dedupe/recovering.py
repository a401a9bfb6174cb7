"""What became of a merge: how the two records look afterwards, and what follows from that. Sends nothing, ever.

The loser gone and the survivor as expected is a merge; the loser still there is nothing that we may conclude from,
so a person looks. A merge that is unclear is looked at again in every run: it may have been late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from syncd.counterparties.survivor import PARTIES, account_text, accounts_of, missing_accounts
from syncd.engine.dedupe.desk import Desk, Leases
from syncd.errors import NotFound
from syncd.ports.merges import Followed, Merge, MergePlan, MergeState, Redirect

SYSTEM: Final = "flowtly"
AS_EXPECTED: Final = "merged"
"""How a merge is described that left nothing to be said."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The two records after a call. ``loser`` is the key under which it answers now, None when it is gone.

    ``lacking``: what the survivor should have and has not, in words; all of it when the survivor itself is gone.
    """

    survivor: bool
    loser: str | None
    lacking: tuple[str, ...] = ()

    def merged_into(self, survivor: str) -> bool:
        """True when the loser is gone, or answers as the survivor, and the survivor is there."""
        return self.survivor and self.loser in {None, survivor}


def look(desk: Desk, plan: MergePlan) -> Sight:
    """Read both. Raises Later, Denied, BadAnswer, which say nothing."""
    loser = desk.merger.where(desk.resource, plan.loser)
    try:
        survivor = desk.read(plan.survivor)
    except NotFound:
        return Sight(survivor=False, loser=loser, lacking=(f"{plan.survivor} itself is gone",))
    return Sight(survivor=True, loser=loser, lacking=tuple(lacking(plan, survivor.raw)))


def lacking(plan: MergePlan, raw: Mapping[str, Any]) -> list[str]:
    """What the survivor should have after the merge and has not: accounts of both, client and supplier of either."""
    snapshots = [plan.snapshots[key]["raw"] for key in (plan.survivor, plan.loser)]
    wanted = [one for snapshot in snapshots for one in accounts_of(snapshot)]
    # The end only: these words stand in logs as well.
    found = [f"bank account ...{account_text(one)[-4:]} is missing" for one in missing_accounts(raw, wanted)]
    for name in PARTIES:
        expected = next((snapshot[name] for snapshot in snapshots if snapshot.get(name) is not None), None)
        if raw.get(name) != expected:
            found.append(f"{name} is {raw.get(name)}, not {expected}")
    return found


def recover_sent(desk: Desk, held: Leases, merge: Merge) -> Merge:
    """End a merge that was sent, as far as can be seen. Raises Later, Denied, BadAnswer: then it is looked at again."""
    plan, sight = merge.plan, look(desk, merge.plan)
    if sight.merged_into(plan.survivor) and not sight.lacking:
        return finish(desk, held, merge, "found merged after its answer was lost")
    return _unclear(desk, held, merge, _why(plan, sight))


def after_answer(desk: Desk, held: Leases, merge: Merge) -> Merge:
    """Verify a merge that the peer says it carried out. Raises Later, Denied, BadAnswer: then it is looked at again.

    With the peer's word for it, a survivor that lacks something is merged all the same, and said so.
    """
    sight = look(desk, merge.plan)
    if sight.merged_into(merge.plan.survivor):
        told = f"merged, but {merge.plan.survivor}: {'; '.join(sight.lacking)}" if sight.lacking else AS_EXPECTED
        return finish(desk, held, merge, told, lacking=sight.lacking)
    return _unclear(desk, held, merge, _why(merge.plan, sight))


def finish(desk: Desk, held: Leases, merge: Merge, detail: str, *, lacking: tuple[str, ...] = ()) -> Merge:
    """Store where the loser went; every link of it follows."""
    plan = merge.plan
    evidence = {"case": plan.case_id, "tier": plan.tier, "approved_by": merge.approved_by}
    redirect = Redirect(SYSTEM, desk.resource, plan.loser, plan.survivor, "us", desk.clock.now(), evidence, merge.id)
    followed = desk.store.finish_merge(
        merge.id,
        redirect,
        held.of(desk.lease),
        held=[held.of(name) for name in desk.involved],
        referring=desk.referring,
        detail=detail,
    )
    told = {"links": sum(not one.alias for one in followed), "aliases": sum(one.alias for one in followed)}
    tell(desk, "merge.done", merge, detail=detail, lacking=list(lacking), **told)
    for one in followed:
        _tell_followed(desk, one)
    return _now(desk, merge)


def step(desk: Desk, held: Leases, merge: Merge, after: MergeState, detail: str, event: str = "") -> Merge:
    """One step of a merge's life, and its event. Raises Stale when it is not where it was any more."""
    moved = desk.store.move_merge(merge.id, merge.state, after, detail, held.of(desk.lease))
    if event:
        tell(desk, event, merge, why=detail)
    return moved


def tell(desk: Desk, event: str, merge: Merge, **more: Any) -> None:
    """An event about a merge."""
    plan = merge.plan
    desk.events(event, directory=desk.directory, merge=str(merge.id), survivor=plan.survivor, loser=plan.loser, **more)


def _unclear(desk: Desk, held: Leases, merge: Merge, why: str) -> Merge:
    """A question for a person; asked once."""
    if merge.state is MergeState.UNCLEAR:
        return merge
    return step(desk, held, merge, MergeState.UNCLEAR, why, "merge.unclear")


def _why(plan: MergePlan, sight: Sight) -> str:
    if sight.loser == plan.loser:
        return f"{plan.loser} is still there after the one call; it is not sent again"
    where = f"answers as {sight.loser}" if sight.loser is not None else "is gone"
    return f"{plan.loser} {where}, and " + ("; ".join(sight.lacking) or f"{plan.survivor} is not what it became")


def _tell_followed(desk: Desk, one: Followed) -> None:
    desk.events(
        "merge.followed",
        mapping=one.mapping,
        external=one.external_key,
        flowtly=one.flowtly_key,
        alias=one.alias,
        primary=one.primary,
        lost=list(one.lost),
    )


def _now(desk: Desk, merge: Merge) -> Merge:
    return desk.store.merge(merge.id) or merge
