"""Reads the recorded requests and answers, sends them again, and says where two answers differ.

Used by the recording tests; sends exactly the recorded headers, so it speaks ``http.client`` and not a client library.
"""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "wire" / "recordings"
VERSIONS = {"api-platform-4.3": "plain", "api-platform-3.4": "hydra"}
"""Recorded server version -> the sandbox's envelope that stands for it."""

COMPARED_HEADERS = (
    "Content-Type",
    "Allow",
    "Accept-Patch",
    "Accept-Post",
    "WWW-Authenticate",
    "Location",
    "Content-Location",
    "Vary",
    "Cache-Control",
    "Link",
)
_CUT = re.compile(r"\n\.\.\. \(cut, \d+ bytes in all\)\s*$")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_STAMP = re.compile(r'("(?:created|updated)At":)"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"')
_TOKEN = re.compile(r'"token":"[^"]*"')
DOCUMENTS = {"docs-jsonopenapi", "docs-jsonld", "docs-accept-openapi"}
# A request whose bytes the text file could not keep.
BODIES = {"create-invalid-utf8": b'{"name":"\xff\xfe"}'}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    text: str
    cut: bool = False

    @property
    def data(self) -> Any:
        return json.loads(self.text) if self.text else None


@dataclass(frozen=True)
class Case:
    version: str
    number: str
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    reply: Reply


def cases(version: str) -> list[Case]:
    return [_read(version, path) for path in sorted((RECORDINGS / version).glob("[0-9]*.http"))]


def _read(version: str, path: Path) -> Case:
    number, _, name = path.stem.partition("-")
    asked, _, answered = path.read_text(encoding="utf-8").partition("----- response -----\n")
    first, headers, body = _message(asked)
    method, target, _ = first.split(" ", 2)
    status_line, reply_headers, text = _message(answered)
    cut = _CUT.search(text) is not None
    reply = Reply(int(status_line.split()[1]), reply_headers, _CUT.sub("", text).strip("\n"), cut)
    return Case(version, number, name, method, target, headers, BODIES.get(name, body.strip("\n").encode()), reply)


def _message(text: str) -> tuple[str, dict[str, str], str]:
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return first, headers, body


class Replayer:
    """Sends cases in order. ``known`` maps recorded IRIs of created records to the ones made here."""

    def __init__(self, port: int, tokens: dict[str, str], passwords: dict[str, str]) -> None:
        self._port = port
        self._tokens = tokens
        self._passwords = passwords
        self._known: dict[str, str] = {}

    def send(self, case: Case) -> Reply:
        body = case.body.replace(b"<password>", self._passwords.get(case.name, "").encode())
        if case.name not in BODIES:
            body = self._translated(body.decode()).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.putrequest(case.method, self._translated(case.path), skip_host=True, skip_accept_encoding=True)
            for name, value in case.headers.items():
                if name.lower() != "content-length":
                    connection.putheader(name, self._with_token(value))
            if "Content-Length" in case.headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            headers: dict[str, str] = {}
            for name, value in answer.getheaders():
                headers[name.title()] = f"{headers[name.title()]}, {value}" if name.title() in headers else value
            reply = Reply(answer.status, headers, answer.read().decode())
        finally:
            connection.close()
        if "Location" in case.reply.headers and "Location" in headers:
            self._known[case.reply.headers["Location"]] = headers["Location"]
        return reply

    def _translated(self, text: str) -> str:
        for recorded, made in self._known.items():
            if _UUID.search(recorded):
                text = text.replace(recorded, made)
        return text

    def _with_token(self, value: str) -> str:
        for mark, token in self._tokens.items():
            value = value.replace(mark, token)
        return value


def differences(case: Case, got: Reply) -> list[str]:
    """Where an answer is not as recorded: status, headers, and the body byte for byte but for what must vary.

    Of the documents about the API only the top level of keys is compared: they describe what is served.
    """
    found = []
    if got.status != case.reply.status:
        found.append(f"status {got.status} instead of {case.reply.status}")
    for name in COMPARED_HEADERS:
        want, have = case.reply.headers.get(name), got.headers.get(name.title())
        if _masked(want or "") != _masked(have or ""):
            found.append(f"header {name} {have!r} instead of {want!r}")
    want_body, have_body = _comparable(case, case.reply.text), _comparable(case, got.text)
    if case.reply.cut:
        have_body = have_body[: len(want_body)]
    if want_body != have_body:
        found.append(f"body {have_body} instead of {want_body}")
    return found


def _comparable(case: Case, text: str) -> str:
    """The body with ids that are made anew, stamps and tokens masked."""
    if "json" not in case.reply.headers.get("Content-Type", ""):
        return ""
    if case.name == "entrypoint":
        return ",".join(key for key in json.loads(text) if key.startswith("@"))
    if case.name in DOCUMENTS:
        return ",".join(re.findall(r'"[^"]*"', text)[:1]) if case.reply.cut else ",".join(json.loads(text))
    return _masked(text)


def _masked(text: str) -> str:
    return _TOKEN.sub('"token":"TOKEN"', _STAMP.sub(r'\1"STAMP"', _UUID.sub("UUID", text)))
