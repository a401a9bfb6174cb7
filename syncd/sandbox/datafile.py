"""Keeps the state in one JSON file, replaced whole and at once. Must never leave a half-written file behind.

A background thread writes at most every 0.2 s while there is something new, and once more when stopped: what a
killed process had answered in its last moment may be missing, as with a server that lost power.
"""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from syncd.errors import ConfigError, Problem
from syncd.sandbox.config import References
from syncd.sandbox.state import State

FORMAT: Final = 1
PAUSE_SECONDS: Final = 0.2


class DataFile:
    """The file of one running sandbox."""

    def __init__(self, path: Path, state: State, references: References) -> None:
        self._path = path
        self._state = state
        self._references = references
        self._saved = -1
        self._dirty = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> bool:
        """Fill the state; False when there is no file yet. Raises ConfigError for a file that is not ours."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError) as error:
            raise self._refuse(f"cannot be read: {error}") from error
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._refuse(f"is not a sandbox data file: {error}") from error
        self._check(data)
        try:
            self._state.restore(data["records"])
            for iri, text in data.get("blobs", {}).items():
                self._state.blobs[iri] = b64decode(text, validate=True)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._refuse(f"holds records this version cannot read: {error!r}") from error
        self._saved = self._state.version
        return True

    def start(self) -> None:
        """Write now, then whenever something changes. Raises ConfigError when the file cannot be written."""
        try:
            self._write()
        except OSError as error:
            raise self._refuse(f"cannot be written: {error}") from error
        self._state.changed = self._dirty.set
        self._thread = threading.Thread(target=self._run, name="sandbox-data", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end."""
        if self._thread is None:
            return
        self._state.changed = None
        self._stopping.set()
        self._dirty.set()
        self._thread.join()
        self._thread = None
        self._write()

    def _run(self) -> None:
        while self._dirty.wait() and not self._stopping.wait(PAUSE_SECONDS):
            self._dirty.clear()
            if self._stopping.is_set():  # set just before the flag was cleared: nobody would set that again
                return
            # A full disk must not end the server; the next change tries again, and stop() reports.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        with self._state.lock:
            version = self._state.version
            records, blobs = self._state.dump(), dict(self._state.blobs)
        if version == self._saved:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(self._lines(records, blobs))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        self._saved = version

    def _lines(self, records: dict[str, Any], blobs: Mapping[str, bytes]) -> Iterable[str]:
        """One record a line, so that a person can read and compare the file."""
        yield f'{{"format": {FORMAT}, "references": "{self._references}", "records": {{\n'
        for place, (name, part) in enumerate(records.items()):
            yield f'{"," if place else ""}"{name}": {{"next": {part["next"]}, "rows": [\n'
            for row_place, row in enumerate(part["rows"]):
                yield f"{',' if row_place else ''}{json.dumps(row, ensure_ascii=False)}\n"
            yield "]}\n"
        yield '}, "blobs": {\n'
        for place, (iri, content) in enumerate(blobs.items()):
            yield f"{',' if place else ''}{json.dumps(iri)}: {json.dumps(b64encode(content).decode())}\n"
        yield "}}\n"

    def _check(self, data: Any) -> None:
        if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("records"), dict):
            raise self._refuse("is not a sandbox data file")
        if data.get("references") != self._references:
            raise self._refuse(f"was made with references={data.get('references')!r}, not {self._references!r}")

    def _refuse(self, message: str) -> ConfigError:
        return ConfigError([Problem(str(self._path), 0, 0, message)])
