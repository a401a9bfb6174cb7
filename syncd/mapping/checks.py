"""``check:`` of a field as data: what its values must be, and what follows when one is not. Checks nothing itself.

It stands below ``spec``, which uses it; so it must not import that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.scalars import Shown


class Bad(StrEnum):
    """What follows a value that fails its check."""

    WARN = "warn"
    HOLD_FIELD = "hold_field"
    HOLD_RECORD = "hold_record"


class CheckSpec(BaseModel):
    """What a field's values are checked for. `check: tin` is short for `check: {kind: tin}`.

    A tax number must have the length, the letters and the check digits of its country, and must not be a placeholder.
    One of a country that has no check, or that neither its prefix nor `country` names, is not judged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["tin"] = Field(default="tin", description="tin: a tax number.")
    bad: Bad = Field(
        default=Bad.WARN,
        description="warn: say so and go on; hold_field: the value is not written to the other side until a person "
        "says so, the record's other fields flow; hold_record: the whole record waits until it is mended.",
    )
    country: str | None = Field(
        default=None, min_length=1, description="The canonical field with the country, for numbers without a prefix."
    )

    def problems(self, field: str, node: Node, compared: Collection[str]) -> Iterator[Problem]:
        """A country that is no field of the mapping. ``node`` is the field."""
        if self.country is not None and self.country not in compared:
            yield node.at("check", "country").problem(
                f"fields.{field}.check.country: {self.country!r} is not a field that is compared",
                did_you_mean(self.country, compared),
            )


def _check(data: Any) -> Any:
    return {"kind": data} if isinstance(data, str) else data


CheckOrWord: TypeAlias = Annotated[
    CheckSpec,
    BeforeValidator(_check, json_schema_input_type=Literal["tin"] | CheckSpec),
    Shown("`tin`, or a block"),
]
