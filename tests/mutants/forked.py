"""Runs tests against copies of the tree with one file changed, each in a forked child. Never touches the working tree.

The parent has imported every library once and none of our modules, so a child costs little and still imports all of
ours from its copy. Single-threaded: a fork with threads around could inherit a lock that nobody opens again.
"""

from __future__ import annotations

import compileall
import importlib
import importlib.util
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.mutants.witness import PROFILE, UNWITNESSED, Witness

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("syncd", "tests", "migrations", "config", "docs", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns(".*", "var", "*.db")  # bytecode comes along: it names its source's time and size
_LIBRARIES = ("syncd.wiring", "syncd.sandbox.server", "tests.engine.world", "tests.store.kit", "hypothesis.stateful")
_KNOWN_END = {0: "survived", 1: "caught", 2: "caught"}


@dataclass(frozen=True)
class Job:
    """One changed file (none: ``file`` is empty) and the arguments of the pytest that has to notice.

    ``sampled``: of the long enumerations a part is enough.
    """

    name: str
    file: str
    source: str
    arguments: tuple[str, ...]
    sampled: bool = False
    cpu_limit: int = 120
    wall_limit: int = 600


@dataclass(frozen=True)
class Outcome:
    """``caught``, ``survived`` or ``broken`` (the tests did not run as they should); ``failed``: which test noticed."""

    job: Job
    verdict: str
    seconds: float
    failed: str = ""
    output: str = field(default="", repr=False)


@dataclass
class _Running:
    job: Job
    tree: Path
    pid: int
    since: float
    original: str | None


class Copies:
    """As many copies of the tree as jobs run at a time, and a child at work in each."""

    def __init__(self, folder: Path, processes: int = 2, template: str = "") -> None:
        self._template = template
        self._free = [folder / f"tree{number}" for number in range(processes)]
        self._running: list[_Running] = []
        for tree in self._free:
            _copy(tree)
        _warm()

    def run(self, jobs: Sequence[Job], done: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
        """Every job's outcome, in their order; ``done`` hears of each as it ends."""
        waiting = list(reversed(jobs))
        found: dict[str, Outcome] = {}
        try:
            while waiting or self._running:
                while waiting and self._free:
                    self._running.append(self._start(self._free.pop(), waiting.pop()))
                for outcome in self._ended():
                    found[outcome.job.name] = outcome
                    done(outcome)
                time.sleep(0.01)
        finally:
            for one in self._running:
                _kill(one.pid)
        return [found[job.name] for job in jobs]

    def _start(self, tree: Path, job: Job) -> _Running:
        original = None
        if job.file:
            path = tree / job.file
            original = path.read_text()
            # Stale bytecode of the same second and size would be taken for this source; children write none.
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
            path.write_text(job.source)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _child(tree, job, self._template)
        return _Running(job, tree, pid, time.monotonic(), original)

    def _ended(self) -> Iterator[Outcome]:
        for one in list(self._running):
            pid, status = os.waitpid(one.pid, os.WNOHANG)
            late = time.monotonic() - one.since > one.job.wall_limit
            if pid == 0 and not late:
                continue
            if pid == 0:
                _kill(one.pid)
                status = signal.SIGXCPU
            self._running.remove(one)
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)  # what the test started and did not end
            if one.original is not None:
                path = one.tree / one.job.file
                path.write_text(one.original)
                compileall.compile_file(path, quiet=2, force=True)
            self._free.append(one.tree)
            yield _outcome(one, status)


def _outcome(one: _Running, status: int) -> Outcome:
    seconds = time.monotonic() - one.since
    output = (one.tree / "output.txt").read_text(errors="replace")[-4000:]
    failed = (one.tree / "failed.txt").read_text() if (one.tree / "failed.txt").exists() else ""
    if os.WIFSIGNALED(status):
        verdict, failed = "caught", f"never ended ({signal.Signals(os.WTERMSIG(status)).name})"
    else:
        verdict = _KNOWN_END.get(os.WEXITSTATUS(status), "broken")
    return Outcome(one.job, verdict, seconds, failed.strip(), output)


def _copy(tree: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=_LEFT_OUT)
        else:
            tree.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)
    for name in ("syncd", "tests"):
        compileall.compile_dir(tree / name, quiet=2)


def _warm() -> None:
    """Import what our modules import, and forget our modules again: for a process that does nothing else."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "syncd"]:
        del sys.modules[name]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _child(tree: Path, job: Job, template: str) -> None:
    """Never returns."""
    code = UNWITNESSED
    try:
        os.setsid()
        with (tree / "output.txt").open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        (tree / "failed.txt").unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_CPU, (job.cpu_limit, job.cpu_limit + 5))
        os.chdir(tree)
        sys.dont_write_bytecode = True
        os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
        sys.path[:] = [str(tree), *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        arguments = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--timeout=0",
            f"--hypothesis-profile={PROFILE}",
        ]
        arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", *job.arguments]
        plugin = Witness(tree, job.file, job.source, template, sampled=job.sampled)
        code = int(pytest.main(arguments, plugins=[plugin]))
        code = code if plugin.content else UNWITNESSED
    except BaseException:  # noqa: BLE001 - a child must end here, whatever happens
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
