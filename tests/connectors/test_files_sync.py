"""Attachments of a whole Flowtly become files of a folder, through wiring and engine; every part is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.connectors.files_kit import tree
from tests.engine.world import SETTINGS, World, built

FILES = SETTINGS.replace(
    "store:", '  archive: {connector: files, root: "${ARCHIVE}", folders: {attachments: "{month}/{name}"}}\nstore:'
)
MAPPING = """
mapping: attachments
external: {system: archive, resource: attachments, key: id}
flowtly: {resource: transaction-attachments}
direction: to_external
match: [[id]]
conflicts: {default: flowtly}
fields:
  id: id
  name: name
  relatedMonth: month
  amount: amount
  contentUrl: content
"""


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    archive = tmp_path / "archive"
    archive.mkdir()
    with built(tmp_path, pg_url, store_url) as made:
        made.env["ARCHIVE"] = str(archive)
        made.configure(MAPPING.replace("mapping: attachments", "mapping: clients"), FILES)
        yield made


def upload(world: World, name: str, content: bytes, **fields: str) -> str:
    """A person uploads a document; its id."""
    token = world.flowtly.auth.issue(world.flowtly.config.user)
    answer = httpx.post(
        f"{world.flowtly.url}/transaction-attachments/create",
        headers={"Authorization": f"Bearer {token}"},
        files={"file": (name, content, "application/pdf")},
        data=fields,
    )
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def change(world: World, key: str, **fields: Any) -> None:
    world.in_flowtly("PATCH", f"transaction-attachments/{key}", fields)


def fetches(world: World) -> int:
    return sum(count for route, count in world.flowtly.requests.items() if route.endswith("/file"))


def test_every_attachment_is_one_file_and_stays_it(world: World, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    first = upload(world, "bill.pdf", b"first", relatedMonth="2026-03")
    upload(world, "BILL.pdf", b"second", relatedMonth="2026-03")
    upload(world, "big.pdf", b"x" * 3_000_000)
    assert world.run(person=True).outcome == "done"
    seen = tree(root)
    assert sorted(map(len, seen.values())) == [5, 6, 3_000_000]
    assert {"_/big.pdf"} <= set(seen)
    assert len({name.casefold() for name in seen}) == 3
    assert {Path(name).parts[0] for name in seen} == {"2026-03", "_"}
    assert len(world.links()) == 3

    before = fetches(world)
    report = world.run(full=True)
    assert report.plan is not None and not report.plan.pending
    assert tree(root) == seen

    change(world, first, relatedMonth="2026-04")
    world.settled()
    (moved,) = set(tree(root)) - set(seen)
    assert moved.startswith("2026-04/")
    assert tree(root)[moved] == b"first"
    assert fetches(world) == before, "a file that only moves is not fetched again"

    (root / "attachments" / moved).unlink()
    world.settled()
    assert tree(root)[moved] == b"first"
    assert world.questions() == []
    assert world.writes() == 3, "only the uploads of people"


def test_an_attachment_without_bytes_waits_and_holds_nothing_back(world: World, tmp_path: Path) -> None:
    good = upload(world, "good.pdf", b"good", relatedMonth="2026-03")
    bad = upload(world, "bad.pdf", b"bad", relatedMonth="2026-03")
    blobs = world.flowtly.state.blobs
    (lost,) = [iri for iri in blobs if iri.endswith(bad)]
    kept = blobs.pop(lost)
    world.run(person=True)
    assert tree(tmp_path / "archive") == {"2026-03/good.pdf": b"good"}
    (question,) = world.questions("refused")
    assert "content" in question.detail
    assert list(world.links()) == [good]

    blobs[lost] = kept
    world.later()
    world.settled()
    assert tree(tmp_path / "archive") == {"2026-03/good.pdf": b"good", "2026-03/bad.pdf": b"bad"}
    assert world.questions() == []
