"""``evidence:`` of a mapping as data: which canonical fields say who a company is. Compares nothing, reads no record.

It stands below ``spec``, which uses it; so it must not import that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.scalars import Shown


def _canonical(data: Any) -> Any:
    """One canonical field or several, as a list. Raises ValueError."""
    names = data if isinstance(data, list | tuple) else [data]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("must be a canonical field, or a list of them")
    if len(set(names)) < len(names):
        raise ValueError("names the same field twice")
    return tuple(names)


Canonical: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_canonical),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    Shown("field or list of fields"),
]


class EvidenceSpec(BaseModel):
    """Which canonical fields say what about a company. Of several, the first that has a value counts.

    Records that the match keys leave alone are compared by these on both sides. What fits is never linked without a
    person, and nothing is created while a person is asked whether it would be a double.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Canonical = Field(
        default=(), description="The name; of several the first is compared first, then the others."
    )
    display: Canonical = Field(
        default=(), description="A name that is only shown; it counts together with a tax number or account alone."
    )
    tin: Canonical = Field(default=(), description="Tax number, with or without its country.")
    country: Canonical = Field(default=(), description="Two-letter country.")
    accounts: Canonical = Field(default=(), description="Bank accounts; all of them count.")
    street: Canonical = Field(default=(), description="Street and house number; several are joined.")
    postal: Canonical = Field(default=(), description="Postal code.")
    city: Canonical = Field(default=(), description="City.")
    website: Canonical = Field(default=(), description="Web site; not one that was guessed from the name.")
    email: Canonical = Field(default=(), description="E-mail address.")
    phone: Canonical = Field(default=(), description="Phone number.")
    regno: Canonical = Field(default=(), description="Number in a company register.")
    client: Canonical = Field(default=(), description="Reference to a client; two different ones are two companies.")
    supplier: Canonical = Field(
        default=(), description="Reference to a supplier; two different ones are two companies."
    )

    @model_validator(mode="after")
    def _with_a_name(self) -> Self:
        if not self.name and not self.display:
            raise ValueError("needs name (or display): what has no name is not recognised by anything else either")
        return self

    @property
    def fields(self) -> frozenset[str]:
        """Every canonical field that counts."""
        return frozenset(name for word in type(self).model_fields for name in getattr(self, word))

    def problems(self, node: Node, compared: Collection[str]) -> Iterator[Problem]:
        """Fields that the mapping does not compare. ``node`` is the block."""
        for word in type(self).model_fields:
            for number, name in enumerate(getattr(self, word)):
                if name not in compared:
                    yield node.at(word, number).problem(
                        f"evidence.{word}: {name!r} is not a field that is compared", did_you_mean(name, compared)
                    )
