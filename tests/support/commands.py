"""The command line as processes of their own, quickly: forked from a server that has imported everything already.

Each command has its own environment, folder, streams and exit code, as a shell would give it. What importing costs is
paid once for all commands of a test session; one test starts a real ``python -m syncd.cli``.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import NamedTuple

_PATIENCE = 120
_PRELOAD = [
    "syncd.cli.app",
    "syncd.connectors.sql.connector",
    "syncd.connectors.flowtly.connector",
    "syncd.sandbox.server",
]
_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(_PRELOAD)


class Done(NamedTuple):
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def run_command(arguments: Sequence[str], env: Mapping[str, str], folder: Path, answer: str = "") -> Done:
    """One command with this environment, in this folder; ``answer`` is its standard input."""
    _start_server()
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / stream for stream in ("in", "out", "err")]
        streams[0].write_text(answer)
        process = _SPAWN.Process(
            target=_command, args=(list(arguments), dict(env), str(folder), [str(path) for path in streams])
        )
        process.start()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"syncd {' '.join(arguments)}: not over after {_PATIENCE} s")
        code, out, err = process.exitcode, streams[1].read_text(), streams[2].read_text()
        process.close()
    return Done(code, out, err)


def _start_server() -> None:
    """Start the server, if need be, with the width that its consoles take from the environment when they are made."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "200"
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def _command(arguments: list[str], env: dict[str, str], folder: str, streams: list[str]) -> None:
    """In the child: become the command."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, (path, flags) in enumerate(
        zip(streams, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True)
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
    from syncd.cli.app import run

    code = 1
    try:
        code = run(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code)
