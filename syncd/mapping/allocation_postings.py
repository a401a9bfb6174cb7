"""The postings of an allocation file as data: which records of the ERP they are, and how amounts and lines are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from syncd.mapping.allocation_values import Letters
from syncd.mapping.scalars import Shown
from syncd.mapping.spec import Choices, Strict

Sign: TypeAlias = Literal["negative", "positive"]


class CurrencySpec(Strict):
    """Where a currency is told. The name of a raw field is short for `{field: NAME}`."""

    field: str | None = Field(default=None, min_length=1, description="The raw field with its three letters.")
    constant: Letters | None = Field(default=None, description="The same for all: EUR.")

    @model_validator(mode="after")
    def _one(self) -> CurrencySpec:
        if (self.field is None) == (self.constant is None):
            raise ValueError("write the name of a raw field, or {constant: EUR}")
        return self


def _currency(data: Any) -> Any:
    return {"field": data} if isinstance(data, str) else data


Currency: TypeAlias = Annotated[
    CurrencySpec,
    BeforeValidator(_currency, json_schema_input_type=str | CurrencySpec),
    Shown("name of a raw field, or `{constant: EUR}`"),
]


class BaseAmountSpec(Strict):
    """The same amount in the company's currency, where the ERP tells it."""

    amount: str = Field(min_length=1, description="The raw field with the amount, written as `postings.amount` is.")
    currency: Letters = Field(description="The company's currency: EUR.")


class LinesSpec(Strict):
    """The ERP's own lines of a posting, in a resource of the same system."""

    resource: str = Field(min_length=1, description="What to read: a table, a named query.")
    key: str = Field(min_length=1, description="The raw field that identifies a line.")
    posting: str = Field(min_length=1, description="The raw field with the key of its posting.")
    amount: str = Field(min_length=1, description="The raw field with the line's amount, in the posting's currency.")
    sign: Sign | None = Field(default=None, description="How a cost is written in it; by default as in postings.")
    cursor: str | None = Field(
        default=None, min_length=1, description="The raw field that grows with every change of a line."
    )
    where: dict[str, Choices] = Field(default_factory=dict, description="Only lines whose raw field equals this value.")
    fields: dict[str, str] = Field(default_factory=dict, description="Names that rules use, for raw fields of lines.")
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")


class PostingsSpec(Strict):
    """Which records are the postings, and how they are read. Fields are raw fields of that mapping's external side."""

    of: str = Field(
        min_length=1,
        description="The mapping whose external records are the postings; its links say which Flowtly transaction each "
        "one is.",
    )
    amount: str = Field(min_length=1, description="The field with the amount.")
    currency: Currency = Field(description="The field with the currency.")
    date: str = Field(min_length=1, description="The field with the day it counts for.")
    account: str | None = Field(
        default=None, min_length=1, description="The field with the account, for control totals; rules know it so."
    )
    sign: Sign = Field(
        description="How the ERP writes a cost: negative as a bank does, or positive. Both become costs."
    )
    base: BaseAmountSpec | None = Field(default=None, description="The same amount in the company's currency.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Names that rules use, for raw fields. Other raw fields go by their own name.",
    )
    where: dict[str, Choices] = Field(
        default_factory=dict, description="Only postings whose raw field equals this value, or one of a list."
    )
    lines: LinesSpec | None = Field(default=None, description="The ERP's own lines, for `split: {lines: ...}`.")
