"""The rules of an allocation file as data: what a posting must be, and which budgets get how much of it. No I/O.

What a single value cannot show (two rests, an unknown table) is found by ``allocation_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from syncd.mapping.allocation_values import Day, Money, Number, Share, Template
from syncd.mapping.scalars import Shown, YamlScalar
from syncd.mapping.spec import Strict


class WindowSpec(Strict):
    """Days from one to another, both included; what is left out is open."""

    first: Day | None = Field(default=None, alias="from", description="The first day.")
    last: Day | None = Field(default=None, alias="to", description="The last day.")

    @model_validator(mode="after")
    def _in_order(self) -> WindowSpec:
        if self.first is None and self.last is None:
            raise ValueError("write from, to, or both")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"ends before it begins: from {self.first} to {self.last}")
        return self


def _listed(data: Any) -> Any:
    return tuple(data) if isinstance(data, list | tuple) else (data,)


Patterns: TypeAlias = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
    Shown("text or list of texts"),
]
Values: TypeAlias = Annotated[
    tuple[YamlScalar, ...],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "number", "boolean", "array"]}),
    Shown("value or list of values"),
]


def _condition(data: Any) -> Any:
    """``4100`` and ``[4100, 4110]`` are short for ``{is: ...}``. Raises ValueError."""
    if data is None:
        raise ValueError("nothing is written: a value, a list, or {empty: true}")
    return data if isinstance(data, dict | ConditionSpec) else {"is": data}


class ConditionSpec(Strict):
    """What a field must be; everything that is given has to hold.

    `4100` is short for `{is: 4100}`, and `[4100, 4110]` for `{is: [4100, 4110]}`.
    """

    equal: Values | None = Field(default=None, alias="is", description="This value, or one of these.")
    like: Patterns = Field(default=(), description="Text with `*` for anything and `?` for one letter, in any case.")
    least: Number | None = Field(
        default=None, alias="min", description="At least so much; `amount` counts without its sign."
    )
    most: Number | None = Field(
        default=None, alias="max", description="At most so much; `amount` counts without its sign."
    )
    first: Day | None = Field(default=None, alias="from", description="The first day.")
    last: Day | None = Field(default=None, alias="to", description="The last day.")
    empty: bool | None = Field(default=None, description="true: it has no value; false: it has one.")

    @model_validator(mode="after")
    def _sensible(self) -> ConditionSpec:
        if not self.model_fields_set:
            raise ValueError("write is, like, min, max, from, to or empty")
        if self.empty and len(self.model_fields_set) > 1:
            raise ValueError("a field that is empty cannot be anything else as well")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"nothing is at least {self.least} and at most {self.most}: min is above max")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"ends before it begins: from {self.first} to {self.last}")
        return self


Condition: TypeAlias = Annotated[
    ConditionSpec,
    BeforeValidator(_condition, json_schema_input_type=Values | ConditionSpec),
    Shown("value, list of values, or block"),
]


class TargetSpec(Strict):
    """Whose cost it is. One of `budget` and `project`."""

    budget: Template | None = Field(
        default=None, description='Key of the budget, such as "{cost_centre}:{year}"; `{year}`, `{month}` and '
        "`{quarter}` are of the posting's day, every other name is a field."
    )  # fmt: skip
    project: Template | None = Field(default=None, description="The same for project-transactions: key of the project.")
    employee: Template | None = Field(default=None, description="Key of the employee whose cost it is.")

    @property
    def key(self) -> str:
        """The template of the budget or project."""
        return self.budget or self.project or ""

    def templates(self) -> Iterator[tuple[str, str]]:
        """Every template with the key it is written under."""
        for name in ("budget", "project", "employee"):
            template = getattr(self, name)
            if template is not None:
                yield name, template


class PieceSpec(TargetSpec):
    """One part of a split: a budget or project, with one of `share`, `amount` and `rest`."""

    share: Share | None = Field(default=None, description="Its share of the posting.")
    amount: Money | None = Field(
        default=None, description="A fixed amount in whole units of the posting's currency, whatever its sign."
    )
    rest: Literal[True] | None = Field(default=None, description="What shares and amounts leave: `rest: true`.")


def _split(data: Any) -> Any:
    return {"pieces": data} if isinstance(data, list | tuple) else data


class SplitSpec(Strict):
    """How a posting is shared: a list of pieces, or one of these."""

    pieces: tuple[PieceSpec, ...] = Field(default=(), description="What the list stands for; may be left out.")
    lines: TargetSpec | None = Field(
        default=None, description="By the ERP's own lines; templates may name a line's field as `{line.NAME}`."
    )
    table: str | None = Field(default=None, description="By the row of this table of `tables`.")
    by: str | None = Field(default=None, description="The field whose value names the table's row.")


SplitOrList: TypeAlias = Annotated[
    SplitSpec,
    BeforeValidator(_split, json_schema_input_type=list[PieceSpec] | SplitSpec),
    Shown("list of pieces, or block"),
]


class RuleSpec(TargetSpec):
    """One rule: which postings, and where they go. Exactly one of `budget`/`project`, `split` and `leave`."""

    rule: str = Field(min_length=1, max_length=120, description="Its name, unique in the file; shown in explanations.")
    when: dict[str, Condition] = Field(
        default_factory=dict,
        description="Field to what it must be; all have to hold. Without it the rule takes every posting. `amount`, "
        "`date`, `currency`, `year`, `month` and `quarter` are the posting's own.",
    )
    valid: WindowSpec | None = Field(default=None, description="Between which days of postings the rule is in force.")
    split: SplitOrList | None = Field(default=None, description="How the posting is shared.")
    leave: Literal["unassigned"] | None = Field(
        default=None, description="What it matches is not assigned, on purpose: no default either."
    )


def _row(data: Any) -> Any:
    """A row with one target alone gets everything."""
    if isinstance(data, dict) and not {"share", "amount", "rest"} & data.keys():
        return ({**data, "rest": True},)
    return (data,) if isinstance(data, dict) else data


Row: TypeAlias = Annotated[
    tuple[PieceSpec, ...],
    BeforeValidator(_row, json_schema_input_type=list[PieceSpec] | PieceSpec),
    Field(min_length=1),
    Shown("list of pieces, or one"),
]


def _default(data: Any) -> Any:
    """``unassigned`` is nothing. Raises ValueError."""
    if data == "unassigned":
        return None
    if data is None or isinstance(data, str):
        raise ValueError('write unassigned, or a target such as {budget: "9999:{year}"}')
    return data


DefaultTarget: TypeAlias = Annotated[
    TargetSpec | None,
    BeforeValidator(_default, json_schema_input_type=Literal["unassigned"] | TargetSpec),
    Shown("`unassigned`, or a target"),
]
