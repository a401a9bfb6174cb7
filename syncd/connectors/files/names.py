"""File names from a pattern and the fields of a record. Pure; no value ever adds a folder or leaves the archive.

A name is safe on every common file system and object store: composed Unicode, no control or bidirectional characters,
no reserved word of Windows, no leading dot, bounded length. Two names that differ in case only count as one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from string import Formatter
from typing import Any, Final

from pathvalidate import sanitize_filename

STEPS: Final = 4
_STEP_BYTES: Final = 180  # a mark of 33 bytes still fits into the 255 that file systems allow
_EXTENSION_BYTES: Final = 16
_BLANK: Final = "_"


@dataclass(frozen=True, slots=True)
class _Part:
    literal: str
    field: str | None
    form: str


class Pattern:
    """``{receivedDate:%Y-%m}/{name}``: fields in braces, dates with an optional strftime form, ``/`` between steps."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for a text that cannot name files inside a folder."""
        try:
            parts = tuple(_Part(literal, field, form or "") for literal, field, form, _ in _checked(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no name pattern: {error}; write it like {{month}}/{{name}}") from error
        self._parts = parts
        self.fields = tuple(dict.fromkeys(part.field for part in parts if part.field is not None))

    def name(self, values: Mapping[str, Any]) -> str:
        """The name of a record's file, relative to its folder, with ``/`` between steps."""
        steps = [""]
        for part in self._parts:
            head, *more = part.literal.split("/")
            steps[-1] += head
            steps.extend(more)
            if part.field is not None:
                steps[-1] += _text(values.get(part.field), part.form)
        return "/".join(map(_safe, steps))


def marked(name: str, mark: str) -> str:
    """The same name with a mark before its extension; unchanged for an empty mark."""
    if not mark:
        return name
    path = PurePosixPath(name)
    stem, extension = _split(path.name)
    return str(path.with_name(f"{stem}-{mark}{extension}"))


def folded(name: str) -> str:
    """One spelling of all names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def is_plain(name: str) -> bool:
    """True for a relative path of plain steps that lead nowhere but down, none of them hidden."""
    if "\0" in name or "\\" in name:
        return False
    return all(step and not step.startswith(".") for step in name.split("/"))


def _checked(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    found = list(Formatter().parse(text))
    literals = "".join(literal for literal, *_ in found)
    steps = "".join(literal if field is None else f"{literal}x" for literal, field, *_ in found).split("/")
    if "\\" in literals or not literals.isprintable():
        raise ValueError("backslashes and control characters name no file")
    if any(step in {"", ".", ".."} for step in steps):
        raise ValueError("every step between slashes needs a name")
    if len(steps) > STEPS:
        raise ValueError(f"there are at most {STEPS} steps")
    for _, field, form, conversion in found:
        if field is not None and (not field or not set(field).isdisjoint(".[]") or conversion):
            raise ValueError("braces hold the name of a field")
        if form and ("%" not in form or "/" in form or "{" in form):
            raise ValueError(f"{form!r} is no form of a date such as %Y-%m")
    if not any(field for _, field, *_ in found):
        raise ValueError("it names no field, so all files would have one name")
    return found


def _text(value: Any, form: str) -> str:
    if form:
        moment = _moment(value)
        return moment.strftime(form) if moment is not None else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _moment(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _safe(step: str) -> str:
    """One step of a path, whatever the text was; never empty."""
    text = unicodedata.normalize("NFC", step)
    # Format characters go: one of them makes "exe.pdf" read as "fdp.exe". Other invisible ones leave a mark.
    text = "".join(_split("".join(_letter(letter) for letter in text).strip()))
    text = sanitize_filename(text, replacement_text=_BLANK, platform="universal")
    if text.startswith("."):
        text = _BLANK + text[1:]
    return text.rstrip(" .") or _BLANK


def _letter(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind == "Cf":
        return ""
    return _BLANK if kind in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} else letter


def _split(text: str) -> tuple[str, str]:
    """Stem and extension, together at most as long as a step may be."""
    dot = text.rfind(".")
    extension = text[dot:] if dot > 0 and text[dot + 1 :].isalnum() else ""
    if len(extension.encode()) > _EXTENSION_BYTES:
        extension = ""
    stem = text[: len(text) - len(extension)]
    cut = stem.encode()[: _STEP_BYTES - len(extension.encode())].decode("utf-8", "ignore")
    return cut.rstrip(" ."), extension
