"""The process dies between any two steps of a write, or a step fails: what is left is whole, and the next write mends it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest

from syncd.connectors.files import folder as folder_module
from syncd.connectors.files.connector import FilesConnector
from syncd.errors import Denied, Later, NotFound, Refused, SyncdError, UnknownOutcome
from syncd.ports import Record
from tests.connectors.files_kit import QUERY, Shelf, archive, fields, hidden, memory_url, tree

NOTHING = Record("", {})
ENOUGH = 400
LOOKS = {"open", "stat", "fstat", "listdir", "info", "ls", "cat_ranges", "fspath"}


class Killed(BaseException):
    """The process is gone."""


class Unsynced:
    """The operating system; what a dead process has written is there without fsync, which would only take time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, file: int) -> None:
        os.fstat(file)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "os", Unsynced())


class Dying:
    """A module or object whose ``count``-th call is the last thing that never happens; nothing happens after it either."""

    def __init__(
        self, inner: Any, count: int, trouble: Callable[[], BaseException] = Killed, *, for_ever: bool = True
    ) -> None:
        self._inner, self._left, self._trouble, self._for_ever = inner, count, trouble, for_ever
        self.died = False

    def _counts(self, name: str, arguments: tuple[Any, ...]) -> bool:
        """Dying before a look is dying before the next change; a look that fails is a case of its own."""
        return (
            not self._for_ever
            or name not in LOOKS
            or (isinstance(self._inner, Unsynced) and name == "open" and bool(arguments[1] & os.O_CREAT))
        )

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name in {"close", "fdopen", "access", "invalidate_cache"}:
            return found  # the system closes what a dead process held

        def call(*arguments: Any, **named: Any) -> Any:
            self._left -= self._counts(name, arguments)
            if self._left == 0 or (self._left < 0 and self._for_ever):
                self.died = True
                raise self._trouble()
            return found(*arguments, **named)

        return call


def shelf() -> Shelf:
    made = Shelf()
    made.contents = {f"/f/{number}": f"bytes of {number}".encode() for number in range(4)}
    return made


def first(connector: FilesConnector) -> None:
    connector.create(QUERY, fields(1))


def neighbour(connector: FilesConnector) -> None:
    connector.create(QUERY, fields(2, name="BILL-1.pdf"))


def nothing(_: FilesConnector) -> None:
    """The archive is empty."""


# What is there before, and what the write then makes of record A1.
WRITES: dict[str, tuple[Callable[[FilesConnector], None], dict[str, Any]]] = {
    "create": (nothing, {}),
    "create where the name is taken": (neighbour, {}),
    "fields": (first, {"note": "paid"}),
    "content": (first, {"content": "/f/2"}),
    "name": (first, {"month": "2026-04"}),
    "name and content": (first, {"month": "2026-04", "content": "/f/2"}),
    "name in another case": (first, {"name": "Bill-1.PDF"}),
}


def write(connector: FilesConnector, **changed: Any) -> Record:
    """As the engine does it after a stop: look by key, then create or change."""
    found = list(connector.find(QUERY, {"id": "A1"}))
    if not found:
        return connector.create(QUERY, fields(1, **changed))
    return connector.update(QUERY, "A1", {**fields(1, **changed)}, found[0])


def sound(connector: FilesConnector, seen: dict[str, bytes]) -> None:
    """Every record has its file or says that it has none, and every visible file is whole."""
    for page in connector.pages(QUERY, None):
        for record in page.records:
            assert record == connector.read(QUERY, record.key)
            assert record.raw["content"] is None or seen[record.raw["file"]] == connector_bytes(record)
    assert set(seen.values()) <= {f"bytes of {number}".encode() for number in range(4)}


def connector_bytes(record: Record) -> bytes:
    return f"bytes of {record.raw['content'][3:]}".encode()


def rid_of_parts(root: Path, source: Shelf) -> None:
    """A day later, the next write sweeps what dead processes left."""
    for part in (root / "attachments/.syncd/tmp").glob("*.part"):
        os.utime(part, (1, 1))
    archive(root, source).create(QUERY, fields(3, name="sweeper.pdf"))


def at_every_step(run: Callable[[int], bool]) -> None:
    for step in range(1, ENOUGH):
        if not run(step):
            assert step > 1, "nothing was injected"
            return
    pytest.fail("the write has more steps than anybody would believe")


