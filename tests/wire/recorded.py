"""Reads the recorded exchanges of the two API Platform servers, and makes scripted answers of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.wire.scripted import Reply

FOLDER: Final = Path(__file__).parent / "recordings"
VERSIONS: Final = ("api-platform-4.3", "api-platform-3.4")
_SPLIT: Final = b"\n----- response -----\n"
_HOP: Final = frozenset({"transfer-encoding", "content-length", "connection", "content-type", "date", "server"})


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    version: str
    name: str
    method: str
    target: str
    sent: Mapping[str, str]
    sent_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def number(self) -> int:
        return int(self.name[:3])

    @property
    def cut(self) -> bool:
        return b"... (cut, " in self.body

    @property
    def reply(self) -> Reply:
        rest = {name: value for name, value in self.headers.items() if name not in _HOP}
        if self.status == 204 or (self.method == "HEAD"):
            rest["content-length"] = "0"
        return Reply(self.status, self.body.strip(), self.headers.get("content-type", ""), rest)


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.strip().lower()
        found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
    return found


def _parse(path: Path) -> Exchange:
    request, response = path.read_bytes().replace(b"\r\n", b"\n").split(_SPLIT, 1)
    head, _, body = request.partition(b"\n\n")
    first, *sent = head.decode().strip().splitlines()
    method, target, _ = first.split(" ", 2)
    answer_head, _, answer = response.partition(b"\n\n")
    status, *headers = answer_head.decode().strip().splitlines()
    return Exchange(
        path.parent.name,
        path.stem,
        method,
        target,
        _headers(sent),
        body.strip(b"\n"),
        int(status.split(" ")[1]),
        _headers(headers),
        answer,
    )


@cache
def exchanges(version: str) -> dict[str, Exchange]:
    """Every recorded exchange of a version by its file's name, numbered cases and faults alike."""
    return {path.stem: _parse(path) for path in sorted((FOLDER / version).glob("*.http"))}


def case(version: str, number: int) -> Exchange:
    return next(each for name, each in exchanges(version).items() if name.startswith(f"{number:03d}-"))


def numbered() -> list[Exchange]:
    """The 212 numbered cases of both versions."""
    return [each for version in VERSIONS for name, each in exchanges(version).items() if name[:3].isdigit()]


def indexed(version: str) -> list[int]:
    """Case numbers of the version's own index."""
    return [int(line.split("\t")[0]) for line in (FOLDER / version / "INDEX.tsv").read_text().splitlines() if line]
