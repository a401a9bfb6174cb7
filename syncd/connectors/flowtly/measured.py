"""What a tenant was measured to do, as data: ``capabilities.yaml`` in, a sharper ``Resource`` out. It sends nothing.

A measurement never makes a resource more trusting than what was seen: what could not be decided stays as declared, and
no fact here may be the only thing between us and a lost or doubled record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic import Field as Setting

from syncd.connectors.flowtly.catalogue import Field, Resource, Verb
from syncd.connectors.flowtly.envelope import Form
from syncd.mapping.scalars import Whole
from syncd.mapping.yaml_source import load_file, parse

FORMAT: Final = 1
FieldType: TypeAlias = Literal["text", "integer", "decimal", "boolean", "date", "datetime", "json"]
Count = Annotated[Whole, Setting(ge=0)]


class Access(StrEnum):
    """Whether this user may read a resource. ``unknown``: no usable answer, so nothing is concluded."""

    ALLOWED = "allowed"
    DENIED = "denied"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Nulls(StrEnum):
    """How a null field is answered."""

    OMITTED = "omitted"
    SHOWN = "shown"
    UNKNOWN = "unknown"


class FilterKind(StrEnum):
    """What a query parameter does: ``unusable`` loses rows that have the value, ``ignored`` brings everything."""

    EXACT = "exact"
    PARTIAL = "partial"
    IGNORED = "ignored"
    UNUSABLE = "unusable"


REAL: Final = frozenset({FilterKind.EXACT, FilterKind.PARTIAL})


def _moment(value: Any) -> Any:
    """An aware time from ISO text. Raises ValueError."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError("must be a time with its zone, such as 2026-01-31T06:00:00+00:00")
    return moment.astimezone(UTC)


Moment = Annotated[
    datetime, BeforeValidator(_moment), PlainSerializer(lambda moment: moment.isoformat(timespec="seconds"))
]


class _Measured(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MeasuredField(_Measured):
    """One field. ``declared``: the tenant's schema document names it; ``seen`` of ``of`` rows carried a value.

    ``values`` counts the words of a field that looks like a choice; free text is never kept.
    """

    type: FieldType | None = None
    nullable: bool | None = None
    writable: bool | None = None
    required: bool | None = None
    max_length: Count | None = None
    choices: tuple[str, ...] = ()
    declared: bool = False
    seen: Count = 0
    of: Count = 0
    values: dict[str, Count] = Setting(default_factory=dict)


class PageSizes(_Measured):
    """Members per page: without being asked, the most there ever were, and whether ``itemsPerPage`` is honoured.

    ``default`` and ``most`` are None where the collection was too small to tell.
    """

    default: Count | None = None
    most: Count | None = None
    honoured: bool | None = None


class MeasuredResource(_Measured):
    """One resource. ``declared``: the schema document describes it, so a field it does not name is not there.

    ``verbs`` is None where nobody told; ``writes`` says what an empty patch, sent on request only, was answered.
    ``full_page``: the rows looked at were a whole page or the whole collection.
    """

    access: Access
    detail: str = ""
    envelope: Form | None = None
    total: bool | None = None
    nulls: Nulls = Nulls.UNKNOWN
    declared: bool = False
    rows: Count = 0
    full_page: bool = False
    pages: PageSizes = PageSizes()
    verbs: tuple[Verb, ...] | None = None
    writes: Access | None = None
    filters: dict[str, FilterKind] = Setting(default_factory=dict)
    orders: dict[str, bool] = Setting(default_factory=dict)
    item_only: tuple[str, ...] = ()
    fields: dict[str, MeasuredField] = Setting(default_factory=dict)


class Tenant(_Measured):
    """Whose measurement it is: the address, the instance asked for, and the ids of the organizations that were seen."""

    address: str
    instance: str | None = None
    organizations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """One text for this address and instance, the same for every measurement of it."""
        return self.address if self.instance is None else f"{self.address} {self.instance}"


class Measurement(_Measured):
    """What ``syncd probe`` found. ``schema_document``: the tenant offered an OpenAPI document."""

    format: Literal[1] = FORMAT
    taken: Moment
    tenant: Tenant
    schema_document: bool = False
    resources: dict[str, MeasuredResource] = Setting(default_factory=dict)


def load_measurement(path: Path) -> Measurement:
    """Read ``capabilities.yaml``, also one that was edited by hand. Raises ConfigError with file and line."""
    return parse(Measurement, load_file(path, {}))


def apply_measured(resource: Resource, measured: MeasuredResource | None) -> Resource:
    """The declaration with what was measured: usable filters, verbs, item-only fields, new fields, facts once guessed.

    A resource that could not be read stays as declared.
    """
    if measured is None or measured.access is not Access.ALLOWED:
        return resource
    guessed = set(resource.guessed)
    verbs = resource.verbs
    if measured.verbs is not None:
        told = frozenset(measured.verbs)
        verbs = told if "verbs" in guessed else verbs & told
        guessed.discard("verbs")
    fields = tuple(_sharpened(field, measured) for field in resource.fields)
    new = tuple(_new(name, found) for name, found in measured.fields.items() if name not in resource.by_name)
    known = frozenset(measured.fields) | resource.by_name.keys()
    return replace(
        resource,
        verbs=verbs,
        fields=fields + new,
        filters=_usable(resource.filters, measured.filters, known),
        item_only=resource.item_only | {name for name in measured.item_only if name in known},
        guessed=frozenset(guessed),
    )


def lacks(measured: MeasuredResource, name: str) -> bool:
    """True when the tenant's own schema document describes the resource and neither it nor any row has the field."""
    return measured.declared and name not in measured.fields


def _usable(declared: tuple[str, ...], measured: Mapping[str, FilterKind], known: frozenset[str]) -> tuple[str, ...]:
    """Filters in the order declared but for those that do not work, then those that were found to work."""
    kept = tuple(name for name in declared if measured.get(name, FilterKind.EXACT) in REAL)
    return kept + tuple(
        name for name, kind in sorted(measured.items()) if kind in REAL and name in known and name not in kept
    )


def _sharpened(field: Field, measured: MeasuredResource) -> Field:
    """A field with the schema document's word for what was only guessed; documented facts stay."""
    found = measured.fields.get(field.name)
    if found is None or not found.declared:
        return field
    told = {"nullable": found.nullable, "required": found.required, "writable": found.writable}
    sure: dict[str, Any] = {name: value for name, value in told.items() if name in field.guessed and value is not None}
    return replace(field, guessed=field.guessed - sure.keys(), **sure)


def _new(name: str, found: MeasuredField) -> Field:
    return Field(
        name,
        found.type or "text",
        nullable=found.nullable is not False,
        writable=bool(found.writable),
        required=bool(found.required),
        guessed=frozenset() if found.declared else frozenset({"type", "nullable", "writable"}),
    )
