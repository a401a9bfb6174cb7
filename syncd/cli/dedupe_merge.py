"""``dedupe merge``: the merge plan, a person's approval, and carrying out what is approved.

Approves nothing that was not shown as it is, and sends nothing without ``--apply``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.markup import escape

from syncd import wiring_dedupe
from syncd.cli import dedupe_plan
from syncd.cli.answering import LAST_NUMBER, usage, who
from syncd.cli.common import ConfigOption, Exit, JsonOption, err, interruptible, opened, out, print_json
from syncd.cli.dedupe_review import DirectoryArgument, directories
from syncd.cli.dedupe_review import found as case_of
from syncd.engine.dedupe import merging, proposing
from syncd.engine.dedupe.desk import Desk
from syncd.engine.dedupe.merging import MergeReport
from syncd.errors import GuardRefused, NotFound, Refused, Stale
from syncd.mapping.directories import FLOWTLY, MERGEABLE
from syncd.ports.merges import Merge, MergeState
from syncd.wiring import App

_OPEN: Final = tuple(state for state in MergeState if state.open)
_WAITING: Final = frozenset({MergeState.PROPOSED, MergeState.APPROVED})
_MANY: Final = 100_000

OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="Save the plan to this file.")]
ApproveOption = Annotated[
    list[int] | None,
    typer.Option("--approve", min=1, max=LAST_NUMBER, metavar="CASE", help="Approve it; may be repeated."),
]
AllOption = Annotated[bool, typer.Option("--all", help="Approve everything that is proposed.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="Approve exactly what a saved plan holds.")]
SurvivorOption = Annotated[
    list[str] | None, typer.Option("--survivor", metavar="CASE=KEY", help="Which record survives; may be repeated.")
]
ApplyOption = Annotated[bool, typer.Option("--apply", help="Carry out what is approved. There is no way back.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; you have looked at the plan.")]
ByOption = Annotated[str | None, typer.Option(help="Who says so; by default the user at the keyboard.")]


@dataclass(slots=True)
class _Told:
    """What became of it all."""

    left: dict[int, str] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    reports: list[tuple[str, MergeReport]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    @property
    def code(self) -> Exit:
        """The exit code."""
        if self.busy or any(report.outcome in {"busy", "ended", "stopped"} for _, report in self.reports):
            return Exit.ERROR
        waiting = any(merge.state.open for merge in self.merges)
        return Exit.PENDING if waiting or self.refused else Exit.DONE


def register(group: typer.Typer) -> None:
    """Add this command to the group ``dedupe``."""
    group.command("merge")(merge)


def merge(
    name: DirectoryArgument = None,
    config: ConfigOption = None,
    output: OutputOption = None,
    approve: ApproveOption = None,
    everything: AllOption = False,
    file: FromOption = None,
    survivor: SurvivorOption = None,
    apply: ApplyOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> int:
    """The merge plan: who survives, what it gets, new bank accounts in red. Sends nothing without --apply.

    Examples: syncd dedupe merge counterparties -o plan.json

              syncd dedupe merge --approve 12 --approve 17

              syncd dedupe merge --apply
    """
    if sum((bool(approve), everything, file is not None)) > 1:
        raise usage("give one of --approve, --all and --from")
    approving = bool(approve) or everything or file is not None
    if survivor and (approving or apply):
        raise usage("--survivor makes a new plan: look at it before you approve it")
    pins, saved = _pins(survivor or ()), {} if file is None else dedupe_plan.load(file)
    told = _Told()
    with opened(config, level="warning") as app, interruptible() as stop:
        desks = [wiring_dedupe.desk(app, one) for one in mergeable(app, name)]
        for desk in desks if apply else ():  # all of them before the first is touched
            _require_merging(desk)
        _require_asking(app, desks, pins)
        if not approving and not apply:
            for desk in desks:
                _propose(desk, pins, stop, told)
        if approving:
            wanted = _wanted(desks, approve or (), saved, everything=everything)
            _approve(wanted, saved, by or who(), told, yes=yes)
        for desk in desks if apply else ():
            told.reports.append((desk.directory, merging.carry_out(desk, stop)))
        told.merges = list(_shown(desks, told.reports))
        planned = {one.plan.case_id for one in told.merges}
        for case in pins if not told.busy else ():
            if case not in planned:
                told.left.setdefault(case, f"it asks for no merge; first: syncd dedupe decide {case} yes")
    if output is not None:
        count = dedupe_plan.save(output, told.merges)
        err.print(f"{count} merges in {escape(str(output))}; after a second look: syncd dedupe merge --from it")
    _print(told, as_json=as_json)
    return told.code


def mergeable(app: App, name: str | None) -> list[str]:
    """The directories whose records can be merged at all. Raises ConfigError where there is none."""
    names = directories(app, name)
    specs = app.settings.dedupe
    found = [one for one in names if (specs[one].system, specs[one].resource) == (FLOWTLY, MERGEABLE)]
    if not found:
        raise usage(f"only {FLOWTLY} {MERGEABLE} can be merged, and {', '.join(names)} has none of them")
    return found


def merge_of(app: App, case: int, states: Sequence[MergeState] = tuple(MergeState)) -> Merge:
    """The latest merge of a case in one of these states. Raises ConfigError when there is none."""
    known = [one for one in app.store.merges(None, tuple(MergeState), _MANY) if one.plan.case_id == case]
    if not known:
        raise usage(f"case {case} has no merge; syncd dedupe merge shows those there are")
    found = [one for one in known if one.state in states]
    if not found:
        raise usage(f"the merge of case {case} is {known[-1].state}, not {' or '.join(states)}")
    return found[-1]


def _require_asking(app: App, desks: Sequence[Desk], pins: Mapping[int, str]) -> None:
    """Raises ConfigError for a pin that no plan would ever look at."""
    for number, key in pins.items():
        case = case_of(app, number)
        if case.directory not in {desk.directory for desk in desks}:
            raise usage(f"--survivor {number}: case {number} is of {case.directory}, which is not planned here")
        if key not in {case.left, case.right}:
            raise usage(f"--survivor {number}: {key} is neither {case.left} nor {case.right}")


def _propose(desk: Desk, pins: Mapping[int, str], stop: Event, told: _Told) -> None:
    found = proposing.propose(desk, stop, pins)
    told.left |= found.left or {}
    if found.busy:
        told.busy.append(desk.directory)


def _wanted(
    desks: Sequence[Desk], cases: Iterable[int], saved: Mapping[UUID, Mapping[str, str]], *, everything: bool
) -> list[tuple[Desk, Merge]]:
    """What is to be approved. Raises ConfigError for something that does not wait for it."""
    proposed = [
        (desk, one) for desk in desks for one in desk.store.merges(desk.directory, [MergeState.PROPOSED], _MANY)
    ]
    if everything:
        return proposed
    by_case = {one.plan.case_id: (desk, one) for desk, one in proposed}
    by_id = {one.id: (desk, one) for desk, one in proposed}
    unknown = [f"case {case}" for case in cases if case not in by_case] + [
        f"merge {id_}" for id_ in saved if id_ not in by_id
    ]
    if unknown:
        hint = "syncd dedupe merge plans them anew and shows which do"
        raise usage(f"no merge waits for approval: {', '.join(unknown)}", hint)
    return [by_id[id_] for id_ in saved] or [by_case[case] for case in dict.fromkeys(cases)]


def _approve(
    wanted: Sequence[tuple[Desk, Merge]],
    saved: Mapping[UUID, Mapping[str, str]],
    person: str,
    told: _Told,
    *,
    yes: bool,
) -> None:
    """Show, ask, approve exactly what was shown; of a saved plan exactly what it holds."""
    if not wanted:
        err.print("no merge waits for approval")
        return
    for desk in {desk.directory: desk for desk, _ in wanted}.values():
        _require_merging(desk)
    if not yes:
        for _, one in wanted:
            dedupe_plan.show_merge(one)
        risky = sum(bool(one.plan.needs_approval_of) for _, one in wanted)
        risk = f" {risky} of them bring NEW BANK ACCOUNTS." if risky else ""
        typer.confirm(f"Approve {len(wanted)} merges?{risk} A merge cannot be undone.", abort=True, err=True)
    for desk, one in wanted:
        try:
            proposing.approve(desk, one.id, person, saved.get(one.id, one.plan.digests))
        except (Stale, Refused, NotFound) as error:
            told.refused.append(f"case {one.plan.case_id}: {error}")


def _require_merging(desk: Desk) -> None:
    """Raises GuardRefused where the configuration does not say how records are merged."""
    if desk.spec is None:
        why = f"directory {desk.directory} has no `merge:` block, and Flowtly does not publish what to send"
        raise GuardRefused((f"{why}: nothing is approved or merged (docs/dedupe.md)",))


def _shown(desks: Sequence[Desk], reports: Sequence[tuple[str, MergeReport]]) -> Iterator[Merge]:
    """What waits or needs a look, unclear ones first, and what this run ended."""
    ended = {one.id: one for _, report in reports for one in report.ended}
    waiting = {one.id: one for desk in desks for one in desk.store.merges(desk.directory, _OPEN, _MANY)}
    both = {**ended, **waiting}.values()
    yield from sorted(
        both, key=lambda one: (one.state in _WAITING, one.plan.directory, -one.plan.bits, one.plan.case_id)
    )


def _print(told: _Told, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "merges": [dedupe_plan.merge_json(one) for one in told.merges],
                "not_proposed": [{"case": case, "why": why} for case, why in sorted(told.left.items())],
                "refused": told.refused,
                "busy": told.busy,
                "runs": [_report_json(name, report) for name, report in told.reports],
            }
        )
        return
    for one in told.merges:
        dedupe_plan.show_merge(one)
    for case, why in sorted(told.left.items()):
        out.print(f"case {case} cannot be merged: {escape(why)}")
    for line in told.refused:
        err.print(f"[yellow]not approved[/yellow] {escape(line)}")
    for directory in told.busy:
        err.print(f"{escape(directory)} is being searched or merged now; try again when that has ended")
    for directory, report in told.reports:
        why = f": {report.why}" if report.why else ""
        out.print(f"{escape(directory)}: {report.outcome}{escape(why)}; {report.waiting} approved wait for another run")
    counts = {state: sum(one.state is state for one in told.merges) for state in MergeState}
    out.print(", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no merge waits")


def _report_json(name: str, report: MergeReport) -> dict[str, Any]:
    return {"directory": name, "outcome": report.outcome, "waiting": report.waiting, "why": report.why}


def _pins(given: Iterable[str]) -> dict[int, str]:
    pins: dict[int, str] = {}
    for text in given:
        case, mark, key = text.partition("=")
        if not (mark and key and case.isascii() and case.isdigit()):
            raise usage(f"--survivor wants CASE=KEY, such as 12=/api/counterparties/17, not {text[:60]!r}")
        pins[int(case)] = key
    return pins
