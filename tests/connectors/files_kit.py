"""What the tests of the files connector share: a shelf of contents, archives on every kind of place, a view of a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from syncd.connectors.files.connector import FilesConnector
from syncd.errors import NotFound
from syncd.ports import ContentSink, ContentSource, Query
from tests.connectors.contract import RealClock

QUERY = Query("attachments", key="id")
PATTERN = "{month}/{name}"


class Shelf:
    """A source of content: bytes by reference; ``trouble`` raises instead, after ``cut_after`` bytes."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.trouble: BaseException | None = None
        self.cut_after = 0

    def fetch(self, reference: str, into: ContentSink) -> None:
        self.opened.append(reference)
        if reference not in self.contents:
            raise NotFound(f"there is no {reference}")
        data = self.contents[reference]
        into.begin(None)
        into.write(data[: self.cut_after])
        if self.trouble is not None:
            raise self.trouble
        into.begin(None)  # the first attempt was cut
        for start in range(0, len(data), 5):
            into.write(data[start : start + 5])


class Anything(Shelf):
    """Every reference leads to its own text."""

    def fetch(self, reference: str, into: ContentSink) -> None:
        into.begin(len(reference.encode()))
        into.write(reference.encode())


def archive(root: Path | str, source: ContentSource | None = None, **settings: Any) -> FilesConnector:
    """A connector on ``root``, parsed from settings as an administrator writes them."""
    chosen = {"root": str(root), "folders": {"attachments": PATTERN}, "page_size": 7, **settings}
    made = FilesConnector.from_settings("archive", FilesConnector.Settings.model_validate(chosen), RealClock())
    if source is not None:
        made.read_content_from(lambda: source)
    return made


def memory_url() -> str:
    """A fresh root of fsspec's memory file system."""
    import fsspec

    url = f"memory://archive-{uuid4().hex}"
    fsspec.filesystem("memory").mkdir(url)
    return url


def tree(root: Path) -> dict[str, bytes]:
    """Every file a person sees below the archive's folder, by its path."""
    below = root / "attachments"
    return {
        str(path.relative_to(below)): path.read_bytes()
        for path in sorted(below.rglob("*"))
        if path.is_file() and ".syncd" not in path.parts
    }


def hidden(root: Path) -> list[str]:
    """Every file of the index, the lock left out."""
    below = root / "attachments" / ".syncd"
    return sorted(str(path.relative_to(below)) for path in below.rglob("*") if path.is_file() and path.name != "lock")


def fields(number: int, **changed: Any) -> dict[str, Any]:
    """A valid record."""
    return {"id": f"A{number}", "name": f"bill-{number}.pdf", "month": "2026-03", "content": f"/f/{number}", **changed}
