"""The API's description of itself, made from the declarations: OpenAPI 3.1, the Hydra vocabulary, JSON-LD contexts.

Schema names and the keys of each part are the recorded ones (cases 207 to 211). Must never describe what is not served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncd.sandbox.actions.catalogue import ACTIONS
from syncd.sandbox.actions.declare import Action
from syncd.sandbox.config import IRI_PREFIX, Envelope, SandboxConfig
from syncd.sandbox.declare import Field, Resource
from syncd.sandbox.envelope import search_variables
from syncd.sandbox.negotiate import LINKED, MERGE_PATCH, PLAIN

_XSD: Final = {"integer": "integer", "number": "decimal", "boolean": "boolean", "datetime": "dateTime"}
_IDENTIFIED: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "style": "simple"}
_SUCCESS: Final = {"GET": "200", "POST": "201", "PATCH": "200", "DELETE": "204"}


def document(resources: Mapping[str, Resource], config: SandboxConfig) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for resource in resources.values():
        paths.update(_paths(resource, config))
        schemas.update(_schemas(resource, resources))
    for action in ACTIONS:
        paths.setdefault(f"{IRI_PREFIX}{action.path}", {})[action.method.lower()] = _of_action(action)
    parts = ("responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Flowtly", "description": "", "version": "2.0.0"},
        "servers": [{"url": "/", "description": ""}],
        "paths": paths,
        "components": {"schemas": schemas, **{part: {} for part in parts}},
        "security": [],
        "tags": [{"name": name, "description": f"Resource '{name}' operations."} for name in resources],
        "webhooks": {},
    }


def context(name: str, resource: Resource | None, origin: str) -> dict[str, Any]:
    """The JSON-LD context of one short name; the API's own ones have no fields."""
    base = {"@vocab": f"{origin}{IRI_PREFIX}/docs.jsonld#", "hydra": "http://www.w3.org/ns/hydra/core#"}
    fields = [each for each in resource.fields if each.name != "id"] if resource else []
    terms = {
        each.name: {"@id": f"{name}/{each.name}", "@type": "@id"} if each.reference else f"{name}/{each.name}"
        for each in fields
    }
    return {"@context": {**base, **terms}}


def vocabulary(resources: Mapping[str, Resource], config: SandboxConfig) -> dict[str, Any]:
    """The Hydra documentation."""
    prefix = "hydra:" if config.envelope == "hydra" else ""
    vocab = f"{IRI_PREFIX}/docs.jsonld#"
    return {
        "@context": {"@vocab": vocab, "hydra": "http://www.w3.org/ns/hydra/core#"},
        "@id": f"{IRI_PREFIX}/docs.jsonld",
        "@type": f"{prefix}ApiDocumentation",
        f"{prefix}title": "Flowtly",
        f"{prefix}entrypoint": IRI_PREFIX,
        f"{prefix}supportedClass": [_class(each, prefix) for each in resources.values()],
    }


def read_name(resource: Resource, *, linked: bool) -> str:
    """The name of a read schema, as on Flowtly's pages."""
    return f"{resource.name}{'.jsonld' if linked else ''}-{resource.groups}"


def _write_name(resource: Resource, *, patch: bool, envelope: Envelope = "plain") -> str:
    suffix = ".jsonMergePatch" if patch and envelope == "plain" else ""
    return f"{resource.name}-{resource.write_groups or resource.groups}{suffix}"


def _schemas(resource: Resource, resources: Mapping[str, Resource]) -> dict[str, Any]:
    readable = _readable(resource, resource, resources)
    required = [each.name for each in resource.fields if each.required]
    linked = {"@context": {"readOnly": True}, **{key: {"readOnly": True, "type": "string"} for key in ("@id", "@type")}}
    made: dict[str, Any] = {
        read_name(resource, linked=False): {"type": "object", "properties": readable, "required": required},
        read_name(resource, linked=True): {
            "type": "object",
            "properties": {**linked, **readable},
            "required": required,
        },
    }
    for child in (resources[each.children] for each in resource.fields if each.children and each.shows):
        embedded = {"type": "object", "properties": _readable(child, resource, resources)}
        made[_embedded_name(child, resource)] = embedded
    if resource.write_groups:
        writable = {name: _schema(each) for name, each in resource.writable.items()}
        made[_write_name(resource, patch=False)] = {"type": "object", "required": required, "properties": writable}
        made[_write_name(resource, patch=True)] = {"type": "object", "properties": writable}
    return made


def _readable(shown: Resource, within: Resource, resources: Mapping[str, Resource]) -> dict[str, Any]:
    return {each.name: _read_schema(each, within, resources) for each in shown.fields if each.readable}


def _embedded_name(child: Resource, within: Resource) -> str:
    """A record inside another one has the other's groups, as on Flowtly's pages."""
    return f"{child.name}-{within.groups}"


def _read_schema(each: Field, resource: Resource, resources: Mapping[str, Resource]) -> dict[str, Any]:
    """A field as it is answered: relations may be objects."""
    if each.reference and each.shows:
        return {"type": ["object", "null"] if each.nullable else "object"}
    schema = _schema(each)
    if each.children and each.shows:
        schema["items"] = {"$ref": _ref(_embedded_name(resources[each.children], resource))}
    elif each.children:
        schema["items"] = {"type": "string", "format": "iri-reference"}
    return schema


