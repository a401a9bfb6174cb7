"""Under which identity PostgreSQL runs, since it refuses root. Must never change rights of a directory not its own."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.errors import StoreUnavailable

_LAUNCHER: Final = Path(__file__).with_name("_launch.py")
_ACCOUNTS: Final = ("postgres", "nobody")
_PROBE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Identity:
    """How to start PostgreSQL programs. ``owner`` is whom their directories must belong to, where that is not us."""

    name: str
    owner: tuple[int, int] | None = None

    def command(self, program: str | Path, *arguments: str) -> list[str]:
        """The command line that runs a program under this identity and ends it with us."""
        return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), self.name, str(program), *arguments]

    def own(self, directory: Path) -> None:
        """Give one directory of ours to the identity."""
        if self.owner is not None:
            os.chown(directory, *self.owner)


def choose(data_dir: Path) -> Identity:
    """The identity for a data directory. Raises StoreUnavailable when root has none to run under.

    An ordinary user is itself, or, without an entry in the password file, enters a namespace to have one. Root stays
    the owner of the files by way of a user namespace; where that is not permitted (Docker's default profile forbids it)
    it becomes ``postgres`` or ``nobody``, as it was before if the directory exists already.
    """
    if os.geteuid() != 0:
        return _ordinary()
    accounts = [account for name in _ACCOUNTS if (account := _account(name)) is not None]
    held_by = data_dir.stat().st_uid if data_dir.exists() else 0
    if held_by != 0:
        return _as_account(pwd.getpwuid(held_by))
    if accounts:
        inside = Identity(f"namespace:{accounts[-1].pw_uid}")
        if _permitted(inside):
            return inside
    for account in accounts:
        candidate = _as_account(account)
        if _permitted(candidate) and not data_dir.exists():
            return candidate
    raise StoreUnavailable(
        "PostgreSQL refuses to run as root, and neither a user namespace nor another account can be used here: "
        "run syncd as an ordinary user, or name a server's database in store.url"
    )


def _ordinary() -> Identity:
    """PostgreSQL wants to know its user's name, which a container may have run without."""
    nobody = _account("nobody")
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        inside = Identity("same") if nobody is None else Identity(f"namespace:{nobody.pw_uid}")
        if nobody is None or not _permitted(inside):
            raise StoreUnavailable(
                f"PostgreSQL does not run as user {os.geteuid()}, who has no entry in the password file: "
                "run syncd as a named user, or name a server's database in store.url"
            ) from None
        return inside
    return Identity("same")


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _as_account(account: pwd.struct_passwd) -> Identity:
    return Identity(f"account:{account.pw_uid}:{account.pw_gid}", (account.pw_uid, account.pw_gid))


def _permitted(identity: Identity) -> bool:
    tried = subprocess.run(  # noqa: S603 - our own interpreter and script
        identity.command("-"), check=False, capture_output=True, timeout=_PROBE_SECONDS
    )
    return tried.returncode == 0
