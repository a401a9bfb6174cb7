"""``budgets explain``: one posting, every rule that was tried, its parts, and what became of each. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncd.budgets.allocate import allocate
from syncd.budgets.explain import explain
from syncd.budgets.model import Allocated, Part, Posting, Step
from syncd.budgets.money import from_minor, told
from syncd.cli.answering import usage
from syncd.cli.budgets_reading import chosen, one_posting
from syncd.cli.budgets_waiting import unit_missing, why_waiting
from syncd.cli.common import ConfigOption, Exit, JsonOption, opened, out, print_json
from syncd.core.model import Side
from syncd.engine.allocating.compiling import Allocation, PostingProblem, posting_of
from syncd.engine.allocating.wanted import NO_AMOUNT, UNIT_UNKNOWN
from syncd.ports.allocations import PostingState, SeenPosting, Slot
from syncd.wiring import App

AllocationOption = Annotated[str | None, typer.Option("--allocation", "-a", help="Only this allocation.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """A part and what became of it. ``state``: linked, waiting, skipped, new or withdrawn; ``why`` in words."""

    key: str
    part: Part
    state: str
    iri: str
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One posting as one allocation sees it."""

    allocation: Allocation
    posting: Posting
    steps: Sequence[Step]
    result: Allocated
    wishes: Sequence[Wish]

    @property
    def reason(self) -> str:
        """Why something of it, or all, is on no budget."""
        return self.result.problem or self.result.reason


