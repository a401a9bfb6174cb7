"""An answer as it was received: status, headers, the whole body. Reading it is left to those who know its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.connectors.http.jsontext import JsonTrouble, parse_json


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, and the decoded body of one response."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type without parameters, lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """True when the answer says that it is JSON of some kind."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")

    def json(self) -> Any:
        """The body as JSON data, fractions as Decimal. Raises JsonTrouble, also when it does not claim to be JSON."""
        if not self.is_json:
            raise JsonTrouble(f"the answer is {self.media_type or 'of no declared type'}, not JSON")
        return parse_json(self.body)
