"""``${VAR}`` and ``${file:PATH}`` in scalar text. Names what is missing and never shows what was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from syncd.mapping.problems import did_you_mean

MAX_FILE_BYTES: Final = 64 * 1024
_REFERENCE: Final = re.compile(r"\$(\$)?\{([^{}]*)\}?")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Missing(Exception):
    """A reference cannot be resolved; says which, with a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def interpolate(text: str, env: Mapping[str, str], folder: Path) -> tuple[str, bool]:
    """The text with its references filled in, and whether there were any. ``$${`` stands for a literal ``${``.

    ``folder`` is where relative file paths start. Raises Missing.
    """
    if "${" not in text:
        return text, False
    count = 0

    def fill(found: re.Match[str]) -> str:
        nonlocal count
        if found[1]:
            return found[0][1:]
        if not found[0].endswith("}"):
            raise Missing("'${' without its '}'", "write $${ for a literal ${")
        count += 1
        return _resolve(found[2].strip(), env, folder)

    return _REFERENCE.sub(fill, text), count > 0


def _resolve(reference: str, env: Mapping[str, str], folder: Path) -> str:
    kind, colon, path = reference.partition(":")
    if colon and kind == "file":
        return _from_file(folder / path.strip(), path.strip())
    if _NAME.fullmatch(reference) is None:
        raise Missing(
            f"'${{{reference}}}' is neither a variable name nor file:PATH",
            "write ${NAME}, ${file:/run/secrets/name}, or $${ for a literal ${",
        )
    if reference not in env:
        raise Missing(f"environment variable {reference} is not set", did_you_mean(reference, env))
    return env[reference]


def _from_file(path: Path, name: str) -> str:
    """A secret file's text without its last line ending. An empty file is a forgotten secret, so it is refused."""
    if not name:
        raise Missing("'${file:}' names no file")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise Missing(f"cannot read the file {name}: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise Missing(f"the file {name} is not UTF-8 text") from error
    if len(data) > MAX_FILE_BYTES:
        raise Missing(f"the file {name} is larger than {MAX_FILE_BYTES} bytes")
    if not text:
        raise Missing(f"the file {name} is empty")
    return text
