"""From the JSON of a write to stored values, as strictly as PHP: a wrong type is 400 before any validation.

Only the first problem is named. Unknown and read-only keys are dropped in silence. Must never store anything.
Texts and order: recorded (cases 97 to 146, 152 to 183).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from syncd.sandbox.config import Envelope
from syncd.sandbox.declare import Field, Id, Resource
from syncd.sandbox.errors import ApiError
from syncd.sandbox.phpjson import type_name
from syncd.sandbox.state import State

_EMPTY_DATE: Final = (
    "The data is either not an string, an empty string, or null; you should pass a string that can be parsed with "
    "the passed format or a valid DateTime string."
)


@dataclass(frozen=True, slots=True)
class Existing:
    """An embedded record that is kept, named by its IRI."""

    key: Id


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write asks for: plain values, and the whole new list of each embedded field that was sent."""

    values: dict[str, Any]
    children: dict[str, list[Existing | Changes]] = field(default_factory=dict)


class Denormaliser:
    """Reads bodies for one state."""

    def __init__(self, state: State, envelope: Envelope) -> None:
        self._state = state
        self._envelope = envelope

    def body(self, resource: Resource, data: Any, *, origin: str) -> Changes:
        """A whole body. A list is read as an empty object; ``origin`` is this host's ``http://host``.

        Raises ApiError 400.
        """
        if isinstance(data, str):
            raise ApiError(400, f'Invalid IRI "{data}".')
        if not isinstance(data, list | dict):
            raise ApiError(400, f'Expected IRI or document for resource "{resource.name}", "{type_name(data)}" given.')
        return self._object(resource, data if isinstance(data, dict) else {}, origin, within="")

    def _object(self, resource: Resource, data: Mapping[str, Any], origin: str, *, within: str) -> Changes:
        changes = Changes({})
        for name, value in data.items():
            each = resource.writable.get(name)
            if each is None or name == within:
                continue
            if each.children:
                changes.children[name] = self._children(each, value, origin)
            else:
                changes.values[name] = self._value(resource, each, value, origin)
        return changes

    def _children(self, each: Field, value: Any, origin: str) -> list[Existing | Changes]:
        child = self._state.resources[each.children or ""]
        if not isinstance(value, list | dict):
            raise _wrong_type(each.name, "array", value)
        read: list[Existing | Changes] = []
        for entry in value if isinstance(value, list) else value.values():
            if isinstance(entry, str):
                read.append(Existing(self._target(child, entry, origin)[1]))
            elif isinstance(entry, dict):
                # The pointer back to the parent is the parent's to set; @id and id select nothing (cases 176 to 178).
                read.append(self._object(child, entry, origin, within=each.parent))
            else:
                raise _wrong_type(each.name, "array", entry)
        return read

    def _value(self, resource: Resource, each: Field, value: Any, origin: str) -> Any:
        if value is None and each.nullable:
            return None
        if each.reference:
            return self._relation(resource, each, value, origin)
        if each.type == "datetime":
            return _datetime(value)
        if not _fits(each, value):
            raise _wrong_type(each.name, _PHP_TYPES[each.type], value)
        if each.type == "number" and isinstance(value, float) and value.is_integer():
            return int(value)
        return _listed(value) if each.type == "array" else value

    def _relation(self, resource: Resource, each: Field, value: Any, origin: str) -> str:
        if isinstance(value, dict | list):
            text = f'Nested documents for attribute "{each.name}" are not allowed. Use IRIs instead.'
            raise ApiError(400, text)
        if not isinstance(value, str):
            raise ApiError(
                400,
                f'The type of the "{each.name}" attribute must be "array" (nested document) or "string" (IRI), '
                f'"{type_name(value)}" given.',
            )
        target = self._state.resources[each.reference or ""]
        found, key = self._target(target, value, origin, owner=resource, name=each.name)
        return found.iri(key)

    def _target(
        self, wanted: Resource, text: str, origin: str, *, owner: Resource | None = None, name: str = ""
    ) -> tuple[Resource, Id]:
        found = self._state.find(text.removeprefix(origin))
        if found is None:
            raise ApiError(400, f'Invalid IRI "{text}".')
        resource, key = found
        if self._state.get(resource.name, key) is None:
            raise ApiError(400, f'Item not found for "{text}".')
        if resource is not wanted:
            raise ApiError(400, self._wrong_kind(text, wanted, resource, owner, name))
        return found

    def _wrong_kind(self, text: str, wanted: Resource, given: Resource, owner: Resource | None, name: str) -> str:
        if self._envelope == "plain" or owner is None:
            return f'Invalid IRI "{text}".'
        return (
            f'Failed to denormalize attribute "{name}" value for class "App\\Entity\\{owner.name}": Expected argument '
            f'of type "?App\\Entity\\{wanted.name}", "App\\Entity\\{given.name}" given at property path "{name}".'
        )


_PHP_TYPES: Final = {
    "string": "string",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "array",
    "object": "array",
    "datetime": "string",
}


def _fits(each: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return each.type == "boolean"
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (),
        "array": (list, dict),
        "object": (dict,),
    }
    return isinstance(value, kinds[each.type])


def _listed(value: Any) -> Any:
    """Lists and maps with every empty map as the empty list that PHP takes it for."""
    if isinstance(value, dict):
        return {name: _listed(each) for name, each in value.items()} or []
    return [_listed(each) for each in value] if isinstance(value, list) else value


def _wrong_type(name: str, wanted: str, value: Any) -> ApiError:
    return ApiError(400, f'The type of the "{name}" attribute must be "{wanted}", "{type_name(value)}" given.')


def _datetime(value: Any) -> str:
    """ISO text with the offset cut off, not converted (recorded: case 139)."""
    if not isinstance(value, str) or not value:
        raise ApiError(400, _EMPTY_DATE)
    try:
        wall = datetime.fromisoformat(value).replace(tzinfo=None, microsecond=0)
    except ValueError:
        text = f"Failed to parse time string ({value}) at position 0 ({value[0]}): Unexpected character"
        raise ApiError(400, text) from None
    return f"{wall.isoformat()}+00:00"
