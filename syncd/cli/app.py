"""The ``syncd`` command: puts the groups together and turns every known error into one clear message and a code."""

from __future__ import annotations

import os
import sys

import typer

from syncd import __version__
from syncd.cli import (
    budgets,
    decide,
    dedupe,
    events,
    flowtly,
    guards,
    history,
    infra,
    probe,
    removals,
    setup,
    state,
    sync,
)
from syncd.cli.common import Exit, err
from syncd.errors import ConfigError, GuardRefused, StoreUnavailable, SyncdError

app = typer.Typer(
    name="syncd",
    help="Keep an ERP or CRM and Flowtly the same, in both directions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (setup, sync, state, history, decide, dedupe, budgets, removals, infra, probe, flowtly, events, guards):
    group.register(app)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """Keep an ERP or CRM and Flowtly the same, in both directions."""
    if version:
        typer.echo(__version__)
        raise typer.Exit(0)


def main() -> None:
    """Run the command line; the process's exit code is one of ``cli.common.Exit``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except typer.Exit as ended:
        return ended.exit_code
    except GuardRefused as error:
        for reason in error.reasons:
            err.print(f"[red]refused[/red] {_plain(reason)}")
        return Exit.REFUSED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has seen enough
    except (KeyboardInterrupt, typer.Abort):
        err.print("stopped")
    except Exception as error:
        lines = _words(error)
        if not lines:
            raise
        for line in lines:
            err.print(f"[red]error[/red] {_plain(line)}")
    return Exit.ERROR


def _words(error: Exception) -> list[str]:
    """What to tell a person about an error; nothing for one that nobody expected."""
    if isinstance(error, ConfigError):
        return [str(problem) for problem in error.problems]
    if isinstance(error, StoreUnavailable):
        return [f"the mapping store cannot be used: {error}"]
    if isinstance(error, SyncdError):
        return [f"{type(error).__name__}: {error}"]
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return [where + (error.strerror or str(error))]
    shown = getattr(error, "format_message", None)  # click's usage errors know how to show themselves
    return [] if shown is None else [str(shown())]


def _plain(text: str) -> str:
    """Text that rich must not read as markup."""
    return text.replace("[", r"\[")
