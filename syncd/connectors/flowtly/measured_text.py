"""A measurement as ``capabilities.yaml``: commented, in a stable order, one line a field, so that a diff says it all.

What it writes ``measured.load_measurement`` reads back as the same measurement. Every text is quoted unless it is a
plain word: a peer's names must never become YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from syncd.connectors.flowtly.measured import MeasuredField, MeasuredResource, Measurement, Nulls, PageSizes

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_PLAIN: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})

_HEAD: Final = """\
# What this Flowtly tenant was measured to do. Written by `syncd probe`; edit it where you know better.
# Name it as flowtly.capabilities in syncd.yaml: filters that do not work are then not used, verbs and fields are
# believed as they stand here, and drift is measured against it.
#
# access       allowed | denied (403) | absent (404) | unknown (no usable answer)
# rows         how many records the facts come from; full_page: they were a whole page or the whole collection
# pages        members per page: unasked, at most, and whether itemsPerPage is honoured
# filters      exact | partial | ignored (brings everything) | unusable (loses records); what is missing was not decided
# item_only    fields that only a single record carries, never the list
# fields       declared: the schema document names it; seen: rows of the list with a value, of: rows looked at
"""


def as_text(measurement: Measurement) -> str:
    """The whole file."""
    return "\n".join([_HEAD, *_top(measurement), ""])


def _top(measurement: Measurement) -> Iterator[str]:
    tenant = measurement.tenant
    yield f"format: {measurement.format}"
    yield f"taken: {_text(measurement.taken.isoformat(timespec='seconds'))}"
    yield "tenant:"
    yield f"  address: {_text(tenant.address)}"
    if tenant.instance is not None:
        yield f"  instance: {_text(tenant.instance)}"
    yield f"  organizations: {_value(tenant.organizations)}"
    yield f"schema_document: {_value(measurement.schema_document)}"
    yield "resources:" if measurement.resources else "resources: {}"
    for name, resource in sorted(measurement.resources.items()):
        yield f"  {_text(name)}:"
        yield from (f"    {line}" for line in _resource(resource))


def _resource(resource: MeasuredResource) -> Iterator[str]:
    yield f"access: {resource.access}"
    if resource.detail:
        yield f"detail: {_text(resource.detail)}"
    yield from _known(resource, "envelope", "total")
    if resource.nulls is not Nulls.UNKNOWN:
        yield f"nulls: {resource.nulls}"
    if resource.declared:
        yield "declared: true"
    if resource.rows:
        yield f"rows: {resource.rows}"
        yield f"full_page: {_value(resource.full_page)}"
    if resource.pages != PageSizes():
        yield f"pages: {_flow(_given(resource.pages))}"
    yield from _known(resource, "verbs", "writes")
    for name in ("filters", "orders"):
        if given := getattr(resource, name):
            yield f"{name}: {_flow(dict(sorted(given.items())))}"
    if resource.item_only:
        yield f"item_only: {_value(resource.item_only)}"
    if resource.fields:
        yield "fields:"
        yield from (f"  {_text(name)}: {_flow(_given(one))}" for name, one in sorted(resource.fields.items()))


def _known(resource: MeasuredResource, *names: str) -> Iterator[str]:
    """Lines of the facts that are known."""
    for name in names:
        if (value := getattr(resource, name)) is not None:
            yield f"{name}: {_value(value)}"


def _given(model: MeasuredField | PageSizes) -> Mapping[str, Any]:
    """What differs from the defaults, which is all that needs saying."""
    return model.model_dump(exclude_defaults=True)


def _flow(data: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{_text(str(name))}: {_value(value)}" for name, value in data.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return _flow(value)
    if isinstance(value, str):
        return _text(value)
    return _listed(value)


def _listed(values: Iterable[Any]) -> str:
    return "[" + ", ".join(_value(value) for value in values) + "]"


def _text(text: str) -> str:
    """A word as it is, anything else in double quotes, which JSON and YAML share. ``${`` stays text."""
    text = str(text)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_PLAIN:
        return text
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)
