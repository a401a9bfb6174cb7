"""An archive in a folder of this machine or of a mounted share. Never follows a symbolic link below the root.

Every step of a path is opened relative to the one before it, so a link that appears between a look and a write leads
nowhere. What is written is on the disk before its name appears, and appears in one step.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import BinaryIO, Final

from syncd.connectors.files.places import Counter, Spool, Taken, hash_of
from syncd.errors import Denied, Later, Refused, SyncdError, UnknownOutcome

_STEP: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PARTS: Final = ".syncd/tmp"
_PART: Final = ".part"
_OLD: Final = 24 * 3600.0  # seconds; no transfer lasts that long, so what is older was left by a process that died
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_REFUSED: Final = {
    errno.ELOOP: "a symbolic link is in the way",
    errno.ENOTDIR: "something that is no folder is in the way (a symbolic link is not followed)",
    errno.EISDIR: "a folder is in the way",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EILSEQ: "the name has letters that this file system does not take",
}
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Folder:
    """``Place`` in a folder. Thread-safe."""

    def __init__(self, name: str, root: str) -> None:
        self.count = Counter()
        self._name, self._root = name, root
        self._locks: dict[str, Lock] = {}
        self._swept: dict[str, float] = {}

    def check(self) -> str:
        """Open the root, and see that files can be made there."""
        with self._typed("the root"), self._opened("") as root:
            if not os.access(self._root, os.W_OK | os.X_OK):
                raise Denied(f"{self._name}: files cannot be written in {self._root}")
            free = os.fstatvfs(root)
        return f"folder {self._root}, {free.f_bavail * free.f_frsize >> 20} MiB free"

    def load(self, paths: Sequence[str], limit: int) -> list[bytes | None]:
        """Files of at most ``limit`` + 1 bytes each."""
        return [self._load(path, limit) for path in paths]

    def save(self, path: str, data: bytes) -> None:
        """Written beside, then renamed."""
        with self.spool(path.partition("/")[0]) as spool:
            spool.write(data)
            self.put(spool, path, replace=True)

    def names(self, folder: str) -> list[str]:
        """Sorted."""
        with self._typed(folder):
            try:
                with self._opened(folder) as opened:
                    return sorted(os.listdir(opened))  # noqa: PTH208 - of an open folder, not of a name
            except FileNotFoundError:
                return []

    @contextmanager
    def spool(self, folder: str) -> Iterator[Spool]:
        """A new file that nobody looks at, on the same file system."""
        name = f"{secrets.token_hex(16)}{_PART}"
        place = f"{folder}/{_PARTS}"
        with self._typed(place), self._opened(place, make=True) as parts, _created(name, parts) as file:
            try:
                self._sweep(folder, parts, os.fstat(file.fileno()).st_mtime)
                yield Spool(file, f"{place}/{name}")
            finally:
                with suppress(OSError):  # it is not there any more, or will be swept
                    os.unlink(name, dir_fd=parts)

    def put(self, spool: Spool, path: str, *, replace: bool) -> None:
        """On the disk first, then under its name."""
        spool.settle()
        if not replace:
            self.twin(spool.path, path)
            return
        with self._typed(path), self._parent(spool.path) as (out, old), self._parent(path, make=True) as (into, new):
            os.rename(old, new, src_dir_fd=out, dst_dir_fd=into)
            self._keep(into, path)

    def twin(self, source: str, path: str) -> None:
        """A hard link, which never replaces anything; where there are none, a rename after a look."""
        with self._typed(path), self._parent(source) as (out, old), self._parent(path, make=True) as (into, new):
            try:
                os.link(old, new, src_dir_fd=out, dst_dir_fd=into, follow_symlinks=False)
            except FileExistsError:
                raise Taken(path) from None
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if _there(new, into):
                    raise Taken(path) from None
                os.rename(old, new, src_dir_fd=out, dst_dir_fd=into)
            self._keep(into, path)

    def remove(self, path: str) -> None:
        """Unlink."""
        with self._typed(path), suppress(FileNotFoundError), self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
            self._keep(folder, path)

    def taken(self, path: str) -> bool:
        """True for links and folders as well."""
        with self._typed(path):
            try:
                with self._parent(path) as (folder, name):
                    return _there(name, folder)
            except FileNotFoundError:
                return False

    def present(self, path: str) -> bool:
        """One look at the name; a symbolic link is no file of ours."""
        return self._file(path) is not None

    def holds(self, path: str, size: int, sha256: str) -> bool:
        """Size first, then every byte."""
        found = self._file(path)
        if found is None or found.st_size != size:
            return False
        with self._typed(path):
            try:
                with self._parent(path) as (folder, name), _reading(name, folder) as file:
                    return hash_of(file) == sha256
            except FileNotFoundError:
                return False

    @contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        """Threads of ours wait for each other; another process is not waited for."""
        with self._locks.setdefault(folder, Lock()):
            with self._typed(folder), self._opened(f"{folder}/.syncd", make=True) as opened:
                file = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=opened)
            try:
                self._exclude(file, folder)
                yield
            finally:
                os.close(file)

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _exclude(self, file: int, folder: str) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Later(f"{self._name}: another process is writing to {folder}") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise self._error(error, folder) from None

    def _load(self, path: str, limit: int) -> bytes | None:
        with self._typed(path):
            try:
                with self._parent(path) as (folder, name), _reading(name, folder) as file:
                    return file.read(limit + 1)
            except FileNotFoundError:
                return None

    def _file(self, path: str) -> os.stat_result | None:
        """The state of a regular file; None where there is none."""
        with self._typed(path):
            try:
                with self._parent(path) as (folder, name):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return None
        return found if stat.S_ISREG(found.st_mode) else None

    def _sweep(self, folder: str, parts: int, now: float) -> None:
        """Now and then, remove what a process that died left long ago, by the file system's own clock."""
        if now - self._swept.get(folder, -_OLD) < _OLD:
            return
        self._swept[folder] = now
        for name in os.listdir(parts):
            with suppress(OSError):
                if name.endswith(_PART) and os.stat(name, dir_fd=parts).st_mtime < now - _OLD:
                    os.unlink(name, dir_fd=parts)

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds a path, and the path's last step."""
        head, _, name = path.rpartition("/")
        with self._opened(head, make=make) as folder:
            yield folder, name

    @contextmanager
    def _opened(self, path: str, *, make: bool = False) -> Iterator[int]:
        """A folder below the root, opened step by step. Raises FileNotFoundError below the root, Later for the root."""
        self.count()
        try:
            folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            # A share that is not mounted is not an empty archive.
            raise Later(f"{self._name}: the folder {self._root} is not there now: mount it, or make it") from None
        try:
            for step in filter(None, path.split("/")):
                if make:
                    _make(step, folder)
                inner = os.open(step, _STEP, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def _typed(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(error, path) from None

    def _keep(self, folder: int, path: str) -> None:
        """Bring what was just done to the disk."""
        try:
            _sync(folder)
        except OSError as error:
            raise UnknownOutcome(f"{self._name}: {path} in {self._root} may not last: {error.strerror}") from None

    def _error(self, error: OSError, path: str) -> SyncdError:
        text = f"{self._name}: {path} in {self._root}: "
        if error.errno in _DENIED:
            return Denied(f"{text}{error.strerror}: give this user the right to read and write there")
        if error.errno in _REFUSED:
            return Refused(f"{text}{_REFUSED[error.errno]}")
        return Later(f"{text}{error.strerror or type(error).__name__}")


def _make(step: str, folder: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(step, dir_fd=folder)
        _sync(folder)


@contextmanager
def _created(name: str, folder: int) -> Iterator[BinaryIO]:
    # Readable for people as the umask says: an archive is made to be looked at.
    with os.fdopen(os.open(name, _NEW, 0o666, dir_fd=folder), "wb") as file:
        yield file


@contextmanager
def _reading(name: str, folder: int) -> Iterator[BinaryIO]:
    """A regular file; opening never waits, whatever lies there."""
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.ENOTDIR, "no regular file")
        yield file


def _there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sync(folder: int) -> None:
    """Keep a changed folder over a power cut, where its file system can."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP}:
            raise
