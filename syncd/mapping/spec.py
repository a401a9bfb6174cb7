"""A mapping file as data: the models that validate it, and that the reference page and JSON Schema are made from.

Nothing here reads a record or decides anything; ``compiled`` turns a spec into something that works.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from syncd.core.model import Direction, Policy, Side
from syncd.mapping.checks import CheckOrWord
from syncd.mapping.events import EventSpec
from syncd.mapping.evidence import EvidenceSpec
from syncd.mapping.lenses.base import Kind
from syncd.mapping.lenses.registry import Through
from syncd.mapping.lenses.words import Pairs
from syncd.mapping.scalars import Duration, Shown, Whole, YamlScalar, YamlScalarOrNull

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$"


class Strict(BaseModel):
    """A block in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _names(data: Any) -> Any:
    """One raw name or a list of them, as a list. Raises ValueError."""
    names = data if isinstance(data, list | tuple) else [data]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("must be the name of a raw field, or a list of names")
    if len(set(names)) < len(names):
        raise ValueError("names the same raw field twice")
    return tuple(names)


Names: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    Shown("name or list of names"),
]


def _level(data: Any) -> Any:
    """The fields of one match level. Always a list, since ``[name, country]`` alone would read as two levels."""
    if not isinstance(data, list | tuple) or not data or not all(isinstance(name, str) for name in data):
        raise ValueError("must be a list of lists of canonical fields: [[tin], [name, country]]")
    if len(set(data)) < len(data):
        raise ValueError("names the same field twice")
    return tuple(data)


MatchLevel: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_level),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]


def _choices(data: Any) -> Any:
    return tuple(data) if isinstance(data, list | tuple) else (data,)


Choices: TypeAlias = Annotated[
    tuple[YamlScalarOrNull, ...],
    BeforeValidator(_choices),
    Field(min_length=1),
    WithJsonSchema({"type": ["string", "number", "boolean", "null", "array"]}),
    Shown("value or list of values"),
]


