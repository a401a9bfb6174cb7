"""``budgets``: which cost is on which budget, and why. Puts the group's commands together; no rule is decided here."""

from __future__ import annotations

import typer

from syncd.cli.budgets_calibrate import calibrate_command
from syncd.cli.budgets_coverage import coverage_command
from syncd.cli.budgets_explain import explain_command
from syncd.cli.budgets_totals import incidents_command, totals_command

budgets = typer.Typer(help="Costs on budgets: why each is where it is, and whether all add up.", no_args_is_help=True)
budgets.command("explain")(explain_command)
budgets.command("coverage")(coverage_command)
budgets.command("calibrate")(calibrate_command)
budgets.command("totals")(totals_command)
budgets.command("incidents")(incidents_command)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(budgets, name="budgets")
