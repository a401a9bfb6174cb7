"""Query strings as PHP reads and writes them. Must never lose the order of nested keys.

The last of a repeated name wins; ``a[]=1&a[]=2`` is a list, ``a[after]=x`` a map; ``+`` is a space. Links are written
with the names sorted and everything but letters, digits and ``-_.~`` percent-encoded (recorded: cases 46, 57, 65, 72).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote, unquote_plus

Parameter: TypeAlias = str | dict[str, str]
Parameters: TypeAlias = dict[str, Parameter]

_NESTED = re.compile(r"^([^\[\]]+)\[([^\[\]]*)\]")


def parse(text: str) -> Parameters:
    """Parameters of a raw query string; deeper nesting than one level keeps only the first."""
    found: Parameters = {}
    for part in text.split("&"):
        if not part:
            continue
        raw_name, _, raw_value = part.partition("=")
        name, value = unquote_plus(raw_name, errors="replace"), unquote_plus(raw_value, errors="replace")
        nested = _NESTED.match(name)
        if nested is None:
            found[name] = value
            continue
        inner = found.get(nested[1])
        if not isinstance(inner, dict):
            inner = found[nested[1]] = {}
        inner[nested[2] or str(_next_index(inner))] = value
    return found


def values(parameter: Parameter) -> list[str]:
    """The values of a filter that takes one or a list; a map with words for keys is no list."""
    if isinstance(parameter, str):
        return [parameter]
    return [value for key, value in parameter.items() if key.isdecimal()]


def link(path: str, parameters: Mapping[str, Parameter], page: int | None) -> str:
    """A path with its parameters, as the server writes it into ``view``."""
    pairs = [pair for name in sorted(parameters) if name != "page" for pair in _pairs(name, parameters[name])]
    if page is not None:
        pairs.append(f"page={page}")
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def integer(parameter: Parameter | None, default: int) -> int:
    """What PHP's ``(int)`` makes of a parameter: leading digits, else 0; too many digits saturate."""
    if parameter is None:
        return default
    if isinstance(parameter, dict):
        return 1
    digits = re.match(r"\s*([+-]?\d{1,30})", parameter)
    return int(digits[1]) if digits else 0


def _pairs(name: str, parameter: Parameter) -> list[str]:
    if isinstance(parameter, str):
        return [f"{_quoted(name)}={_quoted(parameter)}"]
    keys = ((f"{name}[]" if key.isdecimal() else f"{name}[{key}]", value) for key, value in parameter.items())
    return [f"{_quoted(key)}={_quoted(value)}" for key, value in keys]


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _next_index(inner: Mapping[str, str]) -> int:
    return max((int(key) for key in inner if key.isdecimal()), default=-1) + 1
