"""Where an archive lives, as the few operations it needs; a folder and an object store offer the same. Data only.

Paths are relative to the archive's root, with ``/`` between plain steps. Operations raise the errors of
``syncd.errors``; Later, Denied and Refused mean that this operation changed nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, Final, Protocol

_CHUNK: Final = 1 << 20


class Taken(Exception):
    """The name is in use by something else; nothing was changed."""


class Spool:
    """Bytes on their way into the archive, counted and hashed as they are written; not yet in any place."""

    def __init__(self, file: IO[bytes], path: str) -> None:
        self.path = path
        self.size = 0
        self._file = file
        self._hash = hashlib.sha256()

    def restart(self) -> None:
        """Forget everything written so far."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size = hashlib.sha256(), 0

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def settle(self) -> None:
        """Bring everything written to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def sha256(self) -> str:
        """Of everything written so far, in hexadecimal digits."""
        return self._hash.hexdigest()


@dataclass
class Counter:
    """How many operations were asked of a place. Thread-safe."""

    total: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, count: int = 1) -> None:
        """Count ``count`` more."""
        with self._lock:
            self.total += count


class Place(Protocol):
    """A folder or an object store."""

    count: Counter

    def check(self) -> str:
        """Prove that the place is there, changing nothing; a few words on what it is."""

    def load(self, paths: Sequence[str], limit: int) -> list[bytes | None]:
        """Small files, at most ``limit`` + 1 bytes of each; None for one that is proven not to be there."""

    def save(self, path: str, data: bytes) -> None:
        """Replace a small file in one step, its folders made. Raises UnknownOutcome when nobody can tell."""

    def names(self, folder: str) -> list[str]:
        """What lies right in a folder, sorted; nothing where it is proven not to be there."""

    def spool(self, folder: str) -> AbstractContextManager[Spool]:
        """Room for content on its way into ``folder``; gone at the end of the block."""

    def put(self, spool: Spool, path: str, *, replace: bool) -> None:
        """Make the spooled content a file in one step. Raises Taken where the name is in use and not to be replaced."""

    def twin(self, source: str, path: str) -> None:
        """Make a file appear under a second name in one step. Raises Taken. The first may be gone afterwards."""

    def remove(self, path: str) -> None:
        """Remove one file; harmless when it is not there."""

    def taken(self, path: str) -> bool:
        """True when anything at all has this name."""

    def present(self, path: str) -> bool:
        """False when a file of ours is proven to be gone; a place where looking is dear may say True unseen."""

    def holds(self, path: str, size: int, sha256: str) -> bool:
        """True when a file has exactly this content."""

    def lock(self, folder: str) -> AbstractContextManager[None]:
        """Exclude other writers below ``folder`` for a moment. Raises Later when another process is writing."""

    def close(self) -> None:
        """Release what is held."""


def hash_of(file: IO[bytes]) -> str:
    """SHA-256 of the rest of an open file, in hexadecimal digits."""
    found = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()
