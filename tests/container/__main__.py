"""The container test: builds the image, starts compose with the sandbox, makes changes, kills things, looks again.

Run by ``make container-test``. Needs a Docker engine with compose; says so and exits 0 with SKIPPED where none answers,
unless ``SYNCD_REQUIRE_DOCKER`` is set.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
PROJECT = f"syncd-test-{os.getpid()}"
PATIENCE = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """The compose project under a name of its own, on free ports."""

    def __init__(self) -> None:
        self.health = free_port()
        self.sandbox = free_port()
        self.env = {**os.environ, "SYNCD_HEALTH_PORT": str(self.health), "SANDBOX_PORT": str(self.sandbox)}

    def compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "--project-name", PROJECT, "--profile", "sandbox", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            raise SystemExit(f"failed: {' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def syncd(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        command = ["docker", "compose", "--project-name", PROJECT, "exec", "-T", "syncd", "syncd", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode not in ok:
            raise SystemExit(f"failed ({done.returncode}): {' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def erp(self, statement: str) -> str:
        return self.compose("exec", "-T", "postgres", "psql", "-U", "syncd", "-d", "erp", "-tAc", statement).strip()

    def clients(self) -> list[dict[str, Any]]:
        with urlopen(f"http://127.0.0.1:{self.sandbox}/_sandbox/records/clients", timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def edit(self, number: int, **fields: Any) -> None:
        url = f"http://127.0.0.1:{self.sandbox}/_sandbox/records/clients/{number}"
        with urlopen(Request(url, json.dumps(fields).encode(), method="PATCH"), timeout=10) as answer:
            answer.read()

    def kill(self, service: str) -> None:
        """SIGKILL, then start again as an operator would."""
        self.compose("kill", "--signal", "KILL", service)
        self.compose("up", "--detach", "--wait", "--no-build", service)


def eventually(what: str, probe: Callable[[], bool]) -> float:
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        try:
            if probe():
                took = time.monotonic() - started
                print(f"ok    {what} ({took:.1f} s)", flush=True)
                return took
        except (URLError, OSError):
            pass
        time.sleep(0.5)
    raise SystemExit(f"FAILED {what}: not seen in {PATIENCE:.0f} s")


def named(stack: Stack, name: str) -> list[dict[str, Any]]:
    return [client for client in stack.clients() if client["name"] == name]


def walk(stack: Stack) -> None:
    stack.compose("up", "--detach", "--build", "--wait")
    print("ok    image built, stack healthy", flush=True)
    stack.syncd("check")
    print("ok    syncd check inside the container", flush=True)
    # The daemon that came up beside may be planning right now; apply says that it is busy and is given again.
    for _ in range(20):
        if ": busy," not in stack.syncd("apply", "--yes", ok=(0, 1, 2)):
            break
        time.sleep(3)
    before = len(stack.clients())
    stack.erp("INSERT INTO customers (company_name, vat_no, city) VALUES ('Container ApS', 'DK87654321', 'Vejle')")
    eventually("a new customer arrives in Flowtly", lambda: len(named(stack, "Container ApS")) == 1)
    number = named(stack, "Container ApS")[0]["id"]
    stack.edit(number, addressCity="Skive")
    city = "SELECT city FROM customers WHERE company_name = 'Container ApS'"
    eventually("an edit in Flowtly arrives in the ERP", lambda: stack.erp(city) == "Skive")
    stack.kill("syncd")
    stack.erp("UPDATE customers SET city = 'Ribe' WHERE company_name = 'Container ApS'")
    eventually("after SIGKILL of the daemon", lambda: named(stack, "Container ApS")[0].get("addressCity") == "Ribe")
    stack.kill("postgres")
    stack.erp("UPDATE customers SET city = 'Faaborg' WHERE company_name = 'Container ApS'")
    eventually("after SIGKILL of PostgreSQL", lambda: named(stack, "Container ApS")[0].get("addressCity") == "Faaborg")
    after = len(stack.clients())
    if after != before + 1 or len(named(stack, "Container ApS")) != 1:
        raise SystemExit(f"FAILED: {before} clients became {after}")
    print("ok    nothing lost, nothing twice", flush=True)
    stop(stack)


def stop(stack: Stack) -> None:
    started = time.monotonic()
    stack.compose("stop", "syncd")
    took = time.monotonic() - started
    log = stack.compose("logs", "--no-log-prefix", "syncd")
    if '"clean": true' not in log:
        raise SystemExit(f"FAILED: SIGTERM did not end the daemon cleanly ({took:.1f} s)")
    print(f"ok    SIGTERM ends the daemon cleanly ({took:.1f} s)", flush=True)


def main() -> int:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        print("SKIPPED: no Docker engine answers")
        return 1 if os.environ.get("SYNCD_REQUIRE_DOCKER") else 0
    stack = Stack()
    try:
        walk(stack)
    except SystemExit:
        print(stack.compose("logs", "--tail", "40"), file=sys.stderr)
        raise
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")
    print("container test passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
