"""Files of transactions: uploading one, fetching it, letting go of the transaction.

Bodies are modelled: a form with ``file`` and any writable field of an attachment. A name keeps no path. Bytes are in
``state.blobs``; whatever the sender called their type, they are never opened.
"""

from __future__ import annotations

import re
from typing import Final

from syncd.sandbox.actions.declare import MULTIPART, Action, Ask
from syncd.sandbox.actions.reading import Form, Upload, blank, typed
from syncd.sandbox.answer import Answer
from syncd.sandbox.errors import ApiError, Invalid, Violation
from syncd.sandbox.replies import BOTH

MAX_UPLOAD: Final = 10 * 1024 * 1024
"""Bytes in one file; more is 422."""

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_TOO_LARGE: Final = "df8637af-d466-48c6-a59d-e7126250a654"
_EMPTY: Final = "5d743385-9775-4aa5-8ff5-495fb1e60137"


def _upload(ask: Ask) -> Answer:
    form: Form = ask.data
    upload = form.files.get("file")
    if upload is None:
        raise blank("file")
    _check(upload)
    facts = {"mimeType": _media_type(upload.media_type), "size": len(upload.content)}
    sent = {"name": upload.name, **typed(ask.resource, form.fields)}
    row = ask.kit.writer.create(
        ask.resource, sent, origin=ask.call.origin, rewrite=lambda values: {**ask.call.rewrite(values), **facts}
    )
    ask.kit.state.blobs[ask.resource.iri(row["id"])] = upload.content
    return ask.made(row)


def _check(upload: Upload) -> None:
    if not upload.content:
        raise Invalid([Violation("file", "An empty file is not allowed.", _EMPTY)])
    if len(upload.content) > MAX_UPLOAD:
        sizes = f"({len(upload.content) / 2**20:.2f} MiB). Allowed maximum size is {MAX_UPLOAD // 2**20} MiB."
        raise Invalid([Violation("file", f"The file is too large {sizes}", _TOO_LARGE)])


def _media_type(name: str) -> str:
    return name if _MEDIA_TYPE.fullmatch(name) else "application/octet-stream"


def _file(ask: Ask) -> Answer:
    """The bytes as they came. Raises ApiError 404 for an attachment without."""
    content = ask.kit.state.blobs.get(ask.resource.iri(ask.row["id"]))
    if content is None:
        raise ApiError(404, "Not Found")
    return ask.file(ask.row.get("name") or "file", _media_type(ask.row.get("mimeType") or ""), [content])


def _detach(ask: Ask) -> Answer:
    """Let go of the transaction; one that hangs nowhere stays as it is."""
    ask.kit.state.update(ask.resource.name, ask.row["id"], {"transaction": None})
    return ask.changed()


_HERE: Final = "/transaction-attachments"
ACTIONS: Final = (
    Action("POST", f"{_HERE}/create", "TransactionAttachment", _upload, takes=(MULTIPART,)),
    Action("GET", f"{_HERE}/{{id}}/file", "TransactionAttachment", _file, role="reader", gives=()),
    Action("POST", f"{_HERE}/{{id}}/detach", "TransactionAttachment", _detach, takes=BOTH, optional=True),
)
