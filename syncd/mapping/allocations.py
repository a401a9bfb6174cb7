"""An allocation file as data: which postings, how they become budget links, what else follows. Reads no record.

``parse_allocation`` is the door: what it lets pass is sound in itself. What other files have to say about it is asked
in ``allocation_checks``; ``allocation_mappings`` makes mappings of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Field, model_validator

from syncd.core.canon import digest
from syncd.core.model import Policy
from syncd.mapping.allocation_postings import BaseAmountSpec, Currency, CurrencySpec, LinesSpec, PostingsSpec, Sign
from syncd.mapping.allocation_rules import DefaultTarget, Row, RuleSpec
from syncd.mapping.allocation_values import Letters
from syncd.mapping.scalars import Whole, YamlScalar
from syncd.mapping.spec import (
    NAME_PATTERN,
    Choices,
    ConflictsSpec,
    ExternalSpec,
    MappingLimits,
    ScheduleSpec,
    Strict,
)

__all__ = [
    "AllocationSpec",
    "BaseAmountSpec",
    "CommitmentsSpec",
    "CurrencySpec",
    "LinesSpec",
    "LinksSpec",
    "PlanSpec",
    "PostingsSpec",
    "allocation_schema",
    "fingerprint_of",
]

LinkResource: TypeAlias = Literal["budget-transactions", "income-transactions", "project-transactions"]
Percent: TypeAlias = Annotated[Whole, Field(ge=1, le=1000)]
ALLOCATION_PREFIX: Final = "allocation:"
"""How the external resource of a mapping that was made from an allocation begins."""
COMMITMENTS_SUFFIX: Final = "-commitments"
_NOT_IN_FINGERPRINT: Final = frozenset(
    {"allocation", "description", "commitments", "plan", "direction", "conflicts", "deletes", "schedule", "limits"}
)


class FindSpec(Strict):
    """How a key of the rules becomes a record of Flowtly: by the links of a mapping, or in a list."""

    mapping: str | None = Field(default=None, min_length=1, description="A mapping: the key is its external key.")
    lookup: str | None = Field(default=None, min_length=1, description="Or a Flowtly list in which it is looked for.")
    by: str | None = Field(default=None, min_length=1, description="The field of the list that holds the key.")
    ignore_case: bool = Field(default=False, description="With lookup: take dk for DK.")

    @model_validator(mode="after")
    def _one_way(self) -> FindSpec:
        if (self.mapping is None) == (self.lookup is None) or (self.lookup is None) != (self.by is None):
            raise ValueError("write {mapping: NAME}, or {lookup: RESOURCE, by: FIELD}")
        if self.mapping is not None and self.ignore_case:
            raise ValueError("ignore_case is for lists: keys of a mapping are exact")
        return self


class LinksSpec(Strict):
    """What the parts of a posting become at Flowtly."""

    resource: LinkResource = Field(default="budget-transactions", description="Which kind of link.")
    target: FindSpec = Field(description="How budgets are found (projects, for project-transactions).")
    employee: FindSpec | None = Field(default=None, description="How employees are found; without it nobody's.")
    unit: Literal["calibrated", "minor", "major"] = Field(
        default="calibrated",
        description="What Flowtly's whole number counts: cents (minor) or whole currency units (major). calibrated: no "
        "amount is written before `syncd budgets calibrate` was accepted.",
    )
    whole: Literal["omit", "write"] = Field(
        default="omit", description="A link of the transaction's full amount carries no amount, or carries it as well."
    )
    own: Literal["made", "all"] = Field(
        default="made", description="made: links that people made are never altered. all: they are taken over."
    )
    transaction_sign: Sign | None = Field(
        default=None, description="How Flowtly's transactions write a cost; by default as the postings do."
    )


class CommitmentFields(Strict):
    """Columns of the ERP's table for what people linked in Flowtly."""

    link: str = Field(min_length=1, description="The link's IRI; the key.")
    transaction: str = Field(min_length=1, description="Key of the posting.")
    budget: str = Field(min_length=1, description="Key of the budget or project.")
    employee: str | None = Field(default=None, min_length=1, description="Key of the employee.")
    amount: str = Field(min_length=1, description="The amount in whole currency units, a cost positive.")


class CommitmentsSpec(Strict):
    """Links that people made in Flowtly, written to a table or resource of the ERP."""

    system: str | None = Field(default=None, description="Which system of syncd.yaml; by default the postings'.")
    resource: str = Field(min_length=1, description="The table or resource; keys go into columns of text.")
    key: str | None = Field(default=None, min_length=1, description="Its key, which is always `fields.link`.")
    create: bool = Field(default=False, description="Make the table where it is missing.")
    fields: CommitmentFields = Field(description="What goes into which column.")
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")

    @model_validator(mode="after")
    def _keyed_by_link(self) -> CommitmentsSpec:
        if self.key is not None and self.key != self.fields.link:
            raise ValueError(f"the key of commitments is the column of the link: {self.fields.link}")
        return self


