"""``dedupe``: duplicate counterparties. Puts the group's commands together; no rule is decided here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import dedupe_calibrate, dedupe_ends, dedupe_files, dedupe_merge, dedupe_review
from syncd.cli.answering import usage
from syncd.cli.common import ConfigOption, JsonOption
from syncd.cli.dedupe_scan import scan_directories

dedupe = typer.Typer(help="Duplicate counterparties: find, review and merge them.", no_args_is_help=True)

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The CSV file to write.")]
TiersOption = Annotated[
    str, typer.Option(help="Tiers that may be automatic, with commas between them, or `all`.", metavar="T1,T2,...|all")
]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(dedupe, name="dedupe")


@dedupe.command("score")
def score(
    records: Annotated[Path, typer.Argument(help="A CSV file of records; see `docs/dedupe.md` for its columns.")],
    pairs: Annotated[Path, typer.Option(help="A CSV file with the columns left_id and right_id.")],
    output: OutputOption,
    tiers: TiersOption = dedupe_files.DEFAULT_TIERS,
) -> int:
    """Decide given pairs of a file's records. Needs no database and no configuration.

    Example: syncd dedupe score records.csv --pairs pairs.csv -o scored.csv
    """
    return dedupe_files.score(records, pairs, output, tiers)


@dedupe.command("scan")
def scan(
    name: dedupe_review.DirectoryArgument = None,
    config: ConfigOption = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Instead: a CSV file of records; see `docs/dedupe.md` for its columns. Needs -o."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --records: the CSV file to write.")
    ] = None,
    tiers: Annotated[str | None, typer.Option(help="With --records: as for `score`.", metavar="T1,...|all")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Decide every pair anew, not only what changed.")] = False,
    shrunk_is_right: Annotated[
        bool, typer.Option("--shrunk-is-right", help="So many records are really gone; close their cases.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Search for duplicates and open cases. Writes to no peer. Ends with 2 when cases are open.

    With --records the duplicates of a file are found instead, without a database and a configuration.

    Examples: syncd dedupe scan counterparties

              syncd dedupe scan --records suppliers.csv -o duplicates.csv
    """
    if records is None:
        if output is not None or tiers is not None:
            raise usage("--output and --tiers go with --records FILE")
        return scan_directories(name, config, whole=whole, shrunk_is_right=shrunk_is_right, as_json=as_json)
    if output is None:
        raise usage("--records FILE needs -o FILE for what is found")
    if name is not None or config is not None or whole or shrunk_is_right or as_json:
        raise usage("--records FILE goes with -o and --tiers only: it knows no configuration")
    return dedupe_files.scan(records, output, tiers or dedupe_files.DEFAULT_TIERS)


for part in (dedupe_review, dedupe_merge, dedupe_ends, dedupe_calibrate):
    part.register(dedupe)
