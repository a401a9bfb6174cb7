"""Attachments as files: one each, under the name the pattern gives, moved and rewritten as their metadata says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pytest

from syncd.connectors.files.connector import FilesConnector
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused
from syncd.ports import Query, Record
from tests.connectors.files_kit import QUERY, Shelf, archive, fields, hidden, memory_url, tree

NOTHING = Record("", {})


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf()
    made.contents = {f"/f/{number}": f"bytes of {number}".encode() for number in range(30)}
    made.contents["/f/empty"] = b""
    return made


@pytest.fixture(params=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], dict[str, bytes]]]:
    """What a person sees in an archive; ``files.root`` is where it is."""

    def listed() -> dict[str, bytes]:
        if request.param == "folder":
            return tree(tmp_path)
        store = fsspec.filesystem("memory")
        top = f"/{root.partition('://')[2]}/attachments/"
        return {path.removeprefix(top): store.cat_file(path) for path in store.find(top) if "/.syncd/" not in path}

    root = str(tmp_path) if request.param == "folder" else memory_url()
    listed.root = root  # type: ignore[attr-defined]
    return listed


def test_a_record_becomes_a_file_and_tells_about_it(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1, amount=Decimal("12.50"), day=date(2026, 3, 1), on=True, none=None))
    assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}
    assert made.key == "A1"
    assert made.raw == {
        **fields(1, amount=Decimal("12.50"), day=date(2026, 3, 1), on=True, none=None),
        "file": "2026-03/bill-1.pdf",
        "size": 10,
        "sha256": hashlib.sha256(b"bytes of 1").hexdigest(),
    }
    assert archive(files.root).read(QUERY, "A1") == made, "another process reads the same"


def test_an_empty_file_is_a_file(files: Any, shelf: Shelf) -> None:
    assert archive(files.root, shelf).create(QUERY, fields(1, content="/f/empty")).raw["size"] == 0
    assert files() == {"2026-03/bill-1.pdf": b""}


def test_a_record_without_content_has_no_file_until_it_has_one(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1, content=None))
    assert (made.raw["file"], made.raw["size"], made.raw["sha256"], files()) == (None, None, None, {})
    with_files.update(QUERY, "A1", {"content": "/f/1"}, made)
    assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}


def test_the_same_record_twice_is_one_file_and_one_fetch(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    assert with_files.create(QUERY, fields(1)) == with_files.create(QUERY, fields(1))
    assert shelf.opened == ["/f/1"]
    with pytest.raises(Refused, match="already"):
        with_files.create(QUERY, fields(1, name="other.pdf"))
    assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}


def test_metadata_that_is_not_in_the_name_touches_no_file(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1))
    after = with_files.update(QUERY, "A1", {"note": "paid"}, made)
    assert after.raw == {**made.raw, "note": "paid"}
    assert shelf.opened == ["/f/1"]


def test_metadata_in_the_name_moves_the_file_without_fetching(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1))
    after = with_files.update(QUERY, "A1", {"month": "2026-04"}, made)
    assert after.raw["file"] == "2026-04/bill-1.pdf"
    assert files() == {"2026-04/bill-1.pdf": b"bytes of 1"}
    assert shelf.opened == ["/f/1"]


@pytest.mark.parametrize("more", [{}, {"month": "2026-04"}], ids=["same name", "other name"])
def test_another_reference_is_fetched(files: Any, shelf: Shelf, more: dict[str, Any]) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1))
    after = with_files.update(QUERY, "A1", {"content": "/f/2", **more}, made)
    assert files() == {f"{more.get('month', '2026-03')}/bill-1.pdf": b"bytes of 2"}
    assert after.raw["sha256"] == hashlib.sha256(b"bytes of 2").hexdigest()


def test_another_reference_to_the_same_bytes_changes_no_file(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    shelf.contents["/f/again"] = b"bytes of 1"
    made = with_files.create(QUERY, fields(1))
    assert with_files.update(QUERY, "A1", {"content": "/f/again"}, made).raw["content"] == "/f/again"
    assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}
    with_files.update(QUERY, "A1", {"content": "/f/again"}, made)
    assert shelf.opened == ["/f/1", "/f/again"]


def test_a_reference_that_is_withdrawn_leaves_the_file(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = with_files.create(QUERY, fields(1))
    after = with_files.update(QUERY, "A1", {"content": None}, made)
    assert after.raw["content"] is None
    assert after.raw["file"] == "2026-03/bill-1.pdf"
    assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}
    with_files.update(QUERY, "A1", {"content": "/f/1"}, after)
    assert shelf.opened == ["/f/1"], "what is there is not fetched again"


def test_equal_names_get_a_mark_and_keep_it(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    made = [
        with_files.create(QUERY, fields(number, name=name)) for number, name in enumerate(["B.pdf", "b.pdf", "B.pdf"])
    ]
    names = [record.raw["file"] for record in made]
    assert names[0] == "2026-03/B.pdf"
    assert len({name.casefold() for name in names}) == 3
    assert set(files()) == set(names)
    again = with_files.update(QUERY, "A1", {"note": "x"}, made[1])
    assert again.raw["file"] == names[1]


def test_a_name_that_became_free_is_used_again(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    first = with_files.create(QUERY, fields(1, name="b.pdf"))
    with_files.update(QUERY, "A1", {"name": "other.pdf"}, first)
    assert with_files.create(QUERY, fields(2, name="B.pdf")).raw["file"] == "2026-03/B.pdf"


def test_two_records_change_names(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    one, two = (with_files.create(QUERY, fields(number)) for number in (1, 2))
    with_files.update(QUERY, "A1", {"name": "bill-2.pdf"}, one)
    with_files.update(QUERY, "A2", {"name": "bill-1.pdf"}, two)
    content = {name.partition("-1")[2] and name: data for name, data in files().items()}
    assert sorted(files().values()) == [b"bytes of 1", b"bytes of 2"]
    assert content["2026-03/bill-1.pdf"] == b"bytes of 2"


def test_a_key_is_found_without_a_walk_and_other_fields_by_one(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    for number in range(20):
        with_files.create(QUERY, fields(number, note=f"n{number % 2}"))
    before = with_files.requests
    assert [found.key for found in with_files.find(QUERY, {"id": "A7"})] == ["A7"]
    assert list(with_files.find(QUERY, {"id": "A99"})) == []
    assert list(with_files.find(QUERY, {"id": "A7", "note": "n0"})) == []
    assert with_files.requests - before < 20
    assert len(list(with_files.find(QUERY, {"note": "n0"}))) == 10
    assert [len(page.records) for page in with_files.pages(QUERY, None)] == [7, 7, 6]
    assert {row["@key"] for row in with_files.rows("attachments")} == {f"A{number}" for number in range(20)}


def test_keys_may_be_iris_and_numbers(files: Any, shelf: Shelf) -> None:
    with_files = archive(files.root, shelf)
    assert (
        with_files.create(QUERY, fields(1, id="/api/transaction-attachments/7")).key == "/api/transaction-attachments/7"
    )
    assert with_files.create(QUERY, fields(2, id=7)).key == "7"
    assert with_files.read(QUERY, "7").raw["id"] == 7
    for key in (None, "", True, Decimal("1.5"), "x" * 1001):
        with pytest.raises(Refused, match="key"):
            with_files.create(QUERY, fields(3, id=key))
    with pytest.raises(Refused, match="is the key"):
        with_files.update(QUERY, "7", {"id": 8}, NOTHING)
    assert len(files()) == 2


@pytest.mark.parametrize("name", ["file", "size", "sha256"])
def test_what_is_computed_is_not_written(files: Any, shelf: Shelf, name: str) -> None:
    with pytest.raises(Refused, match="computed"):
        archive(files.root, shelf).create(QUERY, fields(1, **{name: "x"}))
    shape = archive(files.root).shape(QUERY)
    assert not shape.fields[name].writable
    assert [field.name for field in shape.fields.values() if field.required] == ["month", "name", "id"]


class TestTroubleWithContent:
    @pytest.mark.parametrize(
        ("trouble", "error"),
        [
            (Later("the answer was lost"), Later),
            (ReadCut("half"), Later),
            (BadAnswer("a login page"), BadAnswer),
            (Denied("not for you"), Refused),
            (NotFound("gone"), Refused),
        ],
    )
    def test_a_source_that_fails_in_the_middle_leaves_nothing(
        self, files: Any, shelf: Shelf, trouble: Exception, error: type[Exception]
    ) -> None:
        with_files = archive(files.root, shelf)
        shelf.trouble, shelf.cut_after = trouble, 4
        with pytest.raises(error):
            with_files.create(QUERY, fields(1))
        assert files() == {}
        with pytest.raises(NotFound):
            with_files.read(QUERY, "A1")
        shelf.trouble = None
        before = with_files.create(QUERY, fields(1))
        shelf.trouble = trouble
        with pytest.raises(error):
            with_files.update(QUERY, "A1", {"content": "/f/2"}, before)
        assert with_files.read(QUERY, "A1") == before
        assert files() == {"2026-03/bill-1.pdf": b"bytes of 1"}

    def test_content_over_the_limit_is_refused(self, files: Any, shelf: Shelf) -> None:
        with_files = archive(files.root, shelf, max_size=9)
        with pytest.raises(Refused, match="max_size, 9 bytes") as caught:
            with_files.create(QUERY, fields(1))
        assert caught.value.violations[0].field == "content"
        assert files() == {}
        assert archive(files.root, shelf, max_size=10).create(QUERY, fields(1)).raw["size"] == 10

    def test_a_reference_that_leads_nowhere_is_refused(self, files: Any, shelf: Shelf) -> None:
        with pytest.raises(Refused, match="cannot be had"):
            archive(files.root, shelf).create(QUERY, fields(1, content="/f/nowhere"))
        with pytest.raises(Refused, match="nothing here can fetch"):
            archive(files.root).create(QUERY, fields(1))
        with pytest.raises(Refused, match="must be text"):
            archive(files.root, shelf).create(QUERY, fields(1, content=7))
        assert files() == {}


class TestFolder:
    """What only a folder has: people, links, rights, other processes."""

    @pytest.fixture
    def with_files(self, tmp_path: Path, shelf: Shelf) -> FilesConnector:
        return archive(tmp_path, shelf)

    def test_a_file_that_somebody_took_away_reads_as_missing_and_is_fetched_again(
        self, with_files: FilesConnector, tmp_path: Path
    ) -> None:
        made = with_files.create(QUERY, fields(1))
        (tmp_path / "attachments/2026-03/bill-1.pdf").unlink()
        missing = with_files.read(QUERY, "A1")
        assert (missing.raw["content"], missing.raw["file"]) == (None, None)
        assert [page.records for page in with_files.pages(QUERY, None)] == [(missing,)]
        assert with_files.update(QUERY, "A1", {"content": "/f/1"}, missing) == made
        assert tree(tmp_path) == {"2026-03/bill-1.pdf": b"bytes of 1"}

    @pytest.mark.parametrize(
        "change", [{"content": "/f/2"}, {"month": "2026-04"}, {"name": "other.pdf", "content": "/f/2"}]
    )
    def test_a_file_that_somebody_edited_is_left_alone(
        self, with_files: FilesConnector, tmp_path: Path, shelf: Shelf, change: dict[str, Any]
    ) -> None:
        made = with_files.create(QUERY, fields(1))
        (tmp_path / "attachments/2026-03/bill-1.pdf").write_bytes(b"BYTES of 1")
        after = with_files.update(QUERY, "A1", change, made)
        seen = tree(tmp_path)
        assert seen.pop("2026-03/bill-1.pdf") == b"BYTES of 1"
        assert seen == {after.raw["file"]: shelf.contents[after.raw["content"]]}

    def test_a_file_that_was_there_before_is_left_alone(self, with_files: FilesConnector, tmp_path: Path) -> None:
        (tmp_path / "attachments/2026-03").mkdir(parents=True)
        (tmp_path / "attachments/2026-03/bill-1.pdf").write_bytes(b"mine")
        made = with_files.create(QUERY, fields(1))
        assert made.raw["file"].startswith("2026-03/bill-1-")
        assert tree(tmp_path) == {"2026-03/bill-1.pdf": b"mine", made.raw["file"]: b"bytes of 1"}

    def test_files_and_documents_are_for_people_to_read(self, with_files: FilesConnector, tmp_path: Path) -> None:
        with_files.create(QUERY, fields(1, supplier="Żółw"))
        assert (tmp_path / "attachments/2026-03/bill-1.pdf").stat().st_mode & 0o444 == 0o444
        (document,) = (tmp_path / "attachments/.syncd/index").rglob("*.json")
        assert "Żółw" in document.read_text(encoding="utf-8")
        assert json.loads(document.read_text(encoding="utf-8"))["file"]["name"] == "2026-03/bill-1.pdf"

    @pytest.mark.parametrize(
        "step", ["attachments", "attachments/2026-03", "attachments/.syncd", "attachments/.syncd/index"]
    )
    def test_a_link_that_leads_out_is_not_followed(self, tmp_path: Path, shelf: Shelf, step: str) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        outside.mkdir()
        (root / step).parent.mkdir(parents=True)
        (root / step).symlink_to(outside)
        with pytest.raises(Refused, match="link"):
            archive(root, shelf).create(QUERY, fields(1))
        assert list(outside.iterdir()) == []

    def test_a_link_in_the_place_of_a_file_is_not_followed(
        self, with_files: FilesConnector, tmp_path: Path, shelf: Shelf
    ) -> None:
        made = with_files.create(QUERY, fields(1))
        victim = tmp_path / "victim"
        victim.write_bytes(b"bytes of 1")
        place = tmp_path / "attachments/2026-03/bill-1.pdf"
        place.unlink()
        place.symlink_to(victim)
        missing = with_files.read(QUERY, "A1")
        assert missing.raw["file"] is None
        after = with_files.update(QUERY, "A1", {"content": "/f/2"}, missing)
        assert after.raw["file"] != made.raw["file"]
        assert victim.read_bytes() == b"bytes of 1"
        assert place.is_symlink()

    def test_a_document_that_names_a_file_outside_is_not_believed(
        self, with_files: FilesConnector, tmp_path: Path
    ) -> None:
        made = with_files.create(QUERY, fields(1))
        with_files.create(QUERY, fields(2))
        (tmp_path / "victim").write_bytes(b"bytes of 1")
        document = next(
            path for path in (tmp_path / "attachments/.syncd/index").rglob("*.json") if '"A1"' in path.read_text()
        )
        document.write_text(document.read_text().replace("2026-03/bill-1.pdf", "../victim"))
        with pytest.raises(BadAnswer, match="leads elsewhere"):
            with_files.update(QUERY, "A1", {"month": "2026-04"}, made)
        seen = []
        with pytest.raises(ReadCut, match="1 documents cannot be read"):
            seen.extend(record.key for page in with_files.pages(QUERY, None) for record in page.records)
        assert (tmp_path / "victim").read_bytes() == b"bytes of 1"

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": 1}', '{"key": "A1", "fields": [], "file": 1, "coming": null}',
                                      '{"key": "A9", "fields": {}, "file": null, "coming": null}', "[" * 100_000])  # fmt: skip
    def test_a_document_that_somebody_broke_is_an_error_and_never_an_absence(
        self, with_files: FilesConnector, tmp_path: Path, text: str
    ) -> None:
        with_files.create(QUERY, fields(1))
        (document,) = (tmp_path / "attachments/.syncd/index").rglob("*.json")
        document.write_text(text)
        for attempt in (
            lambda: with_files.read(QUERY, "A1"),
            lambda: with_files.create(QUERY, fields(1)),
            lambda: list(with_files.pages(QUERY, None)),
        ):
            with pytest.raises((BadAnswer, ReadCut)):
                attempt()
        assert document.read_text() == text

    def test_a_share_that_is_not_mounted_is_not_an_empty_archive(self, tmp_path: Path, shelf: Shelf) -> None:
        with pytest.raises(Later, match="mount it, or make it"):
            archive(tmp_path / "gone", shelf).check()
        (tmp_path / "file").touch()
        with pytest.raises(Later):
            list(archive(tmp_path / "file", shelf).pages(QUERY, None))

    def test_another_process_that_is_writing_is_not_waited_for(
        self, with_files: FilesConnector, tmp_path: Path
    ) -> None:
        import fcntl

        with_files.create(QUERY, fields(1))
        with (tmp_path / "attachments/.syncd/lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(Later, match="another process"):
                with_files.create(QUERY, fields(2))
        with_files.create(QUERY, fields(2))
        assert not [name for name in hidden(tmp_path) if name.endswith(".part")]

    def test_threads_write_side_by_side(self, tmp_path: Path, shelf: Shelf) -> None:
        from concurrent.futures import ThreadPoolExecutor

        writers = [archive(tmp_path, shelf) for _ in range(4)]

        def write(number: int) -> str | None:
            try:
                return writers[number % 4].create(QUERY, fields(number // 4, name="same.pdf")).key
            except Later:
                return None  # another process's writer, as far as it can tell

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(48)))
        made = {
            archive(tmp_path, shelf).create(QUERY, fields(number, name="same.pdf")).raw["file"] for number in range(12)
        }
        assert len(made) == 12
        assert set(tree(tmp_path)) == made
        assert sorted(tree(tmp_path).values()) == sorted(f"bytes of {number}".encode() for number in range(12))


def test_settings_that_make_no_sense_are_told() -> None:
    for wrong in (
        "archive",
        "../archive",
        "file:///srv",
        "s3://",
        "s3://a/../b",
        "s3://k:s@bucket",
        "s3::x://b",
        "a\0b",
    ):
        with pytest.raises(ValueError, match=r"such as|like|under secrets"):
            archive(wrong)
    for folders in ({}, {"a/b": "{name}"}, {".syncd": "{name}"}, {"a": "fixed"}):
        with pytest.raises(ValueError):
            archive("/srv", folders=folders)
    with pytest.raises(Denied, match="nosuch"):
        archive("nosuch://bucket")
    with pytest.raises(Refused, match="did you mean 'attachments'"):
        archive("/srv").read(Query("attachment"), "1")


def test_a_date_of_a_record_names_its_folder(tmp_path: Path, shelf: Shelf) -> None:
    by_date = archive(tmp_path, shelf, folders={"attachments": "{received:%Y-%m}/{id}"})
    made = by_date.create(QUERY, fields(1, received=datetime(2026, 3, 1, tzinfo=UTC)))
    assert made.raw["file"] == "2026-03/A1"
    assert by_date.read(QUERY, "A1").raw["received"] == datetime(2026, 3, 1, tzinfo=UTC)


def test_every_setting_is_documented() -> None:
    pages = Path(__file__).parents[2] / "docs" / "connectors.md"
    section = pages.read_text(encoding="utf-8").split("## `files`")[1].split("\n## ")[0]
    rows = {line.split("`")[1]: line for line in section.split("\n") if line.startswith("| `")}
    assert set(FilesConnector.Settings.model_fields) <= set(rows)
    assert FilesConnector.Settings.model_fields["max_size"].default == 100 << 20
    assert "`100MiB`" in rows["max_size"]
    assert f"`{FilesConnector.Settings.model_fields['page_size'].default}`" in rows["page_size"]
    chosen = archive("/srv", max_size="100MiB")
    assert chosen.capabilities(QUERY).atomic_update is False
