"""The ``syncd`` command: puts the groups together and turns every known error into one clear message and a code."""

from __future__ import annotations

import sys

import typer

from syncd import __version__
from syncd.cli import decide, infra, setup, state, sync
from syncd.cli.common import Exit, err
from syncd.errors import ConfigError, GuardRefused, StoreUnavailable, SyncdError

app = typer.Typer(
    name="syncd",
    help="Keep an ERP or CRM and Flowtly the same, in both directions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (setup, sync, state, decide, infra):
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
        code = app(arguments, standalone_mode=False)
    except ConfigError as error:
        for problem in error.problems:
            err.print(f"[red]error[/red] {_plain(str(problem))}")
        return Exit.ERROR
    except GuardRefused as error:
        for reason in error.reasons:
            err.print(f"[red]refused[/red] {_plain(reason)}")
        return Exit.REFUSED
    except StoreUnavailable as error:
        err.print(f"[red]error[/red] the mapping store cannot be used: {_plain(str(error))}")
        return Exit.ERROR
    except SyncdError as error:
        err.print(f"[red]error[/red] {type(error).__name__}: {_plain(str(error))}")
        return Exit.ERROR
    except typer.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        err.print("stopped")
        return Exit.ERROR
    except Exception as error:
        shown = getattr(error, "format_message", None)  # click's usage errors know how to show themselves
        if shown is None:
            raise
        err.print(f"[red]error[/red] {_plain(shown())}")
        return Exit.ERROR
    return int(code or 0)


def _plain(text: str) -> str:
    """Text that rich must not read as markup."""
    return text.replace("[", r"\[")
