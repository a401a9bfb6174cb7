"""An archive in an object store or any other place that fsspec reaches. Never uploads what is not complete.

Content is gathered in a local temporary file first, as closing an upload that was cut would publish its half. Stores
without a conditional write are looked at before; one writer at a time is the mapping's lease, not the store's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Final

from fsspec.core import url_to_fs

from syncd.connectors.files.places import Counter, Spool, Taken, hash_of
from syncd.errors import Denied, Later, SyncdError, UnknownOutcome

_DENIED: Final = frozenset({"NoCredentialsError", "PartialCredentialsError", "ClientAuthenticationError"})
_LONGEST: Final = 300


class Objects:
    """``Place`` below a URL. Thread-safe."""

    def __init__(self, name: str, url: str, options: Mapping[str, Any], hidden: Sequence[str]) -> None:
        """Opens no connection. Raises Denied where the package for this kind of URL is missing."""
        self.count = Counter()
        self._name, self._url = name, url
        self._hidden = tuple(text for text in hidden if text)
        self._locks: dict[str, Lock] = {}
        try:
            made: tuple[Any, str] = url_to_fs(url, **{**options, "use_listings_cache": False})
        except (ImportError, ValueError, TypeError) as error:
            raise Denied(f"{name}: {url.partition(':')[0]}:// cannot be used: {self._clean(error)}") from None
        self._fs, self._root = made[0], made[1].rstrip("/")

    def check(self) -> str:
        """The bucket answers."""
        self._reach()
        return f"object store {self._url}"

    def load(self, paths: Sequence[str], limit: int) -> list[bytes | None]:
        """All at once, where the store's package can."""
        self.count(len(paths))
        places = [self._at(path) for path in paths]
        with self._typed("documents"):
            found = self._fs.cat_ranges(
                places, [0] * len(places), [limit + 1] * len(places), on_error="return", max_gap=None
            )
        return [self._document(path, data) for path, data in zip(paths, found, strict=True)]

    def save(self, path: str, data: bytes) -> None:
        """One upload."""
        self.count()
        with self._typed(path, write=True):
            self._fs.pipe_file(self._at(path), data)

    def names(self, folder: str) -> list[str]:
        """One listing."""
        self.count()
        with self._typed(folder):
            try:
                self._fs.invalidate_cache()
                found = self._fs.ls(self._at(folder), detail=False)
            except FileNotFoundError:
                found = None
        if found is None:
            self._reach()
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    @contextmanager
    def spool(self, folder: str) -> Iterator[Spool]:  # noqa: ARG002 - a store has no room for what is not complete
        """A file of this machine."""
        try:
            with tempfile.NamedTemporaryFile(prefix="syncd-", suffix=".part") as file:
                yield Spool(file, file.name)
        except OSError as error:
            raise Later(f"{self._name}: no room on this machine: {error.strerror}") from None

    def put(self, spool: Spool, path: str, *, replace: bool) -> None:
        """One upload; it becomes visible when it is complete."""
        spool.settle()
        self.count()
        with self._typed(path, write=True):
            try:
                self._fs.put_file(spool.path, self._at(path), mode="overwrite" if replace else "create")
            except FileExistsError:
                raise Taken(path) from None

    def twin(self, source: str, path: str) -> None:
        """A copy that the store makes itself; that the name is free was looked at before."""
        self.count()
        with self._typed(path, write=True):
            self._fs.cp_file(self._at(source), self._at(path))

    def remove(self, path: str) -> None:
        """One request."""
        self.count()
        with self._typed(path, write=True), suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))

    def taken(self, path: str) -> bool:
        """An object of this name, or any below it."""
        return self._info(path) is not None

    def present(self, path: str) -> bool:  # noqa: ARG002 - that would be a request for every record of a walk
        """Believed: what the index names is there."""
        return True

    def holds(self, path: str, size: int, sha256: str) -> bool:
        """Size first, then every byte."""
        found = self._info(path)
        if found is None or found.get("size") != size or found.get("type") != "file":
            return False
        self.count()
        with self._typed(path):
            try:
                with self._fs.open(self._at(path), "rb") as file:
                    return hash_of(file) == sha256
            except FileNotFoundError:
                return False

    @contextmanager
    def lock(self, folder: str) -> Iterator[None]:
        """Threads of ours only; stores have no locks."""
        with self._locks.setdefault(folder, Lock()):
            yield

    def close(self) -> None:
        """The package ends its connections itself."""

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _reach(self) -> None:
        """Prove that the bucket is there: a store answers alike for a missing object and a missing bucket."""
        self.count()
        lead = "/" if self._root.startswith("/") else ""
        bucket = lead + self._root.strip("/").partition("/")[0]
        with self._typed(bucket):
            try:
                self._fs.info(bucket)
            except FileNotFoundError:
                raise Later(f"{self._name}: {self._url}: there is no {bucket} now: make it, or mend the root") from None

    def _info(self, path: str) -> Mapping[str, Any] | None:
        self.count()
        with self._typed(path):
            try:
                self._fs.invalidate_cache()
                found: Mapping[str, Any] = self._fs.info(self._at(path))
            except FileNotFoundError:
                return None
        return found

    def _document(self, path: str, data: Any) -> bytes | None:
        if isinstance(data, bytes):
            return data
        if isinstance(data, FileNotFoundError):
            self._reach()
            return None
        raise self._error(data, path, write=False)

    @contextmanager
    def _typed(self, path: str, *, write: bool = False) -> Iterator[None]:
        try:
            yield
        except (SyncdError, Taken):
            raise
        except Exception as error:  # noqa: BLE001 - each store's package has errors of its own
            raise self._error(error, path, write=write) from None

    def _error(self, error: BaseException, path: str, *, write: bool) -> SyncdError:
        text = f"{self._name}: {path} in {self._url}: {self._clean(error)}"
        if isinstance(error, PermissionError) or type(error).__name__ in _DENIED:
            return Denied(text)
        return UnknownOutcome(text) if write else Later(text)

    def _clean(self, error: BaseException) -> str:
        """What went wrong in one line, without a secret that was configured."""
        text = " ".join(f"{type(error).__name__}: {error}".split())
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return text[:_LONGEST]
