"""Carrying out approved merges: look again, set the survivor's values, send the one call, look at what became of it.

There is no way back from a merge. So anything that is not exactly as it was approved withdraws it, anything unexpected
ends the run, and what may have been sent is never sent again: only a look at both records tells what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Final
from uuid import UUID

from syncd.engine.dedupe.desk import Desk, Leases, leased
from syncd.engine.dedupe.looking import as_approved, expect, is_patched
from syncd.engine.dedupe.recovering import AS_EXPECTED, after_answer, finish, look, recover_sent, step, tell
from syncd.engine.dedupe.template import filled
from syncd.engine.trouble import describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused, Stale, UnknownOutcome
from syncd.ports import Record
from syncd.ports.merges import Merge, MergePlan, MergeState

_APPROVED, _CHANGING, _SENDING = MergeState.APPROVED, MergeState.CHANGING, MergeState.SENDING
_DONE, _REFUSED, _UNCLEAR, _WITHDRAWN = MergeState.DONE, MergeState.REFUSED, MergeState.UNCLEAR, MergeState.WITHDRAWN
BEGUN: Final = (_CHANGING, _SENDING, _UNCLEAR)
"""Merges that are neither over nor only planned: they are brought to their end whatever is configured by now."""

_READ_TROUBLE: Final = (Later, Denied, BadAnswer)
_SHOWN: Final = 5  # reasons that an event repeats


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a run did. ``ended``: every merge that moved, as it is now. ``waiting``: approved ones that are left.

    ``outcome``: ``done``; ``off`` (no merge block); ``busy`` (a mapping of these records runs now); ``unclear`` (a
    person has to look at a merge before any other is carried out); ``ended`` (something unexpected, see ``why``);
    ``stopped`` on request.
    """

    outcome: str
    ended: tuple[Merge, ...] = ()
    waiting: int = 0
    why: str = ""


def carry_out(desk: Desk, stop: Event) -> MergeReport:
    """Recover what was begun, then carry out what is approved, oldest first, up to the cap of a run.

    Raises LeaseLost and StoreUnavailable only; a peer in trouble ends the run.
    """
    begun = desk.store.merges(desk.directory, BEGUN)
    approved = desk.store.merges(desk.directory, [_APPROVED]) if desk.spec is not None else []
    if not begun and not approved:
        return MergeReport("done" if desk.spec is not None else "off")
    with leased(desk, [desk.lease, *desk.involved], stop) as held:
        if held is None:
            return MergeReport("busy", waiting=len(approved))
        fenced = sorted({*desk.store.fences()} & {*desk.involved})
        if fenced:  # a peer that may have gone back in time, or been swapped, is merged in least of all
            return MergeReport("ended", waiting=len(approved), why=f"mapping {fenced[0]} is fenced")
        return _Run(desk, held).run()


def accept(desk: Desk, merge: UUID, by: str, stop: Event) -> Merge:
    """A person has looked at an unclear merge whose loser is gone, and says that it was merged: links follow.

    Raises NotFound, Refused while the loser is still there, Stale for another state, Later when a lease is not ours.
    """
    with leased(desk, [desk.lease, *desk.involved], stop) as held:
        found = desk.store.merge(merge)
        if held is None:
            raise Later(f"a mapping of {desk.resource} runs now; try again when it has ended")
        if found is None:
            raise NotFound(f"there is no merge {merge}")
        if found.state is not _UNCLEAR:
            raise Stale(f"merge {merge} is {found.state}: only one that is unclear can be accepted")
        if not look(desk, found.plan).merged_into(found.plan.survivor):
            raise Refused(f"{found.plan.loser} is still there, or {found.plan.survivor} is not: this was not merged")
        return finish(desk, held, found, f"merged, said {by}")


class _Stop(Exception):
    """Inside this module only: nothing more is carried out in this run."""


