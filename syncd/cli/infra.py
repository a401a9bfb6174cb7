"""``db``, ``sandbox`` and ``demo``: the store's schema, a local Flowtly to try things on, and a guided tour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from syncd.cli.common import ConfigOption, Exit, err, opened, out
from syncd.errors import ConfigError, Problem
from syncd.store import migrate

db = typer.Typer(help="The mapping store's schema.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(db, name="db")
    app.command()(sandbox)
    app.command()(demo)


@db.command("upgrade")
def upgrade(config: ConfigOption = None, revision: str = "head") -> int:
    """Bring the schema to this version (the daemon does this by itself when it starts).

    Example: syncd db upgrade
    """
    with opened(config, level="warning") as app:
        migrate.upgrade(app.database_url(), revision)
        out.print(f"the schema is at {migrate.current(app.database_url())}")
    return Exit.DONE


@db.command("status")
def status(config: ConfigOption = None) -> int:
    """Which schema the database has and which this version wants.

    Example: syncd db status
    """
    with opened(config, level="warning") as app:
        current, head = migrate.current(app.database_url()), migrate.head()
    out.print(f"database {current or 'empty'}, this version {head}")
    return Exit.DONE if current == head else Exit.PENDING


def sandbox(
    host: str = "127.0.0.1",
    port: int = 8150,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this file.")] = None,
    envelope: Annotated[str, typer.Option(help="hydra (API Platform 3) or plain (4).")] = "hydra",
    prefix: Annotated[str, typer.Option(help='Path prefix of the routes: "/api" or "".')] = "/api",
    seed: int = 1,
    clients: Annotated[int, typer.Option(help="How many sample clients.")] = 65,
    transactions: Annotated[int, typer.Option(help="How many sample bank transactions.")] = 120,
    invoices: Annotated[int, typer.Option(help="How many sample invoices.")] = 24,
    linked_amounts: Annotated[
        bool, typer.Option("--linked-amounts", help="Budgets say what their transaction links weigh.")
    ] = False,
    empty: Annotated[bool, typer.Option("--empty", help="No sample data but the lookups.")] = False,
    references: Annotated[str, typer.Option(help="How country and currency are given: iri or code.")] = "iri",
) -> int:
    """A local Flowtly for trying mappings without risk. Log in as sync@flowtly.test with the password sandbox.

    Example: syncd sandbox --port 8150 --envelope plain
    """
    try:
        from syncd.sandbox.config import SandboxConfig  # noqa: PLC0415 - an extra that the daemon does without
        from syncd.sandbox.server import serve  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigError(
            [Problem("command line", 0, 0, "the sandbox is not installed", "pip install 'syncd[sandbox]'")]
        ) from None
    for name, value, known in (
        ("--envelope", envelope, ("hydra", "plain")),
        ("--prefix", prefix, ("/api", "")),
        ("--references", references, ("iri", "code")),
    ):
        if value not in known:
            raise ConfigError([Problem("command line", 0, 0, f"{name} is one of {', '.join(map(repr, known))}")])
    config = SandboxConfig(
        host=host,
        port=port,
        data=data,
        envelope="hydra" if envelope == "hydra" else "plain",
        prefix=prefix,
        seed=seed,
        clients=clients,
        transactions=transactions,
        invoices=invoices,
        linked_amounts=linked_amounts,
        empty=empty,
        references="code" if references == "code" else "iri",
    )
    serve(config, ready=lambda url: err.print(f"sandbox Flowtly on {escape(url)} (stop it with Ctrl-C)"))
    return Exit.DONE


def demo(
    keep: Annotated[Path | None, typer.Option(help="Work in this folder and leave it for a look around.")] = None,
) -> int:
    """The whole tour on this machine: plan, apply, edits on both sides, a conflict, a lost answer, an idle run.

    Example: syncd demo
    """
    from syncd.cli.demo_tour import run_demo  # noqa: PLC0415 - pulls in the sandbox, an extra

    return Exit.DONE if run_demo(keep) else Exit.ERROR
