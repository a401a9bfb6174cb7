"""All lenses by their word, and how ``through`` is written. A new lens is one class and one entry in ``LENSES``.

The forms of one lens: ``trim``, ``{lookup: countries, by: code}``, ``{date: {format: "%d.%m.%Y", zone: Europe/Rome}}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, Union

from pydantic import BeforeValidator, Discriminator, Tag

from syncd.mapping.annotations import KEYED
from syncd.mapping.lenses.base import LensSpec
from syncd.mapping.lenses.defaults import Default, Nothing
from syncd.mapping.lenses.lines import Concat, Lines
from syncd.mapping.lenses.lookup import Lookup
from syncd.mapping.lenses.numbers import DecimalNumber, Integer, MinorUnits
from syncd.mapping.lenses.reference import Reference
from syncd.mapping.lenses.texts import Case, Squeeze, Text, Trim
from syncd.mapping.lenses.times import Date, Moment
from syncd.mapping.lenses.vat import VatNumber
from syncd.mapping.lenses.words import Boolean, Words
from syncd.mapping.problems import did_you_mean
from syncd.mapping.scalars import Shown

LENSES: Final[dict[str, type[LensSpec]]] = {
    kind.word: kind
    for kind in (
        Trim, Squeeze, Case, Text, Words, Boolean, Date, Moment, DecimalNumber, MinorUnits, Integer, VatNumber, Lookup,
        Reference, Concat, Lines, Default, Nothing,
    )
}  # fmt: skip


class Written(dict[str, Any]):
    """The parameters of a lens as written, under the word they were written for."""

    def __init__(self, word: str, parameters: dict[Any, Any]) -> None:
        super().__init__(parameters)
        self.word = word


def normalised(data: Any) -> Any:
    """Any form of one lens as ``Written``. Raises ValueError for an unknown or missing word."""
    if isinstance(data, LensSpec | Written):
        return data
    if isinstance(data, str):
        return Written(_known(data), {})
    if not isinstance(data, dict):
        raise ValueError("a lens is a word (trim) or a block with one ({case: upper})")  # noqa: TRY004 - for pydantic
    word = _word_of(data)
    inner, rest = data[word], {key: value for key, value in data.items() if key != word}
    kind = LENSES[word]
    if isinstance(inner, dict) and not kind.main_is_block:
        return Written(word, {**inner, **rest})
    if inner is None:
        return Written(word, rest)
    if kind.main is None:
        raise ValueError(f"{word} takes a block of parameters")
    return Written(word, {kind.main: inner, **rest})


def _word_of(data: dict[Any, Any]) -> str:
    """The key that names the lens. A parameter may have a lens's name too: ``{decimal: 2, text: true}``."""
    words = [key for key in data if key in LENSES]
    if not words:
        return _known(str(next(iter(data), "")))
    for word in words:
        if all(other == word or other in LENSES[word].model_fields for other in words):
            return str(word)
    raise ValueError(f"{' and '.join(words)} are two lenses: write them as a list")


def listed(data: Any) -> Any:
    """``through`` as a list: one lens may stand alone."""
    if data is None:
        return []
    return data if isinstance(data, list | tuple) else [data]


def _known(word: str) -> str:
    if word in LENSES:
        return word
    near = did_you_mean(word, LENSES)
    raise ValueError(f"unknown lens {word!r}; {near or 'known are ' + ', '.join(LENSES)}")


class _Schema:
    """Describes the written forms to JSON Schema, where pydantic would describe the parameters alone."""

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> dict[str, Any]:
        forms: list[dict[str, Any]] = [{"enum": list(LENSES)}]
        for word, kind in LENSES.items():
            own = kind.model_json_schema()
            parameters = own.get("properties", {})
            main = parameters.get(kind.main, {}) if kind.main else {}
            block = {"type": ["object", "null"], "properties": parameters}
            forms.append(
                {
                    "type": "object",
                    "description": own.get("description", ""),
                    "properties": {word: {"anyOf": [main, block]} if kind.main else block, **parameters},
                    "required": [word],
                    "additionalProperties": False,
                }
            )
        return {"anyOf": forms}


def _tag(data: Any) -> str:
    return KEYED + str(data.word)


if TYPE_CHECKING:
    LensItem: TypeAlias = LensSpec
else:
    LensItem = Annotated[
        Union[tuple(Annotated[kind, Tag(KEYED + word)] for word, kind in LENSES.items())],  # noqa: UP007 - from a table
        Discriminator(_tag),
        BeforeValidator(normalised),
        _Schema(),
    ]
Through: TypeAlias = Annotated[
    tuple[LensItem, ...],
    BeforeValidator(listed, json_schema_input_type=LensItem | tuple[LensItem, ...]),
    Shown("lens or list of lenses"),
]