@pytest.mark.slow
@pytest.mark.parametrize("then", [{}, {"content": "/f/3", "month": "2026-05"}], ids=["again", "something else"])
@pytest.mark.parametrize("name", WRITES)
def test_a_folder_survives_death_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, then: dict[str, Any]
) -> None:
    before, change = WRITES[name]
    wanted = {**change, **then}
    source = shelf()

    clean = tmp_path / "clean"
    clean.mkdir()
    before(archive(clean, source))
    write(archive(clean, source), **wanted)
    rid_of_parts(clean, source)

    ready = tmp_path / "ready"
    ready.mkdir()
    before(archive(ready, source))

    def run(step: int) -> bool:
        root = shutil.copytree(ready, tmp_path / str(step))
        dying = Dying(Unsynced(), step)
        with monkeypatch.context() as patched:
            patched.setattr(folder_module, "os", dying)
            with suppress(Killed):
                write(archive(root, source), **change)
        sound(archive(root, source), tree(root))
        write(archive(root, source), **wanted)
        assert write(archive(root, source), **wanted) == archive(root).read(QUERY, "A1")
        rid_of_parts(root, source)
        assert tree(root) == tree(clean)
        assert hidden(root) == hidden(clean)
        return dying.died

    at_every_step(run)


@pytest.mark.parametrize("name", WRITES)
def test_an_object_store_survives_death_at_every_step(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, change = WRITES[name]
    source, store = shelf(), fsspec.filesystem("memory")

    def seen(url: str, *, index: bool) -> dict[str, bytes]:
        top = f"/{url.partition('://')[2]}/attachments/"
        return {
            path.removeprefix(top): store.cat_file(path) for path in store.find(top) if ("/.syncd/" in path) is index
        }

    clean = memory_url()
    before(archive(clean, source))
    write(archive(clean, source), **change)

    def run(step: int) -> bool:
        url = memory_url()
        before(archive(url, source))
        connector = archive(url, source)
        dying = Dying(connector._place._fs, step)
        monkeypatch.setattr(connector._place, "_fs", dying)
        with suppress(Killed):
            write(connector, **change)
        sound(archive(url, source), seen(url, index=False))
        write(archive(url, source), **change)
        assert seen(url, index=False) == seen(clean, index=False)
        assert seen(url, index=True) == seen(clean, index=True)
        return dying.died

    at_every_step(run)


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=["disk full", "read only"])
@pytest.mark.parametrize("name", ["create", "name and content"])
def test_a_step_that_fails_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """Later and Denied promise that nothing changed, or that what did is what was wanted."""
    before, change = WRITES[name]
    source = shelf()

    ready = tmp_path / "ready"
    ready.mkdir()
    before(archive(ready, source))

    def run(step: int) -> bool:
        root = shutil.copytree(ready, tmp_path / str(step))
        old = list(archive(root).find(QUERY, {"id": "A1"}))
        failing = Dying(Unsynced(), step, lambda: OSError(code, os.strerror(code)), for_ever=False)
        caught: SyncdError | None = None
        with monkeypatch.context() as patched:
            patched.setattr(folder_module, "os", failing)
            try:
                write(archive(root, source), **change)
            except SyncdError as error:
                caught = error
        sound(archive(root, source), tree(root))
        now = list(archive(root).find(QUERY, {"id": "A1"}))
        if isinstance(caught, Later | Refused):
            assert now == old
        elif caught is None:
            assert [record.raw["note"] for record in now] == [None] if "note" in change else now
        else:
            assert isinstance(caught, UnknownOutcome | Denied)
        assert "bytes of" not in str(caught)
        write(archive(root, source), **change)
        assert sorted(tree(root).values()) == [connector_bytes(archive(root).read(QUERY, "A1"))]
        return failing.died

    at_every_step(run)


@pytest.mark.parametrize("name", WRITES)
def test_a_share_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, change = WRITES[name]
    source = shelf()

    class NoLinks(Unsynced):
        def link(self, *_: Any, **__: Any) -> None:
            raise OSError(errno.EOPNOTSUPP, "no links here")

    monkeypatch.setattr(folder_module, "os", NoLinks())
    before(archive(tmp_path, source))
    write(archive(tmp_path, source), **change)
    record = archive(tmp_path).read(QUERY, "A1")
    assert tree(tmp_path)[record.raw["file"]] == connector_bytes(record)
    assert len(tree(tmp_path)) == (2 if before is neighbour else 1)


def test_a_create_that_was_cut_and_never_tried_again_is_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shelf()
    connector = archive(tmp_path, source)
    monkeypatch.setattr(connector._place, "put", lambda *_, **__: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        connector.create(QUERY, fields(1))
    assert tree(tmp_path) == {}
    with pytest.raises(NotFound):
        archive(tmp_path).read(QUERY, "A1")
    assert not [record for page in archive(tmp_path).pages(QUERY, None) for record in page.records]
    neighbour(archive(tmp_path, source))
    assert list(tree(tmp_path).values()) == [b"bytes of 2"]


def test_what_dead_processes_leave_is_swept_again_and_again(tmp_path: Path) -> None:
    connector = archive(tmp_path, shelf())
    first(connector)
    old, new = (tmp_path / "attachments/.syncd/tmp" / name for name in ("old.part", "new.part"))
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    neighbour(connector)
    assert old.exists(), "not with every write"
    connector._place._swept["attachments"] = 1.0  # a day goes by
    connector.create(QUERY, fields(3))
    assert not old.exists()
    assert new.exists(), "another process may still be writing it"
