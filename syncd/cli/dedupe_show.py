"""How a case looks to a person, and as JSON: both records side by side, the reason, the evidence. Decides nothing.

Text from peers is never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from syncd.cli.common import out
from syncd.counterparties.party import Party
from syncd.counterparties.sentences import Mark, Row, evidence, sentence, side_by_side
from syncd.ports.merges import Merge
from syncd.ports.parties import Case, CaseAnswer, CaseState

_MARKS: Final = {
    Mark.SAME: "[green]=[/green]",
    Mark.ALIKE: "[green]~[/green] {mark}",
    Mark.PARTLY: "[yellow]~[/yellow] {mark}",
    Mark.DIFFERENT: "[bold red]x[/bold red] {mark}",
    Mark.ONE_SIDED: "[dim]{mark}[/dim]",
}
_NEXT: Final = {
    CaseState.OPEN: "syncd dedupe decide {id} yes, or no for never",
    CaseState.YES: "syncd dedupe merge {directory} shows what a merge would do",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A case with both parties as they were last read; ``gone``: keys of those that are no more."""

    case: Case
    left: Party | None
    right: Party | None
    gone: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[tuple[str, Party | None], tuple[str, Party | None]]:
        """Key and party, left first."""
        return (self.case.left, self.left), (self.case.right, self.right)


def seen_mark(case: Case) -> str:
    """What says which state of the two records a person looked at. Never like a number, a date or a time."""
    return f"seen-{case.left_inputs}-{case.right_inputs}"


def show_case(one: Looked, merges: Sequence[Merge] = (), answers: Sequence[CaseAnswer] = ()) -> None:
    """One case on the terminal."""
    case = one.case
    out.print(
        f"[bold]case {case.id}[/bold] of {escape(case.directory)}: {case.state}, {case.bits:.1f} bits"
        f"{f', tier {case.tier}' if case.tier else ''}, since {case.opened_at:%Y-%m-%d %H:%M}"
    )
    out.print(escape(sentence(case.decision)))
    _show_sides(one)
    for line in evidence(case.decision):
        out.print(f"  {escape(line)}")
    _show_rest(case)
    for said in answers:
        note = f": {said.note}" if said.note else ""
        out.print(f"{said.at:%Y-%m-%d %H:%M} {escape(f'{said.by} said {said.answer}{note}')}")
    for merge in merges:
        plan = merge.plan
        out.print(
            f"merge {merge.id}: {merge.state}, {escape(plan.loser)} into {escape(plan.survivor)} {escape(merge.detail)}"
        )
    if case.state in _NEXT:
        out.print(_NEXT[case.state].format(id=case.id, directory=escape(case.directory)))


def case_json(one: Looked, merges: Sequence[Merge] = (), answers: Sequence[CaseAnswer] = ()) -> dict[str, Any]:
    """A case for a script. Filled in under ``decision``, it can be read back by ``decide --from``."""
    case = one.case
    left, right = (_party_json(one, key, party) for key, party in one.sides)
    return {
        "case": case.id,
        "directory": case.directory,
        "state": str(case.state),
        "decision": "",
        "note": case.note,
        "seen": seen_mark(case),
        "band": str(case.band),
        "tier": case.tier,
        "bits": case.bits,
        "why": sentence(case.decision),
        "left": left,
        "right": right,
        "differences": {row.field: str(row.mark) for row in _rows(one)},
        "evidence": dict(case.decision),
        "opened_at": case.opened_at.isoformat(timespec="seconds"),
        "updated_at": case.updated_at.isoformat(timespec="seconds"),
        "answers": [{**asdict(said), "at": said.at.isoformat(timespec="seconds")} for said in answers],
        "merges": [{"id": str(merge.id), "state": str(merge.state)} for merge in merges],
    }


def _party_json(one: Looked, key: str, party: Party | None) -> dict[str, Any]:
    known = {} if party is None else {name: value for name, value in asdict(party).items() if name != "id"}
    return {"key": key, "gone": key in one.gone, **known}


def _rows(one: Looked) -> Sequence[Row]:
    return () if one.left is None or one.right is None else side_by_side(one.left, one.right)


def _show_sides(one: Looked) -> None:
    for key in one.gone:
        out.print(f"[yellow]gone[/yellow] {escape(key)} is no more; shown as it was last read")
    table = Table("", escape(one.case.left), escape(one.case.right), "")
    for row in _rows(one):
        style = "bold" if row.mark is Mark.DIFFERENT else ""
        table.add_row(
            row.label, escape(row.left), escape(row.right), _MARKS[row.mark].format(mark=row.mark), style=style
        )
    out.print(table)


def _show_rest(case: Case) -> None:
    told = case.decision
    for title, lines in (("veto", told["vetoes"]), ("doubt", told["guards"]), ("register", told["registers"])):
        for line in lines:
            out.print(f"[yellow]{title}[/yellow] {escape(str(line))}")
    if told["blocks"]:
        out.print(f"found by {escape(', '.join(map(str, told['blocks'])))}")
    if told["counts"]:
        out.print(f"counted {escape(', '.join(f'{name} {count}' for name, count in told['counts'].items()))}")
    out.print(f"[dim]{escape(str(told['why']))}[/dim]")
