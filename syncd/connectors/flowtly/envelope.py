"""A collection's answer in any of its three forms: hydra:member (3.x), member (4.x), a bare array. Nothing is assumed.

What is not clearly one of these is BadAnswer: an error page, an item, an object that a proxy made up must never be
read as an empty collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from syncd.errors import BadAnswer


class Form(StrEnum):
    """The form of a collection's answer."""

    HYDRA = "hydra"
    PLAIN = "plain"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Members as they came, the total the server claims, the link to the next page. An array has neither."""

    form: Form
    members: Sequence[dict[str, Any]]
    total: int | None
    next: str | None


def read_envelope(data: Any, where: str) -> Envelope:
    """The envelope of a JSON answer. ``where`` names the request. Raises BadAnswer."""
    if isinstance(data, list):
        return Envelope(Form.ARRAY, _members(data, where), None, None)
    if not isinstance(data, dict):
        raise BadAnswer(f"{where}: a collection was expected, not {type(data).__name__}")
    for form, mark in ((Form.HYDRA, "hydra:"), (Form.PLAIN, "")):
        if f"{mark}member" in data:
            members = _members(data[f"{mark}member"], where)
            return Envelope(form, members, _total(data.get(f"{mark}totalItems"), where), _next(data, where))
    raise BadAnswer(f"{where}: a collection was expected, but the answer has no members")


def _members(members: Any, where: str) -> Sequence[dict[str, Any]]:
    if not isinstance(members, list):
        raise BadAnswer(f"{where}: the members are not a list but {type(members).__name__}")
    for member in members:
        if not isinstance(member, dict):
            raise BadAnswer(f"{where}: a member is not an object but {type(member).__name__}")
    return members


def _total(total: Any, where: str) -> int | None:
    if total is None:
        return None  # partial pagination: the server does not count
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise BadAnswer(f"{where}: totalItems is not a count")
    return total


def _next(data: dict[str, Any], where: str) -> str | None:
    """The next page's link; its absence, or that of the whole view, is the end (recorded: cases 016, 021)."""
    view = data.get("hydra:view", data.get("view"))
    if view is None:
        return None
    if not isinstance(view, dict):
        raise BadAnswer(f"{where}: the view is not an object")
    link = view.get("hydra:next", view.get("next"))
    if link is not None and not isinstance(link, str):
        raise BadAnswer(f"{where}: the link to the next page is not text")
    return link
