"""``dedupe review``, ``show`` and ``decide``: cases for a person, and the answers. Merges nothing.

Takes no answer about records that changed since the person looked at them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli import dedupe_csv
from syncd.cli.answering import LAST_NUMBER, usage, who
from syncd.cli.common import ConfigOption, Exit, JsonOption, err, opened, out, print_json
from syncd.cli.dedupe_records import SEPARATORS
from syncd.cli.dedupe_show import Looked, case_json, show_case
from syncd.counterparties.calibrate import NO_TIER
from syncd.counterparties.decision import TIERS
from syncd.counterparties.party import Party
from syncd.counterparties.sentences import sentence
from syncd.errors import ConfigError, NotFound, Stale
from syncd.mapping.problems import did_you_mean
from syncd.ports.merges import MergeState
from syncd.ports.parties import Case, CaseState, StoredParty
from syncd.wiring import App

DirectoryArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="One of `dedupe:` in the configuration; without it all.")
]
_OPEN: Final = (CaseState.OPEN,)
_ENDED: Final = frozenset({CaseState.MERGED, CaseState.GONE})
_MANY: Final = 1_000_000


def register(group: typer.Typer) -> None:
    """Add these commands to the group ``dedupe``."""
    group.command("review")(review)
    group.command("show")(show)
    group.command("decide")(decide)


def directories(app: App, name: str | None) -> list[str]:
    """The directories to work on. Raises ConfigError for one that is not configured, and where none is."""
    known = app.settings.dedupe
    if not known:
        raise usage("the configuration has no `dedupe:` block: there is nothing to search for duplicates")
    if name is not None and name not in known:
        raise usage(f"`dedupe:` has no {name!r}; there are {', '.join(known)}", did_you_mean(name, known))
    return list(known) if name is None else [name]


def review(
    name: DirectoryArgument = None,
    config: ConfigOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write them to this file, for a spreadsheet.")] = None,
    separator: Annotated[str, typer.Option(help='What stands between cells; ";" for a Polish or German Excel.')] = ",",
    limit: Annotated[int, typer.Option(help="At most this many.", min=1, max=_MANY)] = 500,
    tier: Annotated[list[str] | None, typer.Option(help="Only this tier, or `none`; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> int:
    """Open cases, those that are most likely one party first. Ends with 2 when there are any.

    Examples: syncd dedupe review counterparties --limit 20

              syncd dedupe review --csv cases.csv
    """
    chosen = _tiers(tier)
    if separator not in SEPARATORS:
        raise usage('--separator is "," or ";" or a tab')
    with opened(config, level="warning") as app:
        looked = looked_at(app, _open_cases(app, directories(app, name), chosen, limit))
    if csv is not None:
        count = dedupe_csv.write(csv, looked, separator)
        err.print(
            f"{count} cases in {escape(str(csv))}: fill in the column decision, then syncd dedupe decide --from it"
        )
    if as_json:
        print_json({"cases": [case_json(one) for one in looked]})
    elif csv is None:
        _table(looked)
    return Exit.PENDING if looked else Exit.DONE


def show(
    number: Annotated[int, typer.Argument(min=1, max=LAST_NUMBER, metavar="CASE")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """One case: both records side by side, why it is asked, and every piece of evidence.

    Example: syncd dedupe show 12
    """
    with opened(config, level="warning") as app:
        (one,) = looked_at(app, [found(app, number)])
        known = app.store.merges(one.case.directory, tuple(MergeState), _MANY)
        merges = [merge for merge in known if merge.plan.case_id == number]
        answers = app.store.case_history(number)
    if as_json:
        print_json(case_json(one, merges, answers))
    else:
        show_case(one, merges, answers)
    return Exit.DONE


def decide(
    number: Annotated[int | None, typer.Argument(min=1, max=LAST_NUMBER, metavar="[CASE]")] = None,
    answer: Annotated[str | None, typer.Argument(metavar="[yes|no|open]", help="open: take an answer back.")] = None,
    file: Annotated[Path | None, typer.Option("--from", help="Answers in a CSV or JSON file.")] = None,
    note: Annotated[str, typer.Option(help="Why; kept with the answer.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so; by default the user at the keyboard.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say that two records are one party (yes), or never (no). A no is for good and is never asked again.

    Nothing is merged by this. Of a file, a row that cannot be taken is told with its line; the others are taken.

    Examples: syncd dedupe decide 12 no --note "sister company"

              syncd dedupe decide --from cases.csv
    """
    if (file is None) == (number is None or answer is None):
        raise usage("give a case and yes, no or open; or --from FILE")
    if file is not None and (number is not None or answer is not None or note):
        raise usage("--from FILE has the cases, the answers and the notes")
    with opened(config, level="warning") as app:
        person = by or who()
        if file is not None:
            return _from_file(app, file, person, as_json=as_json)
        case = _answerable(app, number or 0)
        said = dedupe_csv.ANSWERS.get(str(answer).lower())
        if said is None:
            raise usage(f"the answer is yes, no or open, not {answer!r}", did_you_mean(str(answer), dedupe_csv.ANSWERS))
        done = app.store.answer_case(case.id, said, person, note, (case.left_inputs, case.right_inputs))
    if as_json:
        print_json({"case": done.id, "state": str(done.state), "by": done.decided_by, "note": done.note})
    else:
        out.print(f"case {done.id}: {done.state}")
    return Exit.DONE


