"""A form with one file in it, read from disk while it is sent. It never holds the file in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final, cast
from uuid import uuid4

import httpx

from syncd.errors import Refused

_NOWHERE: Final = "http://localhost/"  # httpx encodes forms only as part of a request
_PART: Final = "file"


class Multipart:
    """``multipart/form-data`` with a file under the field ``file`` and text ``fields``. May be sent again.

    ``headers`` go with it: its media type and its length in bytes, as the file was when this was made. Raises OSError.
    """

    def __init__(self, file: Path, media_type: str, fields: Mapping[str, str]) -> None:
        self._file, self._media_type, self._fields = file, media_type, dict(fields)
        self._kind = {"content-type": f"multipart/form-data; boundary={uuid4().hex}"}
        with file.open("rb") as source:
            self._length = int(self._encoded(source).headers["content-length"])
        self.headers: Mapping[str, str] = {**self._kind, "content-length": str(self._length)}

    def __iter__(self) -> Iterator[bytes]:
        """The form in pieces. Raises Refused when the file has changed or is gone: no whole form was sent then."""
        try:
            with self._file.open("rb") as source:
                yield from self._pieces(source)
        except OSError as error:
            raise Refused(f"{self._file} cannot be read: {error.strerror}") from None

    def _pieces(self, source: IO[bytes]) -> Iterator[bytes]:
        """The last piece is held back until all are known to be as long as was announced."""
        size, held = 0, b""
        for piece in cast("httpx.SyncByteStream", self._encoded(source).stream):
            size += len(piece)
            if size > self._length:
                break
            if held:
                yield held
            held = piece
        if size != self._length:
            raise Refused(f"{self._file} changed while it was sent")
        yield held

    def _encoded(self, source: IO[bytes]) -> httpx.Request:
        files = {_PART: (self._file.name, source, self._media_type)}
        return httpx.Request("POST", _NOWHERE, headers=self._kind, data=self._fields, files=files)
