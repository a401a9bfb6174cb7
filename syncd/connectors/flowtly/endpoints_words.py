"""The words in which an endpoint is declared: what it does, takes and gives, and how its path is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from syncd.connectors.flowtly.addresses import is_segment
from syncd.errors import Refused

Id = str | int
"""What fills a gap of a path: an id, the IRI it ends, or a date."""


class Effect(StrEnum):
    """What a call does beyond answering."""

    READ = "read"
    CHANGE = "change"
    SEND = "send"
    FILE = "file"


class Body(StrEnum):
    """A form of body that an endpoint takes."""

    JSON = "json"
    MERGE_PATCH = "merge-patch"
    MULTIPART = "multipart"


class Gives(StrEnum):
    """What a successful answer holds."""

    ITEM = "item"
    COLLECTION = "collection"
    FILE = "file"
    ANY = "any"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation at ``path``, a template such as ``/invoices/{id}/send``. ``name`` is how scripts call it.

    ``synced``: a synchronisation uses it by itself; all others are called on request only. ``people`` says to whom a
    ``send`` goes where the body names nobody.
    """

    method: str
    path: str
    name: str
    does: str
    effect: Effect = Effect.READ
    takes: tuple[Body, ...] = ()
    gives: Gives = Gives.ITEM
    resource: str = ""
    synced: bool = False
    people: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def gaps(self) -> tuple[str, ...]:
        """The names in braces of the path, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def asks_first(self) -> bool:
        """True where it must be said that the call is meant."""
        return self.effect in {Effect.CHANGE, Effect.SEND}

    def filled(self, values: Sequence[Id]) -> str:
        """The path with ids in its gaps; of an IRI its last step is taken. Raises Refused."""
        if len(values) != len(self.gaps):
            wanted = ", ".join(self.gaps) or "nothing"
            raise Refused(f"{self} needs {wanted}, and {len(values)} values were given")
        parts, left = self.path.split("/"), iter(values)
        for place, part in enumerate(parts):
            if part.startswith("{"):
                parts[place] = self._step(next(left), parts[place - 1])
        return "/".join(parts)

    def warning(self, values: Sequence[Id], body: Any = None) -> str:
        """What a call would do and, of a ``send``, to whom it goes."""
        text = f"{self.method} {self.filled(values)} {self.does[0].lower()}{self.does[1:]}"
        if self.effect is not Effect.SEND:
            return f"{text}: this changes what Flowtly holds"
        told = body.get("recipients") if isinstance(body, Mapping) else None
        named = ", ".join(map(str, told)) if isinstance(told, list) else ""
        return f"{text}: this sends mail, and it cannot be called back. It goes to {named or self.people}"

    def _step(self, value: Id, before: str) -> str:
        """One id as it stands in a URL; of an IRI its last step, if it is one of what stands before the gap."""
        text = str(value)
        way, _, last = text.rpartition("/")
        if not is_segment(last) or (way and way.rpartition("/")[2] != before):
            raise Refused(
                f"{text[:200]!r} cannot stand in {self.path}: an id, or the IRI of one of {before}, is needed"
            )
        return quote(last, safe="")