class _Run:
    """One run over the merges of a directory."""

    def __init__(self, desk: Desk, held: Leases) -> None:
        self.desk, self.held = desk, held
        self.touched: set[str] = set()
        self.moved: dict[UUID, Merge] = {}
        self.calls = 0

    def run(self) -> MergeReport:
        outcome, why = "done", ""
        try:
            for merge in self.desk.store.merges(self.desk.directory, [_SENDING, _UNCLEAR]):
                self._recover(merge)
            for merge in self.desk.store.merges(self.desk.directory, [_CHANGING]):
                if not self._has_unclear():
                    self._recover(merge)
            if self._has_unclear():
                outcome, why = "unclear", "a person has to look at an unclear merge first"
            elif not self._carry_all():
                outcome = "stopped"
        except _Stop as told:
            outcome, why = "ended", str(told)
        except _READ_TROUBLE as error:
            outcome, why = "ended", describe(error)
        if why:
            self.desk.events("merge.run_ended", directory=self.desk.directory, outcome=outcome, why=why)
        waiting = len(self.desk.store.merges(self.desk.directory, [_APPROVED]))
        return MergeReport(outcome, tuple(self.moved.values()), waiting, why)

    def _has_unclear(self) -> bool:
        return bool(self.desk.store.merges(self.desk.directory, [_UNCLEAR], 1))

    def _carry_all(self) -> bool:
        """False when it was stopped. Never two merges that touch one record in one run."""
        spec = self.desk.spec
        for merge in self.desk.store.merges(self.desk.directory, [_APPROVED]) if spec is not None else ():
            if self.held.stop.is_set():
                return False
            if spec is None or self.calls >= spec.max_merges:
                break
            if not {merge.plan.survivor, merge.plan.loser} & self.touched:
                self._carry(merge)
        return True

    def _recover(self, merge: Merge) -> None:
        """A merge that was begun by a run that did not end it."""
        self.touched |= {merge.plan.survivor, merge.plan.loser}
        if merge.state is _CHANGING:
            self._change(merge, again=True)
            return
        after = recover_sent(self.desk, self.held, merge)
        if after.state is not merge.state:
            self.moved[merge.id] = after

    def _carry(self, merge: Merge) -> None:
        """One approved merge from the look to the end."""
        self.touched |= {merge.plan.survivor, merge.plan.loser}
        try:
            as_approved(self.desk, merge)
        except (NotFound, Refused, Stale) as error:
            self._step(merge, _WITHDRAWN, str(error), "merge.withdrawn")
            return
        if not self._waits(merge) and (changing := self._step(merge, _CHANGING, "")) is not None:
            self._change(changing)

    def _waits(self, merge: Merge) -> bool:
        """True while something of ours about the two records is not over: it would be about nobody afterwards."""
        waits = self.desk.store.in_the_way([merge.plan.survivor, merge.plan.loser])
        if waits:
            tell(self.desk, "merge.waits", merge, why="; ".join(waits[:_SHOWN]))
        return bool(waits)

    def _change(self, merge: Merge, *, again: bool = False) -> None:
        """Set the survivor's values, unless it has them, then send the call."""
        self.calls += 1
        plan = merge.plan
        try:
            if self.desk.spec is None:
                raise Refused("the directory has no merge block any more")
            survivor = as_approved(self.desk, merge, patched=True)
            if plan.changes and not is_patched(self.desk, plan, survivor):
                if not self._patch(merge, survivor):
                    return
                expect(self.desk, plan, self.desk.read(plan.loser))
        except (NotFound, Refused, Stale) as error:
            self._step(merge, _WITHDRAWN, self._and_changed(plan, str(error)), "merge.withdrawn")
            return
        if not (again and self._waits(merge)):
            self._send(merge)

    def _patch(self, merge: Merge, survivor: Record) -> bool:
        """False when Flowtly refuses. After a lost answer the run ends; the next one looks at the survivor again.

        Raises Stale when the survivor does not read as it was set, NotFound when it is gone.
        """
        plan = merge.plan
        try:
            with self.held.sending():
                answer = self.desk.peer.update(self.desk.query, plan.survivor, dict(plan.changes), survivor)
        except Refused as error:
            self._step(merge, _REFUSED, f"its new values were refused: {describe(error)}", "merge.refused")
            return False
        except UnknownOutcome as error:
            raise _Stop(f"{plan.survivor} may have been changed: {describe(error)}") from error
        if not is_patched(self.desk, plan, answer):
            raise Stale(f"{plan.survivor} does not read as it was set: {', '.join(sorted(plan.changes))}")
        return True

    def _send(self, merge: Merge) -> None:
        """The one call. From the step on nothing may ever send it again, whatever happens here."""
        plan, spec = merge.plan, self.desk.spec
        body = filled({} if spec is None else spec.body, plan.survivor, plan.loser)
        sending = self._step(merge, _SENDING, "")
        if sending is None:
            return
        try:
            with self.held.sending():
                self.desk.merger.merge(self.desk.resource, plan.survivor, body)
        except (UnknownOutcome, BadAnswer) as error:
            self.moved[merge.id] = recover_sent(self.desk, self.held, sending)
            raise _Stop(describe(error)) from error
        except (Refused, NotFound, Denied, Later) as error:
            why = f"{describe(error)}; nothing was merged, and it is not sent again"
            self._step(sending, _REFUSED, why, "merge.refused")
            raise _Stop(describe(error)) from error
        after = self.moved[merge.id] = after_answer(self.desk, self.held, sending)
        if after.state is not _DONE or after.detail != AS_EXPECTED:
            raise _Stop(after.detail)

    def _and_changed(self, plan: MergePlan, why: str) -> str:
        """Said with it: values that the survivor has by now although nothing was merged."""
        try:
            kept = bool(plan.changes) and is_patched(self.desk, plan, self.desk.read(plan.survivor))
        except (NotFound, Refused, *_READ_TROUBLE):
            kept = False
        return f"{why}; {plan.survivor} keeps what was set: {', '.join(sorted(plan.changes))}" if kept else why

    def _step(self, merge: Merge, after: MergeState, why: str, event: str = "") -> Merge | None:
        """One step of its life; None when it has taken another one meanwhile, or may not take this one now."""
        try:
            moved = step(self.desk, self.held, merge, after, why, event)
        except Stale as error:
            tell(self.desk, "merge.waits", merge, why=str(error))
            return None
        self.moved[merge.id] = moved
        return moved
