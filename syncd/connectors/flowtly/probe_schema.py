"""A tenant's OpenAPI document to facts about its resources. Pure; the document is hostile until each part is checked.

Never believes a part of the wrong shape: it is left out, and what is left out says nothing. Shapes as recorded (case
209 of both versions): read and write schemas under ``components``, composed with ``allOf``, nullable types as lists or
as ``anyOf`` with null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.connectors.flowtly.catalogue import Verb
from syncd.connectors.flowtly.measured import FieldType

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
"""What a field may be called; anything else in an answer is left out."""
MOST_FIELDS: Final = 300
_DEEPEST: Final = 12
_MOST_CHOICES: Final = 50
_WORD: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,60}")
_TYPES: Final[Mapping[str, FieldType]] = {
    "integer": "integer",
    "number": "decimal",
    "boolean": "boolean",
    "string": "text",
    "array": "json",
    "object": "json",
}
_COLLECTION: Final = {"get": Verb.LIST, "post": Verb.CREATE}
_ITEM: Final = {"get": Verb.GET, "patch": Verb.PATCH, "delete": Verb.DELETE}
_MEMBERS: Final = ("hydra:member", "member")


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field as the document declares it. ``listed`` and ``shown``: it is in list answers, in item answers."""

    type: FieldType | None
    nullable: bool
    max_length: int | None
    choices: tuple[str, ...]
    listed: bool = False
    shown: bool = False
    writable: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource as the document declares it. ``parameters`` are those of its list."""

    verbs: frozenset[Verb]
    fields: Mapping[str, DeclaredField] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """True when it says what is read, so that a field it does not name is not there."""
        return any(one.listed or one.shown for one in self.fields.values())

    @property
    def item_only(self) -> tuple[str, ...]:
        """Fields of items that lists do not have; none where either schema is missing."""
        listed = any(one.listed for one in self.fields.values())
        return tuple(name for name, one in self.fields.items() if listed and one.shown and not one.listed)


class Document:
    """One OpenAPI document. ``prefix`` is what its paths begin with."""

    def __init__(self, data: Any, prefix: str) -> None:
        self._data = _map(data)
        self._paths = _map(self._data.get("paths"))
        self._prefix = prefix

    @property
    def usable(self) -> bool:
        """True when it says that it is OpenAPI and has paths."""
        return isinstance(self._data.get("openapi"), str) and bool(self._paths)

    def resource(self, path: str) -> Declared | None:
        """What it says of the resource at ``path``; None when it has no such path."""
        collection = _map(self._paths.get(self._prefix + path))
        items = [
            _map(data)
            for name, data in self._paths.items()
            if isinstance(name, str) and re.fullmatch(re.escape(self._prefix + path) + r"/\{[^/{}]+\}", name)
        ]
        item = items[0] if items else {}
        if not collection:
            return None
        verbs = {verb for method, verb in _COLLECTION.items() if method in collection}
        verbs |= {verb for method, verb in _ITEM.items() if method in item}
        return Declared(frozenset(verbs), self._fields(collection, item), tuple(_parameters(collection)))

    def _fields(self, collection: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, DeclaredField]:
        listed = self._properties(self._member(_answered(collection.get("get"))))
        shown = self._properties(_answered(item.get("get")))
        posted = self._object(_asked(collection.get("post")))
        patched = self._properties(_asked(item.get("patch")))
        created = _map(posted.get("properties"))
        names = [name for part in (listed, shown, created, patched) for name in part if _usable(name)]
        required = {name for name in _list(posted.get("required")) if isinstance(name, str)}
        return {
            name: self._field(
                name, listed=listed, shown=shown, written={**created, **patched}, required=frozenset(required)
            )
            for name in list(dict.fromkeys(names))[:MOST_FIELDS]
        }

    def _field(
        self,
        name: str,
        *,
        listed: Mapping[str, Any],
        shown: Mapping[str, Any],
        written: Mapping[str, Any],
        required: frozenset[str],
    ) -> DeclaredField:
        schema = _map(shown.get(name) or listed.get(name) or written.get(name))
        kinds, formats = set(self._kinds(schema)), {schema.get("format")}
        plain = kinds - {"null"}
        writable = name in written and _map(written[name]).get("readOnly") is not True
        length = _map(written.get(name) or schema).get("maxLength")
        return DeclaredField(
            _type(plain, formats),
            nullable="null" in kinds or schema.get("nullable") is True,
            max_length=length if isinstance(length, int) and not isinstance(length, bool) and length >= 0 else None,
            choices=_choices(schema),
            listed=name in listed,
            shown=name in shown,
            writable=writable,
            required=writable and name in required,
        )

    def _kinds(self, schema: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
        """JSON types that a schema allows."""
        if depth > _DEEPEST:
            return
        told = schema.get("type")
        yield from (one for one in (told if isinstance(told, list) else [told]) if isinstance(one, str))
        if "$ref" in schema:
            yield from self._kinds(self._resolved(schema), depth + 1) if self._resolved(schema) else ()
        for part in ("anyOf", "oneOf", "allOf"):
            for one in _list(schema.get(part)):
                yield from self._kinds(_map(one), depth + 1)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a ``$ref`` into this document names; nothing for any other."""
        target: Any = self._data
        name = schema.get("$ref")
        if not isinstance(name, str) or not name.startswith("#/"):
            return {}
        for step in name[2:].split("/"):
            target = _map(target).get(step.replace("~1", "/").replace("~0", "~"))
        return _map(target)

    def _object(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Properties and required names of an object schema, its references and parts put together."""
        found = _map(schema)
        if depth > _DEEPEST:
            return {}
        if "$ref" in found:
            return self._object(self._resolved(found), depth + 1)
        parts = [found, *(self._object(one, depth + 1) for one in _list(found.get("allOf")))]
        properties = {name: value for part in parts for name, value in _map(part.get("properties")).items()}
        required = [name for part in parts for name in _list(part.get("required"))]
        return {"properties": properties, "required": required}

    def _properties(self, schema: Any) -> Mapping[str, Any]:
        return _map(self._object(schema)["properties"]) if schema else {}

    def _member(self, schema: Any) -> Any:
        """The schema of one member of a collection, whether enveloped or a bare array."""
        if _map(schema).get("type") == "array":
            return _map(schema).get("items")
        properties = self._properties(schema)
        return next((_map(properties[name]).get("items") for name in _MEMBERS if name in properties), None)


def _answered(operation: Any) -> Any:
    """The schema of a 200 answer, the linked form first."""
    return _content(_map(_map(_map(operation).get("responses")).get("200")))


def _asked(operation: Any) -> Any:
    """The schema of a request body."""
    return _content(_map(_map(operation).get("requestBody")))


def _content(part: Mapping[str, Any]) -> Any:
    content = _map(part.get("content"))
    kinds = ("application/ld+json", "application/json", "application/merge-patch+json")
    return next((_map(content[kind]).get("schema") for kind in kinds if kind in content), None)


def _parameters(collection: Mapping[str, Any]) -> Iterator[str]:
    for one in _list(_map(collection.get("get")).get("parameters")):
        name = _map(one).get("name")
        if isinstance(name, str) and _map(one).get("in") == "query" and NAME.fullmatch(name):
            yield name


def _type(kinds: set[str], formats: set[Any]) -> FieldType | None:
    """One type, or None where there are several or none. An object beside text is a relation in either form."""
    if kinds == {"string", "object"}:
        return "text"
    if kinds == {"integer", "number"}:
        return "decimal"
    if len(kinds) != 1:
        return None
    found = _TYPES.get(next(iter(kinds)))
    if found == "text" and "date-time" in formats:
        return "datetime"
    return "date" if found == "text" and "date" in formats else found


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    listed = _list(schema.get("enum"))
    words = tuple(one for one in listed if isinstance(one, str) and _WORD.fullmatch(one))
    return words if len(words) <= _MOST_CHOICES else ()


def _usable(name: Any) -> bool:
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def _map(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
