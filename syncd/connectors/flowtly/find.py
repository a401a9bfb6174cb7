"""Looking a record up by values: a server filter may save pages, and is never believed.

An unknown filter, or a value it does not like, brings the whole collection with status 200 (recorded: cases 059, 063):
every row is compared again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from syncd.connectors.flowtly.catalogue import Resource
from syncd.ports import Raw

_SPACE: Final = re.compile(r"\s+")
_NORMAL: Final = re.compile(r"[0-9A-Z]{1,64}")


def server_filter(resource: Resource, values: Raw, prefix: str) -> dict[str, str]:
    """The parameters that may narrow a lookup without losing the row we look for; at most one, often none.

    A row must not be lost because the peer keeps the value in another spelling, so only values that have one spelling
    are used: digits and capitals, or an IRI.
    """
    for name in resource.filters:
        value = values.get(name)
        if not isinstance(value, str):
            continue
        is_iri = name in resource.references and value.startswith(f"{prefix}/")
        if is_iri or _NORMAL.fullmatch(value):
            return {name: value}
    return {}


def matches(raw: Raw, values: Mapping[str, Any]) -> bool:
    """True when every value is the record's own, text compared but for case and spacing: a peer may rewrite those.

    The caller compares once more by its own rules.
    """
    return all(_plain(raw.get(name)) == _plain(value) for name, value in values.items())


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _SPACE.sub(" ", value).strip().casefold() or None
    if isinstance(value, bool):
        return ("boolean", value)  # Python takes True for 1
    return value
