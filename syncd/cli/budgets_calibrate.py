"""``budgets calibrate``: what Flowtly's link amounts count, by the links that exist, and a person's decision about it.

Writes to no peer; only ``--accept`` stores something, and only after a yes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from syncd import telemetry
from syncd.budgets.calibrate import LEAST, Proposal
from syncd.cli.answering import usage, who
from syncd.cli.budgets_explain import AllocationOption
from syncd.cli.budgets_reading import chosen
from syncd.cli.common import ConfigOption, Exit, JsonOption, err, opened, out, print_json
from syncd.core.model import Side
from syncd.engine.allocating.calibrating import examined
from syncd.engine.allocating.compiling import Allocation
from syncd.engine.allocating.facts import Facts
from syncd.mapping.problems import did_you_mean
from syncd.ports.budget_links import Calibration, Unit
from syncd.wiring import App

_SIGNS: Final = {"negative": -1, "positive": 1}
_WORDS: Final = {
    "links": "links",
    "with_amount": "links with an amount",
    "currency_without_decimals": "of them in a currency without decimals: they say nothing",
    "currency_unknown": "of them in a currency that is not known: they say nothing",
    "whole_in_minor": "transactions that their links make up exactly, if amounts are cents",
    "whole_in_major": "transactions that their links make up exactly, if amounts are whole currency units",
    "over_in_minor": "transactions that their links exceed, if amounts are cents",
    "over_in_major": "transactions that their links exceed, if amounts are whole currency units",
    "far_over_in_major": "of them more than ten times: nobody links so much, so amounts are cents",
    "sign_opposite": "links whose amount has the other sign than the transaction",
    "sign_same": "links whose amount has the transaction's sign",
    "whole_links_negative": "links without an amount, of negative transactions",
    "whole_links_positive": "links without an amount, of positive transactions",
}


def calibrate_command(
    allocation: AllocationOption = None,
    accept: Annotated[
        str | None, typer.Option(help="Store the decision: amounts are cents, or whole units.", metavar="minor|major")
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(
            help="How Flowtly's transactions write a cost; by default as found, or as configured.",
            metavar="negative|positive",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """What the links in Flowtly say about the unit of their amounts. With --accept the decision is stored.

    Without a decision no amount is written, unless the allocation file names the unit. Ends with 2 while one is
    missing.

    Examples: syncd budgets calibrate

              syncd budgets calibrate -a costs --accept minor
    """
    unit, given = _unit(accept), _sign(sign)
    if given is not None and unit is None:
        raise usage("--sign goes with --accept")
    with opened(config, level="warning") as app:
        told = [_look(app, one) for one in chosen(app, allocation)]
        if unit is not None:
            for one, found in told:
                _accept(app, one, found, unit, given, yes=yes, quiet=as_json)
        rows = [(one, found, app.store.calibration(one.name)) for one, found in told]
    if as_json:
        print_json([_json(*row) for row in rows])
    else:
        for row in rows:
            _show(*row)
    missing = any(known is None and one.links.unit == "calibrated" for one, _, known in rows)
    return Exit.PENDING if missing else Exit.DONE


def _look(app: App, allocation: Allocation) -> tuple[Allocation, Proposal]:
    flowtly = app.connector(Side.FLOWTLY)
    facts = Facts(flowtly, app.clock, telemetry.emit)
    return allocation, examined(
        flowtly, facts, allocation.links.resource, allocation.target_field, allocation.exponents
    )


def _accept(
    app: App, allocation: Allocation, found: Proposal, unit: Unit, sign: int | None, *, yes: bool, quiet: bool
) -> None:
    """Store what a person says. Raises ConfigError where the sign is unclear, Abort for a no."""
    decided = sign or found.sign or allocation.transaction_factor
    for text in _doubts(found, unit, decided):
        err.print(f"[yellow]note[/yellow] {escape(text)}")
    if not yes:
        if not quiet:
            _evidence(allocation, found)
        typer.confirm(
            f"{allocation.name}: amounts count {_meaning(unit)}, a cost is {_word(decided)}?", abort=True, err=True
        )
    before = app.store.calibration(allocation.name)
    app.store.calibrate(allocation.name, Calibration(unit, decided, dict(found.evidence), who(), app.clock.now()))
    if before is not None and (before.unit, before.sign) != (unit, decided):
        err.print(f"[yellow]note[/yellow] this replaces {before.unit}: `syncd plan`, then `syncd apply`")


def _doubts(found: Proposal, unit: Unit, sign: int) -> list[str]:
    """What speaks against a decision."""
    doubts = [*found.contradictions]
    if found.unit is None:
        doubts.append(f"the links do not tell the unit (at least {LEAST} that do are needed); this is your word alone")
    elif found.unit != unit:
        doubts.append(f"the links say {found.unit}, not {unit}")
    if found.sign is not None and found.sign != sign:
        doubts.append(f"the links say that a cost is {_word(found.sign)}, not {_word(sign)}")
    return doubts


def _json(allocation: Allocation, found: Proposal, known: Calibration | None) -> dict[str, Any]:
    return {
        "allocation": allocation.name,
        "configured": allocation.links.unit,
        "proposal": {"unit": found.unit, "sign": None if found.sign is None else _word(found.sign)},
        "evidence": dict(found.evidence),
        "contradictions": list(found.contradictions),
        "decided": None
        if known is None
        else {
            "unit": str(known.unit),
            "sign": _word(known.sign),
            "by": known.by,
            "at": known.at.isoformat(timespec="seconds"),
        },
    }


def _show(allocation: Allocation, found: Proposal, known: Calibration | None) -> None:
    _evidence(allocation, found)
    for text in found.contradictions:
        out.print(f"[yellow]contradiction[/yellow] {escape(text)}")
    if known is not None:
        out.print(
            f"decided by {escape(known.by)} at {known.at:%Y-%m-%d %H:%M}: amounts count {_meaning(known.unit)} "
            f"({known.unit}), a cost is {_word(known.sign)}"
        )
    elif allocation.links.unit != "calibrated":
        out.print(f"the allocation file says unit: {allocation.links.unit}; no decision is needed")
    elif found.unit is not None:
        name = escape(allocation.name)
        out.print(
            f"proposed: {found.unit}; [bold]syncd budgets calibrate -a {name} --accept {found.unit}[/bold] stores it"
        )
    else:
        out.print("the links do not tell. Link one transaction by hand with a part of its amount, and look again")


def _evidence(allocation: Allocation, found: Proposal) -> None:
    out.print(f"[bold]{escape(allocation.name)}[/bold]: links in {escape(allocation.links.resource)}")
    table = Table("", "what the links say")
    for name, count in found.evidence.items():
        if count:
            table.add_row(str(count), _WORDS.get(name, name.replace("_", " ")))
    out.print(table if table.rows else "there are no links yet")


def _unit(text: str | None) -> Unit | None:
    if text is not None and text not in set(Unit):
        raise usage(f"--accept is minor or major, not {text!r}", did_you_mean(text, [*Unit]))
    return None if text is None else Unit(text)


def _sign(text: str | None) -> int | None:
    if text is not None and text not in _SIGNS:
        raise usage(f"--sign is negative or positive, not {text!r}", did_you_mean(text, _SIGNS))
    return None if text is None else _SIGNS[text]


def _word(sign: int) -> str:
    return "negative" if sign < 0 else "positive"


def _meaning(unit: Unit) -> str:
    return "minor units (cents)" if unit is Unit.MINOR else "whole currency units"
