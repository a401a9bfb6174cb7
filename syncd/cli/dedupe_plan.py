"""How merges look to a person, as JSON, and in a file: who survives, every value and where it comes from.

Never shows a new bank account like any other change: that is how payments are stolen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from syncd.cli.common import out
from syncd.counterparties.sentences import sentence
from syncd.counterparties.survivor import ACCOUNTS, account_text, accounts_of, missing_accounts
from syncd.errors import ConfigError, Problem
from syncd.ports.merges import Merge, MergeState

FORMAT: Final = 1
_COLOURS: Final = {MergeState.UNCLEAR: "bold red", MergeState.REFUSED: "red", MergeState.DONE: "green"}


def show_merge(merge: Merge) -> None:
    """One merge on the terminal."""
    plan = merge.plan
    colour = _COLOURS.get(merge.state, "yellow")
    tier = f", {plan.tier}" if plan.tier else ""
    out.print(f"[bold]case {plan.case_id}[/bold] [{colour}]{merge.state}[/{colour}]{tier}, {plan.bits:.1f} bits")
    rule = escape(str(plan.evidence.get("survivor", "")))
    out.print(f"  {_named(merge, plan.survivor)} [bold]survives[/bold] ({rule})")
    out.print(f"  {_named(merge, plan.loser)} [bold]is merged into it[/bold]")
    out.print(f"  {escape(sentence(plan.evidence['decision']))}")
    _show_changes(merge)
    for account in plan.needs_approval_of:
        told = "is new on the survivor: payments would go there. Check it with the company by a way you know"
        out.print(f"  [bold red]payment risk: bank account {escape(account)} {told}[/bold red]")
    for line in plan.evidence.get("review", ()):
        out.print(f"  [yellow]look[/yellow] {escape(str(line))}")
    if merge.approved_by is not None:
        out.print(f"  approved by {escape(merge.approved_by)} at {merge.approved_at:%Y-%m-%d %H:%M}")
    if merge.detail:
        out.print(f"  {escape(merge.detail)}")


def merge_json(merge: Merge) -> dict[str, Any]:
    """A merge for a script, and for a plan file."""
    plan = merge.plan
    return {
        "merge": str(merge.id),
        "case": plan.case_id,
        "directory": plan.directory,
        "state": str(merge.state),
        "tier": plan.tier,
        "bits": plan.bits,
        "survivor": plan.survivor,
        "loser": plan.loser,
        "why": sentence(plan.evidence["decision"]),
        "changes": [{"field": name, "before": before, "after": after} for name, before, after in _changes(merge)],
        "provenance": dict(plan.provenance),
        "new_bank_accounts": list(plan.needs_approval_of),
        "review": list(plan.evidence.get("review", ())),
        "digests": dict(plan.digests),
        "snapshots": dict(plan.snapshots),
        "evidence": dict(plan.evidence),
        "approved_by": merge.approved_by,
        "sent_at": None if merge.sent_at is None else merge.sent_at.isoformat(timespec="seconds"),
        "ended_at": None if merge.ended_at is None else merge.ended_at.isoformat(timespec="seconds"),
        "detail": merge.detail,
    }


def save(file: Path, merges: Iterable[Merge]) -> int:
    """Write merges to a file, for another pair of eyes. Raises OSError."""
    told = [merge_json(merge) for merge in merges]
    file.write_text(json.dumps({"format": FORMAT, "merges": told}, indent=1, ensure_ascii=False), encoding="utf-8")
    return len(told)


def load(file: Path) -> dict[UUID, dict[str, str]]:
    """The merges of a saved plan, each with the digests of what was looked at. Raises ConfigError."""
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise _problem(file, "was saved by another version", "make a new one")
        return {
            UUID(one["merge"]): {str(key): str(text) for key, text in one["digests"].items()} for one in data["merges"]
        }
    except OSError as error:
        raise _problem(file, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _problem(file, "is no saved merge plan", "make one with syncd dedupe merge -o FILE") from None


def show_undo(merge: Merge, aliases: Sequence[str]) -> None:
    """What was there before a merge, and what a person can do to repair it."""
    plan = merge.plan
    out.print(f"[bold]case {plan.case_id}[/bold] {merge.state}: {escape(plan.loser)} into {escape(plan.survivor)}")
    out.print("[bold]Flowtly has no way back from a merge. syncd sends none of this: a person does it.[/bold]")
    for number, step in enumerate(repair_list(merge, aliases), 1):
        out.print(f"  {number}. {escape(step)}")
    table = Table("field", f"{escape(plan.survivor)} before", f"{escape(plan.loser)} before")
    survivor, loser = (_raw(merge, key) for key in (plan.survivor, plan.loser))
    for name in sorted({*survivor, *loser}):
        table.add_row(escape(name), escape(_text(survivor.get(name))), escape(_text(loser.get(name))))
    out.print(table)


def undo_json(merge: Merge, aliases: Sequence[str]) -> dict[str, Any]:
    """The same for a script."""
    return {**merge_json(merge), "aliases": list(aliases), "manual": True, "repair": repair_list(merge, aliases)}


def repair_list(merge: Merge, aliases: Sequence[str]) -> list[str]:
    """The steps that bring back, by hand, what can be brought back. None where nothing was sent."""
    plan = merge.plan
    steps: list[str] = []
    if merge.state in {MergeState.DONE, MergeState.UNCLEAR, MergeState.SENDING}:
        steps += _after_the_call(merge, aliases)
    touched = merge.state not in {MergeState.PROPOSED, MergeState.APPROVED, MergeState.WITHDRAWN}
    for name, before, after in _changes(merge) if touched or "keeps what was set" in merge.detail else ():
        steps.append(f"At {plan.survivor} set {name} back from {_text(after)} to {_text(before)}.")
    return steps or ["Nothing: neither record was changed."]


def _after_the_call(merge: Merge, aliases: Sequence[str]) -> list[str]:
    plan = merge.plan
    raw, snapshot = _raw(merge, plan.loser), plan.snapshots[plan.loser]
    brought = missing_accounts(_raw(merge, plan.survivor), accounts_of(raw))
    accounts = ", ".join(account_text(one) for one in brought) or "none; it had all of them before"
    moved = snapshot.get("transactions") or "none"
    steps = [
        f"Look whether {plan.loser} is really gone.",
        f"If it is, create a counterparty with the values of {plan.loser} below. It gets another number.",
        f"Take off {plan.survivor} the bank accounts that only {plan.loser} had: {accounts}.",
        f"Move its transactions back: it had {moved}. Which ones is not kept; go by the account they were paid with.",
    ]
    for name in ("client", "supplier"):
        if snapshot.get(name):
            steps += [f"Give it its {name} {snapshot[name]}, and see that {plan.survivor} has its own."]
    for mapping, key in sorted(snapshot.get("links", {}).items()):
        where = f"{mapping}:{key}"
        steps += [f"{where} was linked to it: syncd links unlink {where}, then let it be linked to the new one."]
    return [*steps, *(f"{alias} is an alias since: take it apart by syncd links unlink {alias}." for alias in aliases)]


def _changes(merge: Merge) -> list[tuple[str, Any, Any]]:
    before = _raw(merge, merge.plan.survivor)
    return [(name, before.get(name), after) for name, after in sorted(merge.plan.changes.items())]


def _show_changes(merge: Merge) -> None:
    changes = _changes(merge)
    if not changes:
        out.print("  nothing has to be set at the survivor")
        return
    table = Table("field", "survivor has", "will have", "from", "rule")
    for name, before, after in changes:
        source = merge.plan.provenance.get(name, {})
        origin = source.get("from", "")
        origin = ", ".join(origin) if isinstance(origin, list) else str(origin)
        style = "bold red" if name == ACCOUNTS else ""
        cells = (name, _text(before), _text(after), origin, str(source.get("rule", "")))
        table.add_row(*(escape(cell) for cell in cells), style=style)
    out.print(table)


def _named(merge: Merge, key: str) -> str:
    raw, snapshot = _raw(merge, key), merge.plan.snapshots[key]
    links = ", ".join(f"{name}:{linked}" for name, linked in sorted(snapshot.get("links", {}).items()))
    facts = [str(raw.get("displayName") or "")]
    facts += [f"{snapshot.get('transactions') or 0} transactions", f"linked to {links}" if links else "not linked"]
    return escape(f"{key} ({', '.join(fact for fact in facts if fact)})")


def _raw(merge: Merge, key: str) -> Mapping[str, Any]:
    raw: Mapping[str, Any] = merge.plan.snapshots[key]["raw"]
    return raw


def _text(value: Any) -> str:
    if value is None or value == "":
        return "(empty)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _problem(file: Path, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(str(file), 0, 0, message, hint)])