class ExternalSpec(Strict):
    """The ERP or CRM's half of the pair."""

    system: str | None = Field(default=None, description="Which system of syncd.yaml; not needed when there is one.")
    resource: str = Field(min_length=1, description="What to read there: a table, a named query, a Tryton model.")
    key: str | None = Field(
        default=None, min_length=1, description="The raw field that identifies a record, where the peer does not say."
    )
    cursor: str | None = Field(
        default=None, min_length=1, description="The raw field that grows with every change (a change stamp)."
    )
    where: dict[str, Choices] = Field(
        default_factory=dict, description="Only records whose raw field equals this value, or one of a list."
    )
    successor: str | None = Field(
        default=None,
        min_length=1,
        description="The raw field that names the record into which people merged this one, where the ERP keeps merged "
        "records and says so. Tryton's parties need no word: `replaced_by`.",
    )
    create: bool = Field(
        default=False, description="Make the table where it is missing, and add the columns of new fields to it."
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")

    @model_validator(mode="after")
    def _key_of_new_table(self) -> ExternalSpec:
        if self.create and self.key is None:
            raise ValueError("create: true needs a key: the column that identifies a record")
        return self


class FlowtlySpec(Strict):
    """Flowtly's half of the pair."""

    resource: str = Field(min_length=1, description="The Flowtly resource, as in its URL: clients.")
    where: dict[str, Choices] = Field(
        default_factory=dict, description="Only records whose raw field equals this value, or one of a list."
    )
    marker: str | None = Field(
        default=None,
        min_length=1,
        description="A free-text field in which new records carry the key of their source, `[syncd:PST-1001]`. It is "
        "never taken for a part of the text, and a create whose answer was lost is recognised by it.",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="Anything else the connector understands.")


def _side_field(data: Any) -> Any:
    """A raw name, a list of names, or a block; as a block."""
    return data if isinstance(data, dict | SideField) or data is None else {"field": data}


class SideField(Strict):
    """One side's raw fields with lenses for this side alone."""

    field: Names = Field(description="The raw field, or several.")
    through: Through = Field(default=(), description="Lenses for this side alone, in the order of reading.")
    type: Kind | None = Field(
        default=None,
        description="With `create: true`: the type of the column, where it cannot be told or should be another.",
    )


SideFieldOrName: TypeAlias = Annotated[
    SideField,
    BeforeValidator(_side_field, json_schema_input_type=Names | SideField),
    Shown("name, list of names, or block"),
]


class ConstantSpec(Strict):
    """A value that one side gets when a record is created there, and that is never compared afterwards.

    Lenses of the field act on it as on any canonical value: `{constant: {flowtly: EUR}, through: {lookup: currencies,
    by: code}}`.
    """

    external: YamlScalar | None = Field(default=None, description="The value for new external records.")
    flowtly: YamlScalar | None = Field(default=None, description="The value for new Flowtly records.")

    @model_validator(mode="after")
    def _one_side(self) -> ConstantSpec:
        if (self.external is None) == (self.flowtly is None):
            raise ValueError("give a value for exactly one side: {flowtly: value} or {external: value}")
        return self

    @property
    def side(self) -> Side:
        """The side that gets the value."""
        return Side.EXTERNAL if self.flowtly is None else Side.FLOWTLY

    @property
    def value(self) -> Any:
        """The value."""
        return self.external if self.flowtly is None else self.flowtly


def _field(data: Any) -> Any:
    """``name: company_name`` is short for ``name: {external: company_name}``."""
    return {"external": data} if isinstance(data, str | list | tuple) else data


class FieldSpec(Strict):
    """One canonical field: where it lives on each side and how its values flow."""

    external: SideFieldOrName | None = Field(default=None, description="The external raw field, a list, or a block.")
    flowtly: SideFieldOrName | None = Field(
        default=None, description="The Flowtly raw field, a list, or a block; by default the field's own name."
    )
    through: Through = Field(default=(), description="Lenses between the two sides, external side first.")
    values: Pairs | None = Field(default=None, description="External word to Flowtly word; short for the values lens.")
    constant: ConstantSpec | None = Field(
        default=None, description="A value for new records of one side; the field exists on that side only."
    )
    expr: str | None = Field(
        default=None, min_length=1, description="A JMESPath expression on the source's raw record; one-way."
    )
    direction: Direction | None = Field(default=None, description="Which way values flow; by default as the mapping.")
    conflict: Policy | None = Field(
        default=None, description="Who wins when both sides changed it; by default as the mapping."
    )
    check: CheckOrWord | None = Field(
        default=None, description="What its values are checked for, and what follows a bad one."
    )
    required: bool = Field(default=False, description="A record in which it is empty is parked instead of synced.")
    sensitive: bool = Field(
        default=False, description="Its values are kept in the ledger as salted hashes only and masked in logs."
    )

    @model_validator(mode="after")
    def _type_of_a_column(self) -> FieldSpec:
        if self.flowtly is not None and self.flowtly.type is not None:
            raise ValueError("type is the type of an external column: write it under external")
        return self


FieldOrName: TypeAlias = Annotated[
    FieldSpec, BeforeValidator(_field, json_schema_input_type=str | list[str] | FieldSpec)
]


class CreatesSpec(Strict):
    """On which sides records may be created."""

    in_flowtly: bool | None = Field(default=None, description="By default yes, where the direction allows it.")
    in_external: bool | None = Field(default=None, description="By default yes, where the direction allows it.")


class ConflictsSpec(Strict):
    """What happens when both sides changed one field differently."""

    default: Policy = Field(
        default=Policy.ASK,
        description="external or flowtly wins, newest: the later edit (needs trusted clocks), or ask a person.",
    )


def _delete_rule(data: Any) -> Any:
    """``ignore``, or ``{set: {...}}``."""
    if isinstance(data, str):
        return {"action": data}
    if isinstance(data, dict) and "set" in data and "action" not in data:
        return {"action": "set", **data}
    return data


class DeleteRule(Strict):
    """What follows when a record is gone on one side."""

    action: Literal["ignore", "unlink", "delete", "remake", "set"] = Field(
        default="ignore",
        description="Do nothing, forget the link, delete the other record, make the lost one again (in Flowtly only), "
        "or set fields of the other one.",
    )
    set: dict[str, YamlScalarOrNull] = Field(default_factory=dict, description="Canonical fields and their values.")

    @model_validator(mode="after")
    def _complete(self) -> DeleteRule:
        if (self.action == "set") != bool(self.set):
            raise ValueError("write ignore, unlink, delete, remake, or {set: {field: value}}")
        return self


DeleteRuleOrWord: TypeAlias = Annotated[
    DeleteRule,
    BeforeValidator(_delete_rule, json_schema_input_type=Literal["ignore", "unlink", "delete", "remake"] | DeleteRule),
    Shown("`ignore`, `unlink`, `delete`, `remake`, or `{set: {...}}`"),
]


class DeletesSpec(Strict):
    """What follows on the other side when a record is proven gone, once the proof has stood long enough."""

    in_external: DeleteRuleOrWord = Field(default=DeleteRule(), description="When the external record is gone.")
    in_flowtly: DeleteRuleOrWord = Field(default=DeleteRule(), description="When the Flowtly record is gone.")
    quarantine: Annotated[Whole, Field(ge=0, le=1000)] = Field(
        default=1, description="How many more complete readings must miss a record after the two that prove its loss."
    )


class ScheduleSpec(Strict):
    """When the daemon looks."""

    every: Duration = Field(default=timedelta(seconds=60), description="Between two runs.")
    full: Duration = Field(
        default=timedelta(hours=6), description="Between two complete walks of a side with a cursor."
    )

    @model_validator(mode="after")
    def _positive(self) -> ScheduleSpec:
        if self.every < timedelta(seconds=1) or self.full < self.every:
            raise ValueError("every is at least 1s, and full is not shorter than every")
        return self


class MappingLimits(Strict):
    """This mapping's own caps on one run; by default those of syncd.yaml."""

    max_creates: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Records created on one side.")
    max_changes: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Records changed on one side.")
    max_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Share of the linked records that may change on one side."
    )
    max_removals: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Losses that may be followed on one side within a day without a person."
    )
    max_removal_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="The same as a share of the linked records."
    )


