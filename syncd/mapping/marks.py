"""A mark in a free-text field: which source record a record was made from. Pure; what people wrote stays as it is.

``Paper for the office [syncd:PST-1001]``: the text, one blank, the mark. Whatever stands in a key that could end the
mark early is written as in an address (``%5D``).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

_MARK: Final = re.compile(r"[ \t]?\[syncd:([^\[\]\s]*)\]")
_PLAIN: Final = "-_.~:/#@+,;=()!*'&$|"


def marked(text: str | None, key: str) -> str:
    """The text with the mark of ``key`` at its end; the mark alone where there is no text."""
    mark = f"[syncd:{quote(key, safe=_PLAIN)}]"
    return f"{text} {mark}" if text else mark


def unmarked(text: str) -> tuple[str | None, str | None]:
    """What people wrote, and the key of the last mark; (text, None) for a text without any.

    A text that was nothing but its mark is none. ``unmarked(marked(text, key)) == (text, key)``.
    """
    found = None
    for found in _MARK.finditer(text):  # noqa: B007 - the last one is used below
        pass
    if found is None:
        return text, None
    rest = text[: found.start()] + text[found.end() :]
    return rest or None, unquote(found.group(1))
