"""The request's body as the administrator wrote it, with two records in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NUMBERS: Final = ("{loser_id}", "{survivor_id}")


def filled(body: Mapping[str, Any], survivor: str, loser: str) -> dict[str, Any]:
    """The body for these two. A text that is exactly ``{loser_id}`` becomes a number, where the id is one."""
    words = {
        "{loser}": loser,
        "{survivor}": survivor,
        "{loser_id}": loser.rpartition("/")[2],
        "{survivor_id}": survivor.rpartition("/")[2],
    }
    return {name: _filled(value, words) for name, value in body.items()}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(part, words) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(part, words) for part in value]
    if not isinstance(value, str):
        return value
    text = words.get(value)
    if value in _NUMBERS and text is not None and text.isascii() and text.isdigit():
        return int(text)
    for word, put in words.items():
        value = value.replace(word, put)
    return value
