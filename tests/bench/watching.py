"""Runs a command and watches it: seconds, processor seconds, and the peak memory of it and its children (shared pages counted once)."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.25


@dataclass(frozen=True)
class Watched:
    """What a command did."""

    seconds: float
    peak_mb: float
    processor: float
    output: str


def run(command: list[str], cwd: Path) -> Watched:
    """Run a command to its end. Ends the program when it fails."""
    began = time.perf_counter()
    spent = _processor()
    peak = 0
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(_EVERY):
                peak = max(peak, sum(_pss(one) for one in _family(process.pid)))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        output, errors = process.communicate()
        done.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{output[-2000:]}\n{errors[-4000:]}")
    return Watched(time.perf_counter() - began, peak / 1024, _processor() - spent, output)


def _processor() -> float:
    """Processor seconds of all children that have ended, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*"):
            try:
                found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
    return found


def _pss(pid: int) -> int:
    """Proportional memory of a process in KiB; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
