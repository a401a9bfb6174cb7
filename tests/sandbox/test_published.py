"""What the sandbox says about itself, held against the published lists: 98 endpoints, and fields with their types."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Api

PUBLISHED = Path(__file__).parents[1] / "connectors" / "published"
ENDPOINTS = [(each["method"], each["path"]) for each in json.loads((PUBLISHED / "endpoints.json").read_text())]
FIELDS: dict[str, dict[str, str]] = json.loads((PUBLISHED / "fields.json").read_text())

WIDER = {
    ("ClientNote", "employee"): "the recorded servers took a note without an employee",
    ("Invoice", "bankAccount"): "recorded: an invoice without one",
    ("Invoice", "parent"): "recorded: an invoice without one",
    ("Invoice", "eInvoicing"): "recorded: an invoice without it",
    ("Transaction", "counterparty"): "a transaction with problems has none",
}
"""(resource, field) -> why it may be null although the published type does not say so."""


@pytest.fixture
def document(shared: Callable[..., Api]) -> dict[str, Any]:
    answer = shared(references="iri").get("/docs.jsonopenapi")
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


def test_every_published_endpoint_is_described(document: dict[str, Any]):
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert len(set(ENDPOINTS)) == 98
    assert [each for each in ENDPOINTS if (each[0], f"/api{each[1]}") not in described] == []


def test_a_hidden_item_route_is_not_described(document: dict[str, Any]):
    assert set(document["paths"]["/api/project-transactions/{id}"]) == {"patch", "delete", "parameters"}


@pytest.mark.parametrize("schema", sorted(FIELDS))
def test_every_published_field_has_its_type(document: dict[str, Any], schema: str):
    properties = document["components"]["schemas"][schema]["properties"]
    resource = schema.partition("-")[0]
    found = {name: _type(properties.get(name)) for name in FIELDS[schema]}
    expected = {name: f"{kind} | null" if (resource, name) in WIDER else kind for name, kind in FIELDS[schema].items()}
    assert found == expected


def test_what_is_described_can_be_resolved(document: dict[str, Any]):
    text = json.dumps(document)
    named = {f'"#/components/schemas/{name}"' for name in document["components"]["schemas"]}
    used = {f'"{part.split(chr(34))[0]}"' for part in text.split('"$ref": "')[1:]}
    assert used
    assert used <= named


def _type(schema: dict[str, Any] | None) -> str | None:
    if schema is None:
        return None
    kind = schema["type"]
    return " | ".join(kind) if isinstance(kind, list) else str(kind)
