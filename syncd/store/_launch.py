"""Become a PostgreSQL program that ends with the process that started it. Run as a script; imports nothing of ours.

    python -I -S _launch.py PARENT_PID IDENTITY PROGRAM ARGUMENT...

``IDENTITY`` is ``same``, ``namespace:UID`` (root enters a user namespace in which it has that id, so that PostgreSQL,
which refuses root, accepts it and no file changes hands) or ``account:UID:GID`` (root becomes that account).
``PROGRAM`` may be ``-``: only try the identity. Exit code 77 means that the identity is not permitted here.

A script of its own because none of this may run between fork and exec of a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
NOT_PERMITTED = 77


def _enter_namespace(uid: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.geteuid()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise PermissionError(ctypes.get_errno(), "unshare")
    with open("/proc/self/uid_map", "w") as file:  # noqa: PTH123 - one write(2) call, as the kernel asks for
        file.write(f"{uid} {outside} 1")


def _become_account(uid: str, gid: str) -> None:
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))


def _take_on(identity: str) -> None:
    kind, *ids = identity.split(":")
    if kind == "namespace":
        _enter_namespace(*ids)
    elif kind == "account":
        _become_account(*ids)


def _end_with_parent(parent: int) -> None:
    """Ask for SIGQUIT when the starter dies: PostgreSQL then stops at once and recovers at its next start."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that wanted this server is gone already")


def main() -> None:
    """Take on the identity, then become the program."""
    parent, identity, program, *arguments = sys.argv[1:]
    try:
        _take_on(identity)
    except OSError as error:
        print(f"{identity}: {error.strerror}", file=sys.stderr)  # noqa: T201 - the starter reads it
        sys.exit(NOT_PERMITTED)
    if program == "-":
        return
    _end_with_parent(int(parent))
    os.execv(program, [program, *arguments])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
