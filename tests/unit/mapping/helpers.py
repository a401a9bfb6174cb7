"""Short ways from YAML text to nodes, mappings and problems, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.core.model import Side
from syncd.mapping.compiled import CompiledMapping, compile_mapping
from syncd.mapping.lookups import lookup_table
from syncd.mapping.problems import ConfigError
from syncd.mapping.spec import MappingSpec
from syncd.mapping.yaml_source import Node, load_text, parse

HEAD = """\
mapping: clients
external: {resource: customers, key: id}
flowtly: {resource: clients}
match: [[name]]
"""
COUNTRIES = [
    {"@key": "/api/countries/1", "code": "PL", "name": "Poland"},
    {"@key": "/api/countries/2", "code": "DK", "name": "Denmark"},
    {"@key": "/api/countries/3", "code": "XK", "name": "One"},
    {"@key": "/api/countries/4", "code": "XK", "name": "Other"},
    {"@key": "/api/countries/5", "code": None, "name": "Nowhere"},
]
LOOKUPS = {("countries", "code"): lookup_table(COUNTRIES, "code")}


def node(text: str, env: Mapping[str, str] | None = None) -> Node:
    return load_text(text, env or {}, name="m.yaml")


def compiled(text: str, env: Mapping[str, str] | None = None) -> CompiledMapping:
    source = node(text, env)
    return compile_mapping(parse(MappingSpec, source), source)


def fields(text: str, head: str = HEAD) -> CompiledMapping:
    """A mapping with ``name`` and the given lines under ``fields``."""
    return compiled(f"{head}fields:\n  name: company\n{text}")


def said(text: str) -> list[str]:
    """Every problem of a mapping as it is printed."""
    with pytest.raises(ConfigError) as raised:
        compiled(text)
    return [str(problem) for problem in raised.value.problems]


def field_says(text: str, head: str = HEAD) -> list[str]:
    """Every problem of a mapping with ``name`` and the given lines under ``fields`` (they start on line 7)."""
    return said(f"{head}fields:\n  name: company\n{text}")


def read(mapping: CompiledMapping, side: Side, raw: Mapping[str, Any]) -> dict[str, Any]:
    return mapping.projection(side).document(raw, LOOKUPS)


def write(mapping: CompiledMapping, side: Side, changes: Mapping[str, Any], current: Any = None) -> dict[str, Any]:
    return mapping.projection(side).writes(changes, LOOKUPS, current)
