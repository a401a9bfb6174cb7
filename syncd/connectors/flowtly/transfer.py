"""A file from Flowtly to the disk: written beside its target, checked, and only then put in its place.

Whatever goes wrong on the way, nothing of it stays and a file that was there before is untouched.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from syncd.connectors.flowtly.transfer_content import Unfit
from syncd.connectors.flowtly.transfer_limits import TransferLimits
from syncd.connectors.http import HttpClient, Request
from syncd.errors import BadAnswer, Refused

Told = Callable[[int, int | None], None]
"""Told how many bytes have come, and of how many where the peer says it."""

Check = Callable[[Path, TransferLimits], None]
"""Looks at a file that has come. Raises Unfit."""

_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Saved:
    """A file in its place. ``size`` in bytes, ``sha256`` in hexadecimal."""

    path: Path
    size: int
    sha256: str


def save(
    http: HttpClient,
    request: Request,
    target: Path,
    check: Check,
    limits: TransferLimits,
    told: Told = lambda _done, _total: None,
) -> Saved:
    """Fetch a file to ``target``, readable by its owner alone. One that is there is replaced in one step.

    Raises Refused where ``target`` cannot be written, BadAnswer for a file that is not what it should be, and what
    the client raises. A request that was cut is made again from its beginning, if it is safe.
    """
    with _beside(target) as (file, path):
        part = _Part(file, limits.max_bytes, told)
        answer = http.send(replace(request, sink=part, deadline=limits.deadline.total_seconds()))
        file.flush()
        try:
            check(path, limits)
        except Unfit as error:
            text = (
                f"{request.label} gave a file that cannot be used: {error} (media type {answer.media_type or 'none'})"
            )
            raise http.named(BadAnswer(text)) from None
        os.fsync(file.fileno())
        path.replace(target)
        _settle(target.parent)
        return Saved(target, part.size, part.sha256)


def hashed(file: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file on the disk. Raises OSError."""
    found = Hashed(file.stat().st_size)
    with file.open("rb") as source:
        while piece := source.read(_PIECE):
            found.write(piece)
    return found.size, found.sha256


class Hashed:
    """``http.Sink``: counts and hashes what comes, and keeps nothing."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size, self._digest = limit, 0, hashlib.sha256()

    @property
    def limit(self) -> int:
        """Bytes that may come."""
        return self._limit

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self._size

    @property
    def sha256(self) -> str:
        """SHA-256 of what came, in hexadecimal."""
        return self._digest.hexdigest()

    def begin(self, total: int | None) -> None:  # noqa: ARG002 - how much there will be does not matter here
        """Forget what came."""
        self._size, self._digest = 0, hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Count and hash the next bytes."""
        self._size += len(piece)
        self._digest.update(piece)


class _Part(Hashed):
    """What came so far, in a file."""

    def __init__(self, file: IO[bytes], limit: int, told: Told) -> None:
        super().__init__(limit)
        self._file, self._told = file, told
        self._total: int | None = None

    def begin(self, total: int | None) -> None:
        super().begin(total)
        self._total = total
        self._file.seek(0)
        self._file.truncate()

    def write(self, piece: bytes) -> None:
        super().write(piece)
        self._file.write(piece)
        self._told(self.size, self._total)


@contextmanager
def _beside(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A new file in the folder of ``target`` and its path, gone afterwards unless it was moved. Raises Refused."""
    if target.is_dir():
        raise Refused(f"{target} is a folder: name the file to write")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise Refused(f"{target} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file, Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _settle(folder: Path) -> None:
    """Have the new name survive a power cut, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
