"""Records of a mapping as companies, by the fields that its ``evidence`` names. Compares and decides nothing.

What a record says is taken from its documents only when it is asked for: most records never come near a stranger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from syncd.core.model import Document, Side, Value
from syncd.counterparties.party import Party
from syncd.mapping.evidence import EvidenceSpec
from syncd.ports import Link

_TOGETHER: Final = {"id", "name", "other_names", "accounts", "display"}
_SINGLE: Final = tuple(one.name for one in fields(Party) if one.name not in _TOGETHER)


class Standing(StrEnum):
    """What a record is in this run."""

    ALONE = "alone"  # a stranger without a partner by match keys
    TIED = "tied"  # linked, or about to be
    ASKED = "asked"  # a stranger that its match keys are asked about
    BUSY = "busy"  # its create is open, or a person named its partner


@dataclass(frozen=True, slots=True)
class Kin:
    """A record of one side, or a pair that is one company, with its documents; of a pair Flowtly's comes first.

    A pair that reads the same on both sides has one document.
    """

    keys: tuple[tuple[Side, str], ...]
    standing: Standing
    documents: tuple[Document, ...]

    @property
    def id(self) -> str:
        """How it is told from others, and called."""
        return " = ".join(f"{side} {key}" for side, key in self.keys)

    @property
    def side(self) -> Side | None:
        """The side that it lives on; None for a pair."""
        return self.keys[0][0] if len(self.keys) == 1 else None


def single(side: Side, key: str, document: Document, standing: Standing) -> Kin:
    """A record of one side."""
    return Kin(((side, key),), standing, (document,))


def tied(external: str, flowtly: str, documents: tuple[Document, Document]) -> Kin:
    """A pair that is one company: what Flowtly says, then what the external side does."""
    said = documents[:1] if documents[0] == documents[1] else documents
    return Kin(((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)), Standing.TIED, said)


def linked(link: Link) -> Kin:
    """A link, as both sides read when they last agreed."""
    return tied(link.external_key, link.flowtly_key, (link.base.flowtly, link.base.external))


def party_of(spec: EvidenceSpec, kin: Kin) -> Party:
    """The company that a record, or a pair, describes."""
    first, *others = (_party(spec, document, kin.id) for document in kin.documents)
    for other in others:
        first = _together(first, other)
    return first


def texts(document: Document, names: Sequence[str]) -> list[str]:
    """The values of several fields as texts, lists taken to pieces, without what is empty."""
    found: list[str] = []
    for name in names:
        value = document.get(name)
        if isinstance(value, str):
            if text := value.strip():
                found.append(text)
        elif value is not None:
            found.extend(_flat(value))
    return found


def _party(spec: EvidenceSpec, document: Document, name: str) -> Party:
    names, shown = texts(document, spec.name), texts(document, spec.display)

    def first(several: Sequence[str]) -> str:
        return next(iter(texts(document, several)), "")

    return Party(
        name,
        name=(names or shown or [""])[0],
        other_names=tuple(names[1:]),
        tin=first(spec.tin),
        country=first(spec.country),
        accounts=tuple(texts(document, spec.accounts)),
        street=" ".join(texts(document, spec.street)),
        postal=first(spec.postal),
        city=first(spec.city),
        website=first(spec.website),
        email=first(spec.email),
        phone=first(spec.phone),
        regno=first(spec.regno),
        client=first(spec.client),
        supplier=first(spec.supplier),
        display=not names and bool(shown),
    )


def _flat(value: Value) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None and (text := str(value).strip()):
        yield text


def _together(one: Party, other: Party) -> Party:
    """Two descriptions of one company as one: of each field what is said first, of names and accounts all."""
    said = {name: getattr(one, name) or getattr(other, name) for name in _SINGLE}
    names = [text for party in (one, other) for text in (party.name, *party.other_names) if text]
    main = other.name if one.display and other.name and not other.display else one.name or other.name
    return replace(
        one,
        **said,
        name=main,
        display=one.display and other.display,
        other_names=tuple(dict.fromkeys(text for text in names if text != main)),
        accounts=tuple(dict.fromkeys((*one.accounts, *other.accounts))),
    )
