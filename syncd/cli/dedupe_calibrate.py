"""``dedupe calibrate``: what people's answers say about the tiers and the bits. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.common import ConfigOption, Exit, JsonOption, opened, out, print_json
from syncd.cli.dedupe_review import DirectoryArgument, directories
from syncd.counterparties.calibrate import (
    AUTOMATIC_AT,
    NO_TIER,
    PROPOSE_AT,
    Answered,
    Calibration,
    Share,
    TierShare,
    calibrate,
)
from syncd.mapping.directories import DirectorySpec
from syncd.ports.parties import CaseState
from syncd.wiring import App

_ANSWERED: Final = (CaseState.YES, CaseState.NO, CaseState.MERGED, CaseState.GONE)
_MANY: Final = 1_000_000


def register(group: typer.Typer) -> None:
    """Add this command to the group ``dedupe``."""
    group.command("calibrate")(calibrate_command)


def calibrate_command(name: DirectoryArgument = None, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """How often each tier was right by your answers, with 95 % bounds, and what that would allow. Changes nothing.

    Example: syncd dedupe calibrate counterparties
    """
    with opened(config, level="warning") as app:
        found = {one: calibrate(_answers(app, one)) for one in directories(app, name)}
        specs = {one: app.settings.dedupe[one] for one in found}
    if as_json:
        print_json({one: _json(known, specs[one]) for one, known in found.items()})
        return Exit.DONE
    for one, known in found.items():
        _show(one, known, specs[one])
    return Exit.DONE


def _answers(app: App, name: str) -> Iterator[Answered]:
    """Every pair that a person has answered. Of one answered several times the latest word counts.

    A case that was merged without a person's answer says nothing about the rules: they would praise themselves.
    """
    for case in app.store.cases(name, _ANSWERED, limit=_MANY):
        said = None if case.decided_by is None else app.store.case_history(case.id)
        if said and said[-1].answer != "open":
            yield Answered(case.decision, said[-1].answer == "yes")


def _show(name: str, found: Calibration, spec: DirectorySpec) -> None:
    out.print(f"[bold]{escape(name)}[/bold]: {found.answers} answers")
    if not found.answers:
        out.print("nothing to learn from yet: syncd dedupe review, then syncd dedupe decide")
        return
    tiers = Table("tier", "yes", "no", "at least", "clean yes", "clean no", "now", "the answers allow")
    for one in found.tiers:
        tiers.add_row(
            *(one.name, str(one.yes), str(one.no), f"{one.low:.1%}", str(one.clean_yes), str(one.clean_no)),
            _now(one.name, spec),
            _allowed(one),
        )
    out.print(tiers)
    bits = Table("bits", "yes", "no", "share of yes", "at least", "at most")
    for band in found.bits:
        bits.add_row(
            *(band.name, str(band.yes), str(band.no), f"{band.yes / band.answers:.1%}"),
            *(f"{band.low:.1%}", f"{band.high:.1%}"),
        )
    out.print(bits)
    for weight in found.weights:
        if weight.worth_a_look:
            what = escape(f"{weight.field} {weight.level}")
            seen = f"seen on {weight.yes} yes and {weight.no} no"
            out.print(f"{what} counts {weight.bits:+.1f} bits; your answers say {weight.answered:+.1f} ({seen})")
    out.print("'At least' is the lower 95 % bound. Nothing was changed; tiers are switched on in the configuration.")


def _now(tier: str, spec: DirectorySpec) -> str:
    if tier in spec.automatic:
        return "automatic"
    return "proposed" if tier in spec.proposed else "one by one"


def _allowed(one: TierShare) -> str:
    if one.name == NO_TIER:
        return "one by one: no rule stands behind these pairs"
    parts = [str(one.advice)]
    for goal, bound in (("proposed", PROPOSE_AT), ("automatic", AUTOMATIC_AT)):
        more = one.missing(bound)
        if more and one.clean_no == 0:
            parts.append(f"{more} more yes without a no until {goal}")
    return "; ".join(parts)


def _json(found: Calibration, spec: DirectorySpec) -> dict[str, Any]:
    return {
        "answers": found.answers,
        "tiers": [
            {
                **_share(one),
                "clean_yes": one.clean_yes,
                "clean_no": one.clean_no,
                "now": _now(one.name, spec),
                "advice": "one by one" if one.name == NO_TIER else str(one.advice),
                "missing": {"proposed": one.missing(PROPOSE_AT), "automatic": one.missing(AUTOMATIC_AT)},
            }
            for one in found.tiers
        ],
        "bits": [_share(one) for one in found.bits],
        "weights": [
            {
                "field": one.field,
                "level": one.level,
                "bits": one.bits,
                "answered": one.answered,
                "yes": one.yes,
                "no": one.no,
                "worth_a_look": one.worth_a_look,
            }
            for one in found.weights
        ],
    }


def _share(one: Share) -> dict[str, Any]:
    return {"name": one.name, "yes": one.yes, "no": one.no, "low": round(one.low, 4), "high": round(one.high, 4)}
