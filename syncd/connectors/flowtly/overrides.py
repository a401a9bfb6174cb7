"""What an administrator knows better about a tenant's resources than the catalogue guesses. It reads no file.

Every override is checked against the resource it changes: a name that does not exist is an error at its own line,
never a field that silently stays empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, ValidationError
from pydantic import Field as Setting
from pydantic_core import InitErrorDetails, PydanticCustomError

from syncd.connectors.flowtly.addresses import is_segment
from syncd.connectors.flowtly.catalogue import Catalogue, Field, Resource, Verb
from syncd.connectors.flowtly.resources import RESOURCES
from syncd.mapping.problems import did_you_mean

Fault: TypeAlias = tuple[tuple[str | int, ...], str]
"""Where below ``resources`` something is wrong, and what."""

_KEEP: Final = ("id",)


def _known(name: str) -> str:
    """The name of a catalogued resource. Raises ValueError with the nearest one."""
    if name not in RESOURCES:
        hint = did_you_mean(name, RESOURCES) or f"known: {', '.join(sorted(RESOURCES))}"
        raise ValueError(f"Flowtly has no resource {name!r} that syncd knows ({hint})")
    return name


def _path(path: str) -> str:
    if not path.startswith("/") or not all(is_segment(step) for step in path[1:].split("/")):
        raise ValueError("a path is written as /budget-contractors")
    return path


ResourceName = Annotated[str, AfterValidator(_known)]
FieldName = Annotated[str, Setting(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
Names: TypeAlias = tuple[FieldName, ...]


class _Override(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def given(self) -> dict[str, Any]:
        """What was written, by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class FieldOverride(_Override):
    """Facts about one field; what is left out stays as declared."""

    type: Literal["text", "integer", "decimal", "boolean", "date", "datetime", "json"] = Setting(
        default="text", description="How its values are written."
    )
    nullable: StrictBool = Setting(default=True, description="Whether it may be null.")
    writable: StrictBool = Setting(default=True, description="Whether it may be written; false: Flowtly computes it.")
    required: StrictBool = Setting(default=False, description="Whether a new record must have it.")
    reference: ResourceName | None = Setting(default=None, description="The resource whose IRI it holds.")
    unit: Literal["minor", "decimal"] | None = Setting(
        default=None, description="How an amount is written: decimal 12.50, minor 1250."
    )
    volatile: StrictBool = Setting(default=False, description="Whether it moves without an edit.")


class ResourceOverride(_Override):
    """Facts about one resource; what is left out stays as declared."""

    path: Annotated[str, AfterValidator(_path)] = Setting(default="/", description="Its path below `url`.")
    verbs: Annotated[tuple[Verb, ...], Setting(min_length=1)] = Setting(
        default=(Verb.LIST,), description="What can be done with it, all of it."
    )
    fields: dict[FieldName, FieldOverride | None] = Setting(
        default_factory=dict, description="Fields to add or to change; null takes one away."
    )
    natural_keys: tuple[Annotated[Names, Setting(min_length=1)], ...] = Setting(
        default=(), description="Lists of fields that may identify a record together."
    )
    filters: Names = Setting(default=(), description="Fields that may be tried as query parameters.")
    item_only: Names = Setting(
        default=(), description="Fields that only items answer: a mapping of one costs a request for each record."
    )
    marker: FieldName | None = Setting(default=None, description="The free-text field where a mark would be at home.")


Overrides: TypeAlias = Mapping[str, ResourceOverride]


def overridden(overrides: Overrides) -> Catalogue:
    """The shipped catalogue with these overrides. A view follows the resource it shows, then its own override."""
    plain = {name: _applied(each, overrides.get(name)) for name, each in RESOURCES.items() if each.view_of is None}
    return Catalogue(
        plain[name] if each.view_of is None else _applied(_follow(each, plain[each.view_of]), overrides.get(name))
        for name, each in RESOURCES.items()
    )