class MappingSpec(Strict):
    """One mapping file: an external resource paired with a Flowtly resource."""

    mapping: str = Field(pattern=NAME_PATTERN, description="The mapping's name, unique in the installation.")
    description: str = Field(default="", description="A note for people; not used.")
    external: ExternalSpec = Field(description="The ERP or CRM's side.")
    flowtly: FlowtlySpec = Field(description="Flowtly's side.")
    direction: Direction = Field(default=Direction.BOTH, description="Which way values flow.")
    match: tuple[MatchLevel, ...] = Field(
        min_length=1,
        description="How records of both sides that are not linked yet find each other: lists of canonical fields that "
        "are equal together. The first list is certain, later ones are probable and wait for a person.",
    )
    evidence: EvidenceSpec | None = Field(
        default=None,
        description="For companies: what else says who a record is. Records that no match key ties are compared by it, "
        "and a person is asked before a double is made.",
    )
    creates: CreatesSpec = Field(default=CreatesSpec(), description="On which sides records may be created.")
    fields: dict[str, FieldOrName] = Field(min_length=1, description="Canonical field name to its description.")
    conflicts: ConflictsSpec = Field(default=ConflictsSpec(), description="Who wins, unless a field says otherwise.")
    deletes: DeletesSpec = Field(default=DeletesSpec(), description="What follows a deletion.")
    schedule: ScheduleSpec = Field(default=ScheduleSpec(), description="When the daemon looks.")
    limits: MappingLimits = Field(default=MappingLimits(), description="Caps on one run.")
    events: tuple[EventSpec, ...] = Field(
        default=(), description="Which settled changes of canonical fields are told, and to whom."
    )

    @property
    def name(self) -> str:
        """The mapping's name."""
        return self.mapping


def mapping_schema() -> dict[str, Any]:
    """The JSON Schema of a mapping file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **MappingSpec.model_json_schema()}
