"""Files from Flowtly: what comes is checked, and whatever goes wrong, nothing stays and what was there is untouched."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.connectors.flowtly.client import FlowtlyClient
from syncd.connectors.flowtly.transfer import Saved
from syncd.connectors.flowtly.transfer_content import Unfit, check_mt940, check_zip
from syncd.connectors.flowtly.transfer_limits import TransferLimits
from syncd.errors import BadAnswer, Later, Refused
from syncd.sandbox.server import SandboxConfig, SandboxServer
from tests.connectors.flowtly_cases import World
from tests.connectors.test_flowtly_client import client_of
from tests.wire.peers import TOKEN
from tests.wire.scripted import Answering, Drop, Got, Reply, ScriptedServer

MT940, ZIP = "/transactions/export/mt940", "/transactions/attachments/zip"
BEFORE = b"what was there before"
STATEMENT = (
    ":20:ST1\n:25:DK5000400440116243\n:28C:1/1\n:60F:C260101DKK1000,00\n"
    ":61:2601050105D12,50NMSCOP-1\n:86:Coffee\n:61:2601310131C100,NMSCNONREF\n:62F:C260131DKK1087,50\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxConfig(envelope="plain", references="code", empty=True)) as started:
        yield started


@pytest.fixture
def world(server: SandboxServer, tmp_path: Path) -> Iterator[World]:
    with client_of(server.url, server.auth.issue(server.config.user)) as client:
        made = World(server, client, tmp_path)
        made.booking(amount=-12.5, endingBalance=87.5)
        made.attachment(os.urandom(5000))
        server.reset_requests()
        yield made
    server.faults.clear()


Fetch = Callable[[FlowtlyClient, Path], Saved]
FETCHES: dict[str, Fetch] = {MT940: FlowtlyClient.export_mt940, ZIP: FlowtlyClient.export_attachments}


def left(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


# ---------------------------------------------------------------------- the whole way


@pytest.mark.parametrize("path", FETCHES)
def test_a_file_comes_whole_with_its_checksum(world: World, path: str) -> None:
    target = world.folder / "export"
    target.write_bytes(BEFORE)
    heard: list[tuple[int, int | None]] = []
    fetch = {MT940: world.client.export_mt940, ZIP: world.client.export_attachments}[path]
    saved = fetch(target, told=lambda done, total: heard.append((done, total)))
    content = target.read_bytes()
    assert saved == Saved(target, len(content), hashlib.sha256(content).hexdigest())
    assert list(left(world.folder)) == ["export"]
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1][0] == len(content)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("path", FETCHES)
@pytest.mark.parametrize(
    ("kind", "params", "error"),
    [
        ("corrupt", {"form": "cut"}, BadAnswer),
        ("corrupt", {"form": "malformed"}, BadAnswer),
        ("truncated", {"keep": 0.5}, (BadAnswer, Later)),
        ("html", {}, BadAnswer),
        ("status", {"status": 502}, Later),
        ("reset", {}, Later),
    ],
)
@pytest.mark.parametrize("present", [True, False], ids=["over", "new"])
def test_trouble_leaves_nothing_half_written(
    world: World, path: str, kind: str, params: dict[str, Any], error: type[Exception], *, present: bool
) -> None:
    target = world.folder / "export"
    if present:
        target.write_bytes(BEFORE)
    what = {"what": "mt940" if path == MT940 else "zip"} if kind == "corrupt" else {}
    world.server.faults.add(kind, path=path, **params, **what)
    with pytest.raises(error):
        FETCHES[path](world.client, target)
    assert left(world.folder) == ({"export": BEFORE} if present else {})


@pytest.mark.parametrize("path", FETCHES)
def test_an_export_that_was_cut_is_asked_for_again(world: World, path: str) -> None:
    world.server.faults.add("reset_after", path=path, times=1)
    saved = FETCHES[path](world.client, world.folder / "export")
    assert saved.size > 0
    assert sum(count for route, count in world.server.requests.items() if route.endswith(path)) == 2


def test_a_second_attempt_begins_at_the_first_byte(tmp_path: Path) -> None:
    body = STATEMENT.encode()
    whole, turns = Reply(200, body, "text/plain"), iter(range(9))

    def answer(_: Got) -> Answering:
        return Drop(whole.render()[: -len(body) // 2]) if next(turns) == 0 else whole

    with ScriptedServer(answer) as scripted, client_of(scripted.url, TOKEN) as client:
        saved = client.export_mt940(tmp_path / "july.sta")
        assert len(scripted.got) == 2
    assert (tmp_path / "july.sta").read_bytes() == body
    assert (saved.size, saved.sha256) == (len(body), hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["declared", "chunked"])
def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path, headers: dict[str, str]) -> None:
    body = b"x" * 4096 if not headers else b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n"
    with (
        ScriptedServer(lambda _: Reply(200, body, "text/plain", headers)) as scripted,
        client_of(scripted.url, TOKEN, transfers={"max_bytes": 4095}) as client,
        pytest.raises(BadAnswer, match="larger than 4095 bytes"),
    ):
        client.export_mt940(tmp_path / "july.sta")
    assert left(tmp_path) == {}


def test_an_interruption_leaves_nothing(world: World) -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.client.export_mt940(world.folder / "export", told=stop)
    assert left(world.folder) == {}


@pytest.mark.parametrize(("target", "said"), [("", "is a folder"), ("absent/x.zip", "No such file")])
def test_a_target_that_cannot_be_written_is_refused_before_anything_is_asked(
    world: World, target: str, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        world.client.export_attachments(world.folder / target)
    assert world.server.requests == {}


def test_only_files_are_downloaded(world: World) -> None:
    with pytest.raises(Refused, match="gives no file"):
        world.client.download("clients.list", target=world.folder / "x")
    with pytest.raises(Refused, match="takes no file"):
        world.client.upload("clients.create", file=world.folder / "x", yes=True)
    assert world.server.requests == {}


def test_the_errors_name_no_secret_and_no_content(tmp_path: Path) -> None:
    body = STATEMENT.replace(":62F:", ":62F:?").encode()
    with (
        ScriptedServer(lambda _: Reply(200, body, "text/plain")) as scripted,
        client_of(scripted.url, TOKEN) as client,
        pytest.raises(BadAnswer) as caught,
    ):
        client.export_mt940(tmp_path / "x")
    assert "cannot be read as MT940" in str(caught.value)
    assert not any(word in str(caught.value) for word in (TOKEN, "Coffee", "DK5000400440116243"))


# ---------------------------------------------------------------------- statements


def mt940_of(folder: Path, content: bytes) -> None:
    file = folder / "x.sta"
    file.write_bytes(content)
    check_mt940(file, TransferLimits())


@pytest.mark.parametrize(
    "text",
    [
        STATEMENT,
        STATEMENT * 3,
        STATEMENT.replace("\n", "\r\n"),
        "{1:F01BANKDKKKAXXX0000000000}{2:I940X}{4:\n" + STATEMENT + "-}{5:}\n",
        STATEMENT.replace(":60F:", ":60M:").replace(":62F:", ":62M:"),
        STATEMENT.replace("Coffee", "Kaffe på Østerbro"),
        ":20:E\n:25:X\n:28C:1\n:60F:D260101EUR0,\n:62F:D260101EUR0,\n",
    ],
    ids=["one", "several", "crlf", "envelope", "page", "letters", "empty"],
)
def test_whole_statements_are_taken(tmp_path: Path, text: str) -> None:
    mt940_of(tmp_path, text.encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no MT940 statement"),
        ("\n\n", "no MT940 statement"),
        ("<html><body>Sign in</body></html>", "does not begin"),
        ("/etc/hostname", "does not begin"),
        (STATEMENT[: STATEMENT.index(":62F:")], "no closing balance"),
        (STATEMENT.replace(":60F:C260101DKK1000,00\n", ""), "no opening balance"),
        (STATEMENT.replace(":25:DK5000400440116243\n", ""), "names no account"),
        (STATEMENT.replace("D12,50", "D12,51"), "does not add up"),
        (STATEMENT[:-4] + "\n", "does not add up"),
        (STATEMENT.replace(":61:2601050105D", ":61:2601050105X"), "cannot be read"),
        (STATEMENT.replace(":61:260105", ":61:261399"), "cannot be read"),
        (STATEMENT + STATEMENT.replace("D12,50", "D1,00"), "statement 2 does not add up"),
        (STATEMENT.replace("Coffee", "Cof\x00fee"), "NUL"),
        (":20:x", "no"),
    ],
)
def test_what_is_no_whole_statement_is_not_taken(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Unfit, match=said):
        mt940_of(tmp_path, text.encode())


def test_a_statement_is_never_taken_for_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(":20:x").write_text(STATEMENT)
    with pytest.raises(Unfit, match=r"names no account|balance"):
        mt940_of(tmp_path, b":20:x")


def test_what_cannot_be_read_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unfit):
        mt940_of(tmp_path, STATEMENT.replace(":61:260105", ":61:?secret").encode())
    assert caplog.records == []


# ---------------------------------------------------------------------- zips


def zip_of(*files: tuple[str, bytes], **facts: Any) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is: the constructor would make it harmless
            info.compress_type = zipfile.ZIP_DEFLATED
            for fact, value in facts.items():
                setattr(info, fact, value)
            archive.writestr(info, content)
    return sink.getvalue()


def check(folder: Path, content: bytes, **limits: int) -> None:
    file = folder / "x.zip"
    file.write_bytes(content)
    check_zip(file, TransferLimits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        zip_of(),
        zip_of(("a.pdf", b"a"), ("2026/01/b.pdf", b"b" * 9999)),
        zip_of(("Faktura łøß.pdf", b"x"), ("folder/", b"")),
        zip_of(("..hidden..pdf", b"x")),
    ],
)
def test_harmless_zips_are_taken(tmp_path: Path, content: bytes) -> None:
    check(tmp_path, content)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x", "a/../../x", "..", "C:/x", "C:x", "\\\\host\\x", "..\\x", "a\x1b[2Jb", "a\nb", "a\u202eb"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unfit, match="a name that leads elsewhere"):
        check(tmp_path, zip_of(("good.pdf", b"x"), (name, b"x")))


def test_a_name_that_ends_in_its_middle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="file 1 of the zip"):
        check(tmp_path, zip_of(("ab.pdf/x", b"x")).replace(b"ab.pdf/x", b"ab.pdf\x00x"))


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="is a link"):
        check(tmp_path, zip_of(("x", b"/etc/passwd"), external_attr=(stat.S_IFLNK | 0o777) << 16))


def test_bombs_are_refused_unopened(tmp_path: Path) -> None:
    content = zip_of(("a", bytes(1 << 20)), ("b", bytes(1 << 20)))
    assert len(content) < 10_000
    with pytest.raises(Unfit, match="unpack to more than 2097151 bytes"):
        check(tmp_path, content, max_unpacked=(1 << 21) - 1)
    with pytest.raises(Unfit, match="holds 2 files, more than 1"):
        check(tmp_path, content, max_files=1)


def test_a_file_that_says_less_than_it_is_unpacks_to_no_more(tmp_path: Path) -> None:
    content = bytearray(zip_of(("a", bytes(1 << 20))))
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = struct.pack("<I", 10)
    with pytest.raises(Unfit, match="no whole zip"):
        check(tmp_path, bytes(content), max_unpacked=10)


@pytest.mark.parametrize("at", [12, 40], ids=["short", "long"])
def test_a_list_of_absurd_length_is_not_read(tmp_path: Path, at: int) -> None:
    content = bytearray(zip_of(("a", b"x")))
    end = content.rindex(b"PK\x05\x06")
    if at == 40:
        content[end:end] = b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(16)
    size = struct.pack("<I" if at == 12 else "<Q", 1 << 30)
    content[end + at : end + at + len(size)] = size
    with pytest.raises(Unfit, match="absurd length"):
        check(tmp_path, bytes(content))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content.replace(b"payload", b"pAyload"),
        lambda _: b"",
        lambda _: b"<html>",
        lambda content: content.replace(b"PK\x01\x02", b"PK\x01\x03"),
    ],
    ids=["half", "end", "bytes", "nothing", "page", "list"],
)
def test_what_is_no_whole_zip_is_not_taken(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.txt", b"payload" * 100)
    check(tmp_path, sink.getvalue())
    with pytest.raises(Unfit, match="no whole zip"):
        check(tmp_path, spoil(sink.getvalue()))


def test_a_locked_zip_is_not_taken(tmp_path: Path) -> None:
    content = bytearray(zip_of(("a", b"x")))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    with pytest.raises(Unfit, match="no whole zip"):
        check(tmp_path, bytes(content))
