"""What a lens is. A lens knows values and words of its own; never a peer, a record or the field it serves.

In a mapping, ``through: [a, b]`` is a pipe between the two peers: ``external - a - b - Flowtly``. Reading external runs
``a`` then ``b``; reading Flowtly runs ``b`` then ``a``; writing runs the other way. What comes out of reading on
either side is the *canonical* value, the one that is compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from syncd.core.model import Direction, Side, Value
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import Unfit

SideName: TypeAlias = Literal["external", "flowtly"]
Sample: TypeAlias = Callable[[Random, Lookups], tuple[Value, ...]]
Kind: TypeAlias = Literal["text", "integer", "decimal", "boolean", "date", "datetime", "json"]
"""What values of a field are; the words of ``ports.FieldShape.type``."""
LensKind: TypeAlias = Kind | Literal["mixed"] | None
"""What a lens makes of a value: one kind, several kinds, or (None) the kind it was."""
Kinds: TypeAlias = tuple[LensKind, LensKind]

INTO: Final[Mapping[Side, Direction]] = {Side.FLOWTLY: Direction.TO_FLOWTLY, Side.EXTERNAL: Direction.TO_EXTERNAL}


@dataclass(frozen=True, slots=True)
class Lens:
    """A lens as it acts on one side.

    ``read`` takes as many raw values as ``arity`` and gives one; ``write`` is its inverse. Both raise Unfit for what
    they cannot represent, and nothing else. ``sample`` makes raw values for the round-trip laws. ``kinds`` say
    what reading gives and what writing gives.
    """

    read: Callable[[tuple[Value, ...], Lookups], Value]
    write: Callable[[Value, Lookups], tuple[Value, ...]]
    sample: Sample | None = None
    arity: int = 1
    kinds: Kinds = (None, None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lens stands in a mapping.

    ``arity``: raw names that reach it on each side. ``only``: the side it was written under, None for a field's shared
    ``through``. ``direction``: which way the field may flow.
    """

    direction: Direction
    arity: Mapping[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 1))
    only: Side | None = None

    def home(self, on: str | None, default: Side) -> Side:
        """The side whose form a lens describes: the side it is written under, else ``on``, else the default."""
        if self.only is not None:
            return self.only
        return default if on is None else Side(on)

    def many(self) -> Side | None:
        """The one side with several raw names, or None when that is neither or both."""
        found = [side for side in Side if self.arity[side] > 1]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a lens cannot stand where it does; ``key`` is the parameter to blame, if one is."""

    message: str
    hint: str = ""
    key: str = ""


class LensSpec(BaseModel, ABC):
    """A lens as written in YAML.

    ``main`` is the parameter that may be given right after the name. A lens that ``converts`` makes a value of another
    kind on both sides (text to a date): lenses before it in ``through`` act on external only, those after it on
    Flowtly only. ``last`` lenses act on canonical values, wherever they are listed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: ClassVar[str]
    main: ClassVar[str | None] = None
    main_is_block: ClassVar[bool] = False
    converts: ClassVar[bool] = False
    last: ClassVar[bool] = False
    example: ClassVar[str]

    @abstractmethod
    def on_side(self, side: Side, place: Place) -> Lens | None:
        """How the lens acts on one side; None where values pass as they are."""

    def one_way(self, place: Place) -> Direction | None:  # noqa: ARG002 - most lenses have an inverse everywhere
        """The only direction values can flow through this lens, or None when it has an inverse."""
        return None

    def complaints(self, place: Place) -> Iterator[Complaint]:  # noqa: ARG002 - most lenses fit everywhere
        """What is wrong with this lens at this place."""
        return iter(())

    def lookups(self) -> frozenset[tuple[str, str]]:
        """The (resource, by) tables the lens needs."""
        return frozenset()

    def refers_to(self) -> str | None:
        """The mapping whose records the values name, if they do."""
        return None

    def may_go_without(self) -> bool:
        """True when a reference that is not linked reads as nothing, so that a new link changes what is read."""
        return False


def single(
    read: Callable[[Value], Value],
    write: Callable[[Value], Value],
    sample: Sample | None = None,
    kinds: Kinds = (None, None),
) -> Lens:
    """A lens on one value that leaves null alone."""

    def reading(raw: tuple[Value, ...], _: Lookups) -> Value:
        return None if raw[0] is None else read(raw[0])

    def writing(value: Value, _: Lookups) -> tuple[Value, ...]:
        return (None,) if value is None else (write(value),)

    return Lens(reading, writing, sample, kinds=kinds)


def unchanged(value: Value) -> Value:
    """Writing for lenses that only normalise what is read."""
    return value


def kind_of(value: Value) -> str:
    """A value's type in words."""
    names = {"str": "text", "bool": "true/false", "int": "a whole number", "Decimal": "a number", "tuple": "a list"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def kind_of_all(values: Iterable[Value]) -> LensKind:
    """The one kind of some words: text, numbers, true and false; ``mixed`` where no kind holds them all."""
    kinds = {_WORD_KINDS.get(type(value), "mixed") for value in values}
    if kinds == {"integer", "decimal"}:
        return "decimal"
    return kinds.pop() if len(kinds) == 1 else "mixed"


_WORD_KINDS: Final[Mapping[type, LensKind]] = {str: "text", bool: "boolean", int: "integer", Decimal: "decimal"}
TEXTS: Final[Kinds] = ("text", "text")
"""The kinds of a lens that reads and writes text."""


def as_text(value: Value) -> str:
    """The value if it is text. Raises Unfit."""
    if not isinstance(value, str):
        raise Unfit(f"expected text, got {kind_of(value)}")
    return value


_PIECES: Final = ("Acme", "Nordic", "Żółw", "straße", "Ørsted", "İnci", "ab", "X", "7", "12/3", "o'o", "Łódź", "ﬁ", "№")


def some_text(rng: Random) -> str | None:
    """A text of the kinds people have in names, untidy on purpose; now and then null."""
    if rng.random() < 0.08:  # noqa: PLR2004 - a share of nulls
        return None
    words = [rng.choice(_PIECES) for _ in range(rng.randint(1, 4))]
    text = rng.choice((" ", " ", "  ", "\t", ", ")).join(words)
    return rng.choice(("", "", " ")) + text + rng.choice(("", "", " "))


def one_text(rng: Random, _: Lookups) -> tuple[Value, ...]:
    """A sample of one raw text."""
    return (some_text(rng),)
