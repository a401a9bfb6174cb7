"""Peers of a measurement: sandboxes in processes of their own, so that their work is not counted as ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PASSWORD = "sandbox"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def sandbox(clients: int, *more: str, empty: bool = False) -> Iterator[str]:
    """A sandbox with this many clients, and further arguments for it; yields its origin."""
    port = free_port()
    command = [sys.executable, "-m", "syncd.cli", "sandbox", "--port", str(port), "--clients", str(clients), *more]
    if empty:
        command.append("--empty")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    origin = f"http://127.0.0.1:{port}"
    try:
        _await(origin, process)
        yield origin
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _await(origin: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError("the sandbox did not start")
        try:
            urlopen(f"{origin}/_sandbox/requests", timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the sandbox took too long")


def writes(origin: str) -> int:
    """POSTs and PATCHes the sandbox has seen, logins aside."""
    with urlopen(f"{origin}/_sandbox/requests", timeout=30) as answer:
        counted: Any = json.loads(answer.read())
    counted = counted.get("requests", counted)
    return sum(n for route, n in counted.items() if route.split()[0] in {"POST", "PATCH"} and "login" not in route)


def edit(origin: str, number: int, **fields: Any) -> None:
    """A person edits a client."""
    url = f"{origin}/_sandbox/records/clients/{number}"
    with urlopen(Request(url, json.dumps(fields).encode(), method="PATCH"), timeout=30) as answer:
        answer.read()