class PlanSpec(Strict):
    """Planned amounts in the ERP, and what happens when a budget nears them."""

    system: str | None = Field(default=None, description="Which system of syncd.yaml; by default the postings'.")
    resource: str = Field(min_length=1, description="What to read: a table, a named query.")
    key: str | None = Field(default=None, min_length=1, description="The raw field that identifies a row.")
    target: str = Field(min_length=1, description="The raw field with the budget's key.")
    month: str | None = Field(
        default=None, min_length=1, description="The raw field with the month, such as 2026-01; without it: the whole."
    )
    amount: str = Field(min_length=1, description="The raw field with the planned amount, a cost positive.")
    currency: Currency = Field(description="The raw field with its currency.")
    where: dict[str, Choices] = Field(default_factory=dict, description="Only rows whose raw field equals this value.")
    thresholds: tuple[Percent, ...] = Field(
        default=(80, 100), min_length=1, description="Per cent of the plan at which it is told."
    )
    to: tuple[str, ...] = Field(default=(), description="Targets of `events.targets` that are told.")
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")

    @model_validator(mode="after")
    def _rising(self) -> PlanSpec:
        if list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError("thresholds grow: [80, 100]")
        return self


class LinkDeletes(Strict):
    """What follows when a part is not wanted any more, or its link is gone. Only links that syncd made are deleted."""

    in_external: Literal["delete", "unlink", "ignore"] = Field(
        default="delete", description="When a part is not wanted any more."
    )
    in_flowtly: Literal["remake", "unlink", "ignore"] = Field(
        default="remake", description="When somebody deleted the link in Flowtly."
    )
    quarantine: Annotated[Whole, Field(ge=0, le=1000)] = Field(
        default=0, description="How many more complete readings must miss it after the two that prove it."
    )


class LinkConflicts(ConflictsSpec):
    """Who wins when a link was changed in Flowtly: the rules, or a person is asked."""

    default: Policy = Field(default=Policy.EXTERNAL, description="external (the rules) or ask.")


class AllocationSpec(Strict):
    """One allocation file: postings of the ERP, and the budgets of Flowtly that they land on."""

    allocation: str = Field(pattern=NAME_PATTERN, description="Its name, and that of the mapping that is made of it.")
    description: str = Field(default="", description="A note for people; not used.")
    postings: PostingsSpec = Field(description="Which records are the postings.")
    links: LinksSpec = Field(description="What their parts become at Flowtly.")
    commitments: CommitmentsSpec | None = Field(
        default=None, description="Where links that people made in Flowtly are written to."
    )
    plan: PlanSpec | None = Field(default=None, description="Planned amounts, for spend signals.")
    match: Literal["first", "all"] = Field(
        default="first", description="The first rule that matches counts, or all of them together."
    )
    exponents: dict[Letters, Annotated[Whole, Field(ge=0, le=4)]] = Field(
        default_factory=dict, description="Decimals of currencies that differ from ISO 4217: `{CLF: 2}`."
    )
    tables: dict[str, dict[YamlScalar, Row]] = Field(
        default_factory=dict, description="Tables for `split: {table: NAME, by: FIELD}`: key to pieces."
    )
    rules: tuple[RuleSpec, ...] = Field(min_length=1, description="The rules, in their order.")
    default: DefaultTarget = Field(default=None, description="Where goes what no rule reached.")
    direction: Literal["to_flowtly", "both"] | None = Field(
        default=None, description="both: commitments are written as well; follows from `commitments`."
    )
    conflicts: LinkConflicts = Field(default=LinkConflicts(), description="Who wins when a link was changed.")
    deletes: LinkDeletes = Field(default=LinkDeletes(), description="What follows a loss.")
    schedule: ScheduleSpec = Field(default=ScheduleSpec(), description="When the daemon looks.")
    limits: MappingLimits = Field(default=MappingLimits(), description="Caps on one run.")

    @property
    def name(self) -> str:
        """Its name."""
        return self.allocation

    @property
    def target_field(self) -> str:
        """What a link's target is called at Flowtly: budget, or project."""
        return "project" if self.links.resource == "project-transactions" else "budget"


def allocation_schema() -> dict[str, Any]:
    """The JSON Schema of an allocation file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **AllocationSpec.model_json_schema()}


def fingerprint_of(spec: AllocationSpec, of: ExternalSpec) -> str:
    """32 hex digits that change with the rules, with how postings are read, and with what links are made of them.

    ``of`` is the external side of the mapping that the postings are the records of.
    """
    counted = {name: value for name, value in spec if name not in _NOT_IN_FINGERPRINT}
    read = {"resource": of.resource, "system": of.system, "key": of.key, "where": of.where, "options": of.options}
    return digest(_plain([counted, read]), b"syncd allocation").hex()


def _plain(data: Any) -> Any:
    """Data that has one JSON form: keys are text, what JSON does not know is its text."""
    if isinstance(data, BaseModel):
        return {name: _plain(value) for name, value in data}
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(item) for item in data]
    return data if data is None or isinstance(data, bool | int | str) else str(data)