def explain_command(
    posting: Annotated[str, typer.Argument(help="The key of the posting in the ERP.")],
    allocation: AllocationOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """One posting as the ERP has it now: which rule gave what and why, and what became of each part. Changes nothing.

    Ends with 2 when the posting cannot be allocated.

    Example: syncd budgets explain P2 -a costs
    """
    with opened(config, level="warning") as app:
        found: list[Explained] = []
        unread: dict[str, PostingProblem] = {}
        for each in chosen(app, allocation):
            try:
                if (one := _explained(app, each, posting)) is not None:
                    found.append(one)
            except PostingProblem as problem:
                unread[each.name] = problem
        if not found and not unread:
            raise usage(f"the ERP has no posting {posting!r} that an allocation is about")
    if as_json:
        refused = [{"allocation": name, "posting": posting, "problem": str(one)} for name, one in unread.items()]
        print_json([*(_json(one) for one in found), *refused])
    else:
        for one in found:
            _show(one)
        for name, trouble in unread.items():
            out.print(f"[red]refused[/red] {escape(f'{trouble} ({name})')}")
            out.print("mend it in the ERP; what is linked for it stays until then")
    return Exit.PENDING if unread or any(one.result.problem for one in found) else Exit.DONE


def _explained(app: App, allocation: Allocation, key: str) -> Explained | None:
    """None where the ERP has no such posting. Raises PostingProblem for one that cannot be read."""
    entry = one_posting(app, allocation, key)
    if entry is None:
        return None
    posting = posting_of(allocation, entry.record, entry.lines)
    result = allocate(posting, allocation.rules)
    wishes = [*_wishes(app, allocation, posting, result)]
    return Explained(allocation, posting, explain(posting, allocation.rules), result, wishes)


def _wishes(app: App, allocation: Allocation, posting: Posting, result: Allocated) -> Sequence[Wish]:
    """Every part that is wanted now, and every part of before that still has a link."""
    seen = app.store.postings(allocation.name, [posting.key]).get(posting.key)
    slots = {(slot.target, slot.employee): slot for slot in (seen.slots if seen is not None else ())}
    links = app.store.links_by_key(allocation.name, Side.EXTERNAL, [slot.key for slot in slots.values()])
    iris = {key: link.flowtly_key for key, link in links.items()}
    wanted = [_wish(app, allocation, posting.key, part, slots.get(part.key), iris, seen) for part in result.parts]
    keys = {part.key for part in result.parts}
    left = (slot for place, slot in slots.items() if place not in keys and slot.key in iris)
    return [*wanted, *(_leaving(slot, iris[slot.key]) for slot in left)]


def _wish(
    app: App,
    allocation: Allocation,
    posting: str,
    part: Part,
    slot: Slot | None,
    iris: dict[str, str],
    seen: SeenPosting | None,
) -> Wish:
    if slot is None:
        refused = seen is not None and seen.state is PostingState.REFUSED
        why = seen.reason if refused and seen is not None else why_waiting(app, allocation, posting, part, "")
        return Wish("", part, "new", "", why)
    iri = iris.get(slot.key, "")
    outdated = slot.skipped == NO_AMOUNT + UNIT_UNKNOWN and not unit_missing(app, allocation)
    if slot.skipped and not outdated:
        return Wish(slot.key, part, "skipped", iri, slot.skipped)
    if iri:
        return Wish(slot.key, part, "linked", iri, "" if slot.amount == part.amount else "the next run changes it")
    return Wish(slot.key, part, "waiting", "", why_waiting(app, allocation, posting, part, slot.key))


def _leaving(slot: Slot, iri: str) -> Wish:
    part = Part(slot.target, slot.employee or None, slot.amount, slot.whole, slot.rule)
    return Wish(slot.key, part, "withdrawn", iri, "is not wanted any more; the next run moves or deletes it")


def whole_units(amount: int, posting: Posting, allocation: Allocation) -> Decimal:
    """An amount in whole currency units."""
    return from_minor(amount, posting.currency, allocation.exponents)


def _json(one: Explained) -> dict[str, Any]:
    posting, allocation = one.posting, one.allocation

    def part(each: Part) -> dict[str, Any]:
        amount = whole_units(each.amount, posting, allocation)
        return {"budget": each.budget, "employee": each.employee, "amount": amount, "rule": each.rule}

    return {
        "allocation": allocation.name,
        "posting": posting.key,
        "on": posting.on,
        "currency": posting.currency,
        "amount": whole_units(posting.amount, posting, allocation),
        "rules": [
            {
                "rule": step.rule,
                "where": str(step.place),
                "matched": step.matched,
                "why": step.reason,
                "parts": [part(each) for each in step.parts],
            }
            for step in one.steps
        ],
        "parts": [
            {**part(wish.part), "key": wish.key, "state": wish.state, "flowtly_key": wish.iri, "why": wish.why}
            for wish in one.wishes
        ],
        "unassigned": whole_units(one.result.unassigned, posting, allocation),
        "reason": one.result.reason,
        "problem": one.result.problem,
    }


def _show(one: Explained) -> None:
    posting, exponents = one.posting, one.allocation.exponents
    amount = told(posting.amount, posting.currency, exponents)
    out.print(f"[bold]{escape(posting.key)}[/bold] of {posting.on}: {amount} ({escape(one.allocation.name)})")
    tried = Table("rule", "written at", "", "why")
    for step in one.steps:
        mark = "[green]matches[/green]" if step.matched else "[dim]no[/dim]"
        tried.add_row(escape(step.rule), escape(str(step.place)) if step.place.file else "", mark, escape(step.reason))
    out.print(tried)
    if one.wishes:
        parts = Table("budget", "employee", "amount", "rule", "state", "link", "")
        for wish in one.wishes:
            part = wish.part
            parts.add_row(
                escape(part.budget),
                escape(part.employee or ""),
                told(part.amount, posting.currency, exponents),
                escape(part.rule),
                wish.state,
                escape(wish.iri or wish.key),
                escape(wish.why),
            )
        out.print(parts)
    if one.result.problem:
        out.print(f"[red]refused[/red] {escape(one.result.problem)}")
    elif one.result.unassigned:
        left = told(one.result.unassigned, posting.currency, exponents)
        out.print(f"unassigned {left}: {escape(one.result.reason)}")