def _schema(each: Field) -> dict[str, Any]:
    kind: str = "string" if each.type == "datetime" else each.type
    schema: dict[str, Any] = {"type": [kind, "null"] if each.nullable else kind}
    extras = {
        "enum": list(each.choices) or None,
        "default": each.default,
        "minLength": each.min_length,
        "maxLength": each.max_length,
        "minimum": each.minimum,
        "format": "iri-reference" if each.reference else "date-time" if each.type == "datetime" else None,
        "readOnly": True if not each.writable else None,
    }
    schema.update({name: value for name, value in extras.items() if value is not None})
    if each.format == "email":
        schema["format"] = "email"
    if each.type == "array":
        schema["items"] = {"type": ["string", "null"]}
    return schema


def _paths(resource: Resource, config: SandboxConfig) -> dict[str, Any]:
    base = f"{IRI_PREFIX}/{resource.path}"
    paths: dict[str, Any] = {
        base: {method.lower(): _operation(resource, method, config, many=True) for method in resource.collection}
    }
    for view in resource.views:
        path = f"{base}/{{id}}/{view.path}" if view.kind == "item" else f"{base}/{view.path}"
        paths[path] = {"get": _operation(resource, "GET", config, many=view.kind == "collection")}
    item = {method.lower(): _operation(resource, method, config, many=False) for method in resource.published_item}
    return {**paths, f"{base}/{{id}}": {**item, "parameters": [_IDENTIFIED]}}


def _operation(resource: Resource, method: str, config: SandboxConfig, *, many: bool) -> dict[str, Any]:
    listed = many and method == "GET"
    content = {media: {"schema": _answered(resource, media, config, listed=listed)} for media in (LINKED, PLAIN)}
    answer: dict[str, Any] = {"description": f"{resource.name} {'collection' if listed else 'resource'}"}
    operation: dict[str, Any] = {
        "tags": [resource.name],
        "responses": {_SUCCESS[method]: answer if method == "DELETE" else {**answer, "content": content}},
    }
    if listed:
        operation["parameters"] = _parameters(resource, config)
    if method in ("POST", "PATCH"):
        media = (MERGE_PATCH,) if method == "PATCH" else (LINKED, PLAIN)
        name = _write_name(resource, patch=method == "PATCH", envelope=config.envelope)
        body = {kind: {"schema": {"$ref": _ref(name)}} for kind in media}
        operation["requestBody"] = {"content": body, "required": True}
    return operation


def _of_action(action: Action) -> dict[str, Any]:
    """An action's bodies have no published schema, and none here."""
    content: dict[str, Any] = {media: {"schema": {}} for media in action.gives}
    operation: dict[str, Any] = {
        "tags": [action.resource],
        "responses": {"200": {"description": f"{action.resource} action", "content": content}},
        "parameters": [
            {**_IDENTIFIED, "name": segment[1:-1]} for segment in action.segments if segment.startswith("{")
        ],
    }
    if action.takes:
        bodies: dict[str, Any] = {media: {"schema": {}} for media in action.takes}
        operation["requestBody"] = {"content": bodies, "required": not action.optional}
    return operation


def _answered(resource: Resource, media: str, config: SandboxConfig, *, listed: bool) -> dict[str, Any]:
    one = {"$ref": _ref(read_name(resource, linked=media == LINKED))}
    if not listed:
        return one
    many = {"type": "array", "items": one}
    if media == PLAIN:
        return many
    member = "hydra:member" if config.envelope == "hydra" else "member"
    return {"type": "object", "properties": {member: many}, "required": [member]}


def _parameters(resource: Resource, config: SandboxConfig) -> list[dict[str, Any]]:
    size = {"type": "integer", "default": config.page_size, "minimum": 0, "maximum": config.max_page_size}
    pages = {"page": {"type": "integer", "default": 1}, "itemsPerPage": size}
    named = {**pages, **{variable: {"type": "string"} for variable, _ in search_variables(resource)}}
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in named.items()]


def _class(resource: Resource, prefix: str) -> dict[str, Any]:
    properties = [
        {
            "@type": f"{prefix}SupportedProperty",
            f"{prefix}property": {
                "@id": f"#{resource.name}/{each.name}",
                "@type": f"{prefix}Link" if each.reference else "rdf:Property",
                "range": f"#{each.reference}" if each.reference else f"xsd:{_XSD.get(each.type, 'string')}",
            },
            f"{prefix}title": each.name,
            f"{prefix}required": each.required,
            f"{prefix}readable": each.readable,
            f"{prefix}writeable": each.writable,
        }
        for each in resource.fields
        if each.name != "id"
    ]
    operations = [
        {"@type": f"{prefix}Operation", f"{prefix}method": method, f"{prefix}title": f"{method.lower()}{resource.name}"}
        for method in resource.published_item
    ]
    return {
        "@id": f"#{resource.name}",
        "@type": f"{prefix}Class",
        f"{prefix}title": resource.name,
        f"{prefix}supportedProperty": properties,
        f"{prefix}supportedOperation": operations,
    }


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"
