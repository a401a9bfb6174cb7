"""One-way JMESPath expressions over a peer's raw record. Reads named fields only; cannot write, loop or call out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

from syncd.core.model import Value
from syncd.mapping.records import Unfit, clean

_OWN_CONTEXT: Final = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "pipe"}
)
"""Nodes whose first child sees the record and whose other children see what the first one gave."""


class BadExpression(Exception):
    """The text is no JMESPath expression, or not one that can be used here."""


class Expression:
    """A compiled expression and the raw fields it reads."""

    def __init__(self, text: str) -> None:
        """Compile. Raises BadExpression."""
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise BadExpression(" ".join(str(error).split())) from error
        self.text = text
        self.names: tuple[str, ...] = tuple(dict.fromkeys(_names(self._compiled.parsed)))
        if not self.names:
            raise BadExpression("it reads no field; use constant for a fixed value")

    def __call__(self, record: Mapping[str, Any]) -> Value:
        """The value for one raw record. Raises Unfit, also for a type the expression cannot work with."""
        try:
            found = self._compiled.search({name: _jsonable(record.get(name)) for name in self.names})
        except (JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
            raise Unfit(f"the expression does not work on this record ({type(error).__name__})") from error
        return clean(found)


def _names(node: Mapping[str, Any]) -> Iterator[str]:
    """The fields of the record itself that an expression looks at. Raises BadExpression for the record as a whole."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        yield node["value"]
    elif kind in {"current", "identity"}:
        raise BadExpression("it looks at the whole record ('@' or '*'); name the fields it needs")
    elif kind not in {"literal", "expref"}:
        for child in children[:1] if kind in _OWN_CONTEXT else children:
            yield from _names(child)


def _jsonable(value: Any) -> Any:
    """A raw value in the types JMESPath knows: whole decimals as integers, dates as ISO text."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, tuple):
        return list(value)
    return value
