"""``budgets coverage``: which share of the postings the rules reach, and what they miss. Changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.budgets_coverage_show import covered_json, show_covered
from syncd.cli.budgets_covered import covered
from syncd.cli.budgets_explain import AllocationOption
from syncd.cli.budgets_reading import chosen
from syncd.cli.common import ConfigOption, Exit, JsonOption, opened, print_json


def coverage_command(
    allocation: AllocationOption = None,
    year: Annotated[int | None, typer.Option(help="Postings of this year; by default the current one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Postings of all years.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Which share of the postings the rules reach, by rule and currency, and what nobody claims. Changes nothing.

    Ends with 2 where a rule names a budget that Flowtly has not, or a posting cannot be allocated.

    Example: syncd budgets coverage --year 2026
    """
    with opened(config, level="warning") as app:
        wanted = None if every else year or app.clock.now().year
        found = [covered(app, one, wanted) for one in chosen(app, allocation)]
    if as_json:
        print_json([covered_json(one) for one in found])
    else:
        for one in found:
            show_covered(one)
    return Exit.PENDING if any(one.unknown or one.seen.problem_count for one in found) else Exit.DONE
