"""``events:`` of a mapping and ``emit:`` of a watch as data: which change is worth an event. Decides nothing.

It stands below ``spec``, which uses it; so it must not import that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Final, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from syncd.core.canon import canonical
from syncd.core.events import Crossing, EventRule, number_of
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.records import clean
from syncd.mapping.scalars import Shown, YamlScalarOrNull

EVENT_PATTERN: Final = r"^[a-z][a-z0-9_]{0,40}(\.[a-z][a-z0-9_]{0,40}){1,3}$"
_WORDS: Final = ("appears", "disappears", "changes")


class _Block(BaseModel):
    """A block in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _several(data: Any) -> Any:
    return tuple(data) if isinstance(data, list | tuple) else (data,)


Several: TypeAlias = Annotated[
    tuple[YamlScalarOrNull, ...],
    BeforeValidator(_several),
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "number", "boolean", "null", "array"]}),
    Shown("value or list of values"),
]


def _changes(data: Any) -> Any:
    """A field, a list of fields, or true for any of them. Raises ValueError."""
    if data is None or data is True:
        return None if data is None else ()
    names = _several(data)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("must be a field, a list of fields, or true for any field")
    return names


def _numbers(data: Any) -> Any:
    """One number or several. Raises ValueError."""
    numbers = [None if isinstance(one, bool) else number_of(one) for one in _several(data)]
    if not numbers or None in numbers:
        raise ValueError("must be a number or a list of numbers")
    return tuple(numbers)


def _number(data: Any) -> Any:
    (number,) = _numbers(data)
    return number


Numbers: TypeAlias = Annotated[
    tuple[Decimal, ...],
    BeforeValidator(_numbers),
    WithJsonSchema({"type": ["number", "array"], "items": {"type": "number"}}),
    Shown("number or list of numbers"),
]


class CrossesSpec(_Block):
    """A number passes a limit. Each limit is told once, until the number has come back."""

    field: str = Field(min_length=1, description="The field that holds the number.")
    above: Numbers | None = Field(default=None, description="Limits that it rises above.")
    below: Numbers | None = Field(default=None, description="Limits that it falls below.")
    back: Annotated[
        Decimal, BeforeValidator(_number), Field(ge=0), WithJsonSchema({"type": "number"}), Shown("number")
    ] = Field(default=Decimal(0), description="How far it must come back before passing counts again. Watches only.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        return self

    def crossings(self) -> Iterator[Crossing]:
        """The limits."""
        for limit in self.above or self.below or ():
            yield Crossing(self.field, limit, self.above is not None, self.back)


def _when(data: Any) -> Any:
    """``appears`` is short for ``{appears: true}``. Raises ValueError."""
    if not isinstance(data, str):
        return data
    if data not in _WORDS:
        hint = did_you_mean(data, _WORDS)
        raise ValueError(f"must be appears, disappears, changes, or a block of conditions{f'; {hint}' if hint else ''}")
    return {data: True}


class WhenSpec(_Block):
    """The conditions of an event; all that are given must hold together."""

    appears: bool = Field(default=False, description="The record was not there before.")
    disappears: bool = Field(default=False, description="The record is gone: two complete walks did not see it.")
    changes: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(_changes),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array"}, {"const": True}]}),
        Shown("field, list of fields, or true"),
    ] = Field(default=None, description="One of these fields differs from what was last seen; true: any field.")
    is_: dict[str, Several] = Field(
        default_factory=dict, alias="is", description="The field has this value now, or one of a list."
    )
    becomes: dict[str, Several] = Field(
        default_factory=dict, description="The field has this value now (or one of a list) and had not before."
    )
    crosses: CrossesSpec | None = Field(default=None, description="A number passes a limit.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        moves = self.changes is not None or bool(self.becomes) or self.crosses is not None
        if not (self.appears or self.disappears or moves):
            raise ValueError("needs appears, disappears, changes, becomes or crosses")
        if self.disappears and (self.appears or moves):
            raise ValueError("disappears goes together with nothing but is")
        if self.appears and self.changes is not None:
            raise ValueError("a record that appears has not changed")
        return self


class EventSpec(_Block):
    """One event: its name, when it is due, and who is told."""

    event: str = Field(pattern=EVENT_PATTERN, description="Its name, in words joined by dots: `invoice.overdue`.")
    when: Annotated[
        WhenSpec,
        BeforeValidator(_when, json_schema_input_type=str | WhenSpec),
        Shown("`appears`, `disappears`, `changes`, or block"),
    ] = Field(description="What has to happen.")
    to: tuple[str, ...] | None = Field(default=None, description="Targets of syncd.yaml; by default all of them.")

    def fields(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Every field that is named, with its place below this block."""
        for number, name in enumerate(self.when.changes or ()):
            yield ("when", "changes", number), name
        for key, named in (("is", self.when.is_), ("becomes", self.when.becomes)):
            for name in named:
                yield ("when", key, name), name
        if self.when.crosses is not None:
            yield ("when", "crosses", "field"), self.when.crosses.field

    def rule(self, targets: Iterable[str]) -> EventRule:
        """The rule; ``targets`` are all that there are."""
        when = self.when
        return EventRule(
            self.event,
            tuple(targets) if self.to is None else self.to,
            appears=when.appears,
            disappears=when.disappears,
            changes=when.changes,
            holds={name: _values(values) for name, values in when.is_.items()},
            becomes={name: _values(values) for name, values in when.becomes.items()},
            crosses=() if when.crosses is None else tuple(when.crosses.crossings()),
        )


def rules_of(specs: Iterable[EventSpec], targets: Collection[str]) -> tuple[EventRule, ...]:
    """All rules of a mapping or a watch; ``targets`` are the names of all targets."""
    return tuple(spec.rule(targets) for spec in specs)


def event_problems(
    specs: Iterable[EventSpec], node: Node, known: Collection[str], targets: Collection[str], *, memory: bool
) -> Iterator[Problem]:
    """Fields and targets that do not exist. ``node`` is the list of events, ``known`` are the fields there are.

    ``memory``: whether somebody remembers which limits are passed; without that ``back`` cannot be kept.
    """
    for number, spec in enumerate(specs):
        place = node.at(number)
        for path, name in spec.fields():
            if name not in known:
                hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
                yield _deepest(place, path).problem(f"event {spec.event}: there is no field {name!r}", hint)
        for position, target in enumerate(spec.to or ()):
            if target not in targets:
                hint = did_you_mean(target, targets) or f"known: {', '.join(sorted(targets)) or 'none'}"
                yield place.at("to", position).problem(f"event {spec.event}: there is no target {target!r}", hint)
        if not memory and spec.when.disappears:
            yield place.at("when").problem(
                f"event {spec.event}: a mapping does not tell of records that are gone", "watch the resource for it"
            )
        if not memory and spec.when.crosses is not None and spec.when.crosses.back:
            yield place.at("when", "crosses", "back").problem(
                f"event {spec.event}: only a watch remembers how far a number came back", "leave out back"
            )


def _deepest(node: Node, path: tuple[Any, ...]) -> Node:
    """Where a name is written: as the key of a block under ``is`` and ``becomes``, else as a value."""
    *above, last = path
    inside = node.at(*above)
    key = inside.key_node(last) if above[-1] in {"is", "becomes"} else None
    return key or inside.at(last)


def _values(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(canonical(clean(value)) for value in values)