def found(app: App, number: int) -> Case:
    """A case. Raises ConfigError when there is none of this number."""
    case = app.store.case(number)
    if case is None:
        raise usage(f"there is no case {number}; syncd dedupe review shows those that are open")
    return case


def _from_file(app: App, file: Path, person: str, *, as_json: bool) -> int:
    rows = dedupe_csv.read(file)
    told: Counter[str] = Counter()
    refused: list[dict[str, Any]] = []
    for row in rows:
        why = row.problem or _taken(app, row, person)
        if why:
            refused.append({"where": row.where, "case": row.case or None, "why": why})
        else:
            told[str(row.answer)] += 1
    if as_json:
        print_json({"taken": dict(sorted(told.items())), "refused": refused})
    else:
        table = Table("answer", "cases")
        for name in (*dedupe_csv.ANSWERS, "refused"):
            table.add_row(name, str(len(refused) if name == "refused" else told[name]))
        out.print(table)
        for one in refused:
            err.print(f"[yellow]refused[/yellow] {escape(one['where'])}: {escape(one['why'])}")
    return Exit.PENDING if refused else Exit.DONE


def _taken(app: App, row: dedupe_csv.Row, person: str) -> str:
    """Take one answer; why not, where it cannot be taken."""
    if row.answer is None:
        return "has no answer"
    try:
        _answerable(app, row.case)
        app.store.answer_case(row.case, row.answer, person, row.note, row.seen)
    except (Stale, NotFound, ConfigError) as refused:
        return _words(refused)
    return ""


def _words(refused: Exception) -> str:
    return refused.problems[0].message if isinstance(refused, ConfigError) else str(refused)


def _answerable(app: App, number: int) -> Case:
    """A case that an answer can still be given to. Raises ConfigError."""
    case = found(app, number)
    if case.state in _ENDED:
        why = "its records are merged" if case.state is CaseState.MERGED else "one of its records is gone"
        raise usage(f"case {number} is over: {why}")
    return case


def _open_cases(app: App, names: Sequence[str], tiers: frozenset[str] | None, limit: int) -> list[Case]:
    """The strongest open cases of several directories, at most ``limit`` in all."""
    wanted = limit if tiers is None else _MANY
    cases = [case for name in names for case in app.store.cases(name, _OPEN, limit=wanted)]
    cases = [case for case in cases if tiers is None or (case.tier or NO_TIER) in tiers]
    return sorted(cases, key=lambda case: (-case.bits, case.id))[:limit]


def looked_at(app: App, cases: Sequence[Case]) -> list[Looked]:
    """Cases with their parties as they were last read."""
    stored: dict[tuple[str, str], StoredParty] = {}
    for name in {case.directory for case in cases}:
        keys = {key for case in cases if case.directory == name for key in (case.left, case.right)}
        stored |= {(name, key): one for key, one in app.store.last_known(name, sorted(keys)).items()}
    return [_looked(case, *(stored.get((case.directory, key)) for key in (case.left, case.right))) for case in cases]


def _looked(case: Case, left: StoredParty | None, right: StoredParty | None) -> Looked:
    gone = [key for key, one in ((case.left, left), (case.right, right)) if one is None or one.gone]
    one, other = (None if stored is None else stored.party for stored in (left, right))
    return Looked(case, one, other, tuple(gone))


def _tiers(given: list[str] | None) -> frozenset[str] | None:
    known = (*TIERS, NO_TIER)
    for name in given or ():
        if name not in known:
            raise usage(f"--tier is one of {', '.join(known)}, not {name!r}", did_you_mean(name, known))
    return frozenset(given) if given else None


def _table(looked: Sequence[Looked]) -> None:
    if not looked:
        out.print("no open cases")
        return
    table = Table("case", "bits", "tier", "one", "the other", "why")
    for one in looked:
        table.add_row(
            str(one.case.id),
            f"{one.case.bits:.1f}",
            one.case.tier or "-",
            *(_short(key, party) for key, party in one.sides),
            escape(sentence(one.case.decision)),
        )
    out.print(table)
    out.print("[bold]syncd dedupe show CASE[/bold] shows one, [bold]syncd dedupe decide CASE yes|no[/bold] answers it")


def _short(key: str, party: Party | None) -> str:
    return escape(f"{party.name} ({key})" if party is not None and party.name else key)