def checked(overrides: dict[str, ResourceOverride]) -> dict[str, ResourceOverride]:
    """The overrides, if every name in them exists. Raises ValidationError with each fault at its place."""
    faults = [
        ((name, *where), message)
        for name, resource in overridden(overrides).items()
        if name in overrides
        for where, message in _faults(resource, overrides[name])
    ]
    if faults:
        raise ValidationError.from_exception_data("resources", [_detail(*fault) for fault in faults])
    return overrides


def _applied(resource: Resource, override: ResourceOverride | None) -> Resource:
    if override is None:
        return resource
    given = override.given
    fields, gone = _fields(resource, given.pop("fields", {}))
    facts: dict[str, Any] = {
        "natural_keys": tuple(key for key in resource.natural_keys if gone.isdisjoint(key)),
        "filters": tuple(name for name in resource.filters if name not in gone),
        "item_only": resource.item_only - gone,
        "marker": None if resource.marker in gone else resource.marker,
        **given,
    }
    facts |= {name: frozenset(facts[name]) for name in ("verbs", "item_only") if name in facts}
    return replace(resource, fields=fields, guessed=resource.guessed - given.keys(), **facts)


def _fields(resource: Resource, given: Mapping[str, FieldOverride | None]) -> tuple[tuple[Field, ...], set[str]]:
    """All fields in their order, changed ones in their place, new ones last; and the names of those taken away."""
    gone = {name for name, facts in given.items() if facts is None and name not in _KEEP}
    kept = {field.name: field for field in resource.fields if field.name not in gone}
    for name, facts in given.items():
        if facts is not None:
            old = kept.get(name, Field(name))
            kept[name] = replace(old, guessed=old.guessed - facts.given.keys() - {"name"}, **facts.given)
    return tuple(kept.values()), gone


def _follow(view: Resource, shown: Resource) -> Resource:
    """A view with the fields of what it shows, at the same step below its path."""
    step = view.path.rpartition("/")[2]
    return replace(
        view,
        path=f"{shown.path}/{step}",
        item_path=shown.path,
        fields=shown.fields,
        natural_keys=shown.natural_keys,
        item_only=shown.item_only,
        marker=shown.marker,
    )


def _faults(resource: Resource, override: ResourceOverride) -> Iterator[Fault]:
    for where, name in _named(override):
        if name not in resource.by_name:
            hint = did_you_mean(name, resource.by_name)
            yield where, f"{resource.name} has no field {name!r}{f' ({hint})' if hint else ''}"
    for name, facts in override.fields.items():
        if facts is None:
            yield from _missing(resource, name)
        elif (field := resource.by_name[name]).required and not field.writable:
            yield ("fields", name), f"{name} is required for a new record and cannot be computed as well"
    if Verb.LIST not in resource.verbs:
        yield ("verbs",), "a resource that cannot be listed cannot be synchronised: verbs must have list"
    if override.item_only and Verb.GET not in resource.verbs:
        yield ("item_only",), f"{resource.name} has no get, so there is no item to read these from"


def _missing(resource: Resource, name: str) -> Iterator[Fault]:
    """A field that is to be taken away has to be there without the override."""
    declared = RESOURCES[resource.name].by_name
    if name in _KEEP:
        yield ("fields", name), f"{name} cannot be taken away"
    elif name not in declared:
        hint = did_you_mean(name, declared)
        yield ("fields", name), f"{resource.name} has no field {name!r} to take away{f' ({hint})' if hint else ''}"


def _named(override: ResourceOverride) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every field that an override refers to, with its place."""
    for key, names in (("filters", override.filters), ("item_only", override.item_only)):
        yield from (((key, number), name) for number, name in enumerate(names))
    for level, names in enumerate(override.natural_keys):
        yield from ((("natural_keys", level, number), name) for number, name in enumerate(names))
    if override.marker is not None:
        yield ("marker",), override.marker


def _detail(where: tuple[str | int, ...], message: str) -> InitErrorDetails:
    kind = PydanticCustomError("value_error", "{message}", {"message": message})
    return InitErrorDetails(type=kind, loc=where, input=None)
