"""Lenses that exchange words for words: status values, yes and no. A word nobody listed is a problem, never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from syncd.core.canon import same
from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import (
    Complaint,
    Lens,
    LensSpec,
    Place,
    SideName,
    kind_of,
    kind_of_all,
    single,
    unchanged,
)
from syncd.mapping.problems import did_you_mean
from syncd.mapping.records import Unfit
from syncd.mapping.scalars import Shown, YamlScalar

_SHOWN: Final = 12
_LONG: Final = 40


def _pairs(data: Any) -> Any:
    """A block of keys as pairs, which keeps the key's own type: ``1`` is not ``"1"``."""
    if not isinstance(data, dict):
        raise ValueError("must be a block of words: external word: Flowtly word")  # noqa: TRY004 - pydantic wants it
    if not data:
        raise ValueError("must not be empty")
    return tuple(data.items())


Pairs: TypeAlias = Annotated[
    tuple[tuple[YamlScalar, YamlScalar], ...],
    BeforeValidator(_pairs),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
    Shown("block of word: word"),
]


class Words(LensSpec):
    """Words of one side for words of the other: ``{qualified: active}``, external word first.

    Both sides are compared in the Flowtly word. Two external words may share a Flowtly word only where ``preferred``
    says which one is written back, or where the field flows to Flowtly only.
    """

    word: ClassVar[str] = "values"
    main: ClassVar[str | None] = "pairs"
    main_is_block: ClassVar[bool] = True
    example: ClassVar[str] = "through: {values: {prospect: active, customer: active}, preferred: {active: customer}}"

    pairs: Pairs = Field(description="External word to Flowtly word.")
    preferred: Pairs = Field(default=(), description="Flowtly word to the external word that is written for it.")

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """The external side exchanges; Flowtly only knows the words, and anything else where it is only written."""
        home = place.home(None, Side.EXTERNAL)
        if side is home:
            kinds = (kind_of_all(mapped for _, mapped in self.pairs), kind_of_all(raw for raw, _ in self.pairs))
            return single(self._to_canonical, self._to_raw, lambda rng, _: (rng.choice(self.pairs)[0],), kinds)
        if not place.direction.allows(home):
            return None
        kind = kind_of_all(mapped for _, mapped in self.pairs)
        return single(self._known, unchanged, lambda rng, _: (rng.choice(self.pairs)[1],), (kind, kind))

    def complaints(self, place: Place) -> Iterator[Complaint]:
        """Words that cannot be written back."""
        raws = [raw for raw, _ in self.pairs]
        for word, raw in self.preferred:
            if not any(same(raw, known) and same(word, mapped) for known, mapped in self.pairs):
                hint = did_you_mean(str(raw), map(str, raws))
                yield Complaint(f"preferred: {word!r} is not what {raw!r} stands for", hint, "preferred")
        if not place.direction.allows(place.home(None, Side.EXTERNAL)):
            return
        for word in _unique(mapped for _, mapped in self.pairs):
            sources = [raw for raw, mapped in self.pairs if same(mapped, word)]
            if len(sources) > 1 and self._preferred(word) is None:
                shown = " and ".join(repr(raw) for raw in sources)
                yield Complaint(
                    f"{shown} both stand for {word!r}, so it is not clear what to write back",
                    f"write through: {{values: {{...}}, preferred: {{{word}: {sources[0]}}}}}, "
                    "or make the field one-way: direction: to_flowtly",
                    "pairs",
                )

    def _preferred(self, word: Value) -> Value:
        found: Value = next((raw for mapped, raw in self.preferred if same(mapped, word)), None)
        return found

    def _to_canonical(self, value: Value) -> Value:
        word: Value
        for raw, word in self.pairs:
            if same(raw, value):
                return word
        raise _unknown(value, [raw for raw, _ in self.pairs])

    def _to_raw(self, value: Value) -> Value:
        chosen = self._preferred(value)
        if chosen is not None:
            return chosen
        raw: Value
        for raw, word in self.pairs:
            if same(word, value):
                return raw
        raise _unknown(value, [word for _, word in self.pairs])

    def _known(self, value: Value) -> Value:
        if any(same(word, value) for _, word in self.pairs):
            return value
        raise _unknown(value, [word for _, word in self.pairs])


class Boolean(LensSpec):
    """True and false, in the words of one side: ``{boolean: {true: [Y], false: [N]}}``. The first word is written."""

    word: ClassVar[str] = "boolean"
    converts: ClassVar[bool] = True
    example: ClassVar[str] = "through: {boolean: {true: [Y, J], false: [N]}}"

    yes: tuple[YamlScalar, ...] = Field(default=(), alias="true", description="Words that mean true; first is written.")
    no: tuple[YamlScalar, ...] = Field(
        default=(), alias="false", description="Words that mean false; first is written."
    )
    on: SideName | None = Field(default=None, description="The side that uses the words; external by default.")

    @model_validator(mode="before")
    @classmethod
    def _text_keys(cls, data: Any) -> Any:
        """In YAML ``true:`` and ``false:`` are not text keys."""
        if not isinstance(data, dict):
            return data
        return {("true" if key else "false") if isinstance(key, bool) else key: value for key, value in data.items()}

    @model_validator(mode="after")
    def _apart(self) -> Boolean:
        if bool(self.yes) != bool(self.no):
            raise ValueError("give words for both true and false, or for neither")
        if any(same(_folded(one), _folded(other)) for one in self.yes for other in self.no):
            raise ValueError("the same word stands for true and for false")
        return self

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """The side at home uses the words; the other has real truth values."""
        if side is place.home(self.on, Side.EXTERNAL) and self.yes:
            words = (*self.yes, *self.no)
            written = kind_of_all((self.yes[0], self.no[0]))
            return single(self._read_word, self._write_word, lambda rng, _: (rng.choice(words),), ("boolean", written))
        return single(_truth, unchanged, lambda rng, _: (rng.choice((True, False, None)),), ("boolean", "boolean"))

    def _read_word(self, value: Value) -> Value:
        for truth, words in ((True, self.yes), (False, self.no)):
            if any(same(_folded(word), _folded(value)) for word in words):
                return truth
        raise _unknown(value, [*self.yes, *self.no])

    def _write_word(self, value: Value) -> Value:
        word: Value = self.yes[0] if _truth(value) else self.no[0]
        return word


def _truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise Unfit(f"expected true or false, got {kind_of(value)}")


def _folded(value: Value) -> Value:
    return value.strip().casefold() if isinstance(value, str) else value


def _unique(words: Iterator[Value]) -> list[Value]:
    found: list[Value] = []
    for word in words:
        if not any(same(word, known) for known in found):
            found.append(word)
    return found


def _unknown(value: Value, known: list[Value]) -> Unfit:
    listed = ", ".join(repr(word) for word in known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    shown = value[:_LONG] if isinstance(value, str) else value
    return Unfit(f"unknown word {shown!r}; known are {listed}")
