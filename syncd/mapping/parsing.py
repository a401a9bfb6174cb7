"""A node to a validated model, every fault as a problem at its own place. Never shows an interpolated value.

``parse`` is what every settings model goes through: the mapping files, ``syncd.yaml`` and each connector's settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.mapping.annotations import KEYED, Shape, below, known_keys, selected
from syncd.mapping.nodes import Node
from syncd.mapping.problems import ConfigError, Problem, did_you_mean
from syncd.mapping.secrets import literal_secrets

Model = TypeVar("Model", bound=BaseModel)

_QUOTED: Final = re.compile(r"'([^']*)'")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_MESSAGES: Final[Mapping[str, str]] = {
    "model_type": "must be a block of keys",
    "model_attributes_type": "must be a block of keys",
    "dict_type": "must be a block of keys",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "path_type": "must be a path",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}

_SWITCHES: Final[Mapping[str, str]] = {"True": "true, or left out", "False": "false, or left out"}
"""A key with one value, as YAML writes it."""


def parse(model: type[Model], node: Node) -> Model:
    """Validate ``node`` as ``model``. Raises ConfigError with every problem, each at its key or value."""
    problems = list(literal_secrets(model, node))
    try:
        result = model.model_validate(_typed((Shape(model),), node))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems.extend(_explained(model, node, detail) for detail in details if not _follows(detail, details))
    if problems:
        raise ConfigError(sorted(set(problems), key=lambda p: (p.line, p.column, p.message)))
    return result


def _follows(detail: ErrorDetails, all_of_them: list[ErrorDetails]) -> bool:
    """True for a list that is only short because its items are faulty, which is said already."""
    length = len(detail["loc"])
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > length and other["loc"][:length] == detail["loc"] for other in all_of_them
    )


def _typed(candidates: tuple[Shape, ...], node: Node) -> Any:
    """The plain data of a node, where text from ``${...}`` becomes the number or switch that is wanted there."""
    if node.is_map or node.is_list:
        steps = [*node.pairs(), *enumerate(node.elements())]
        found = [
            (key, _typed(tuple(inner for shape in candidates for inner in below(shape, key)), value))
            for key, value in steps
        ]
        return dict(found) if node.is_map else [value for _, value in found]
    wanted = {shape.type for shape in candidates}
    if not node.interpolated or not wanted or not wanted <= _FILLED.keys():
        return node.content
    text = str(node.content).strip()
    for kind, values in _FILLED.items():
        if kind in wanted and (value := values(text)) is not None:
            return value
    return node.content


def _switch(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _int(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _float(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None


_FILLED: Final[Mapping[Any, Callable[[str], Any]]] = {bool: _switch, int: _int, float: _float}


class _Walk:
    """Follows an error's location through the file and through the model's types at the same time."""

    def __init__(self, model: type[BaseModel], node: Node) -> None:
        self.node = node
        self.key: Node | None = None
        self.path: list[str] = []
        self.shapes: tuple[Shape, ...] = (Shape(model),)
        self._under: str | None = None

    def step(self, item: Any) -> None:
        """Go one step down. Names that stand only in the model (union members, shorthand) move nothing in the file."""
        if item == "[key]":
            self.node = self.key or self.node
            return
        picked = selected(self.shapes, item)
        if picked:
            self.shapes = picked
            self._under = item.removeprefix(KEYED) if item.startswith(KEYED) else None
            return
        self.shapes = tuple(found for shape in self.shapes for found in below(shape, item))
        under, self._under = self._under, None
        if under is not None and (self.node.get(item) is None or item == under):
            self._enter(under)
        self._enter(item)

    def settle(self) -> None:
        """End on what a union's tag named, when nothing below it is to blame."""
        if self._under is not None:
            self._enter(self._under)

    def _enter(self, item: Any) -> None:
        found = self.node.get(item)
        if found is None:
            return
        self.key = self.node.key_node(item)
        self.node = found
        self.path.append(f"[{item}]" if isinstance(item, int) and self.key is None else f".{item}")

    @property
    def shown(self) -> str:
        """The path as people write it: ``fields.name.through[0]``."""
        return "".join(self.path).lstrip(".")


def _explained(model: type[BaseModel], node: Node, detail: ErrorDetails) -> Problem:
    walk = _Walk(model, node)
    *above, last = detail["loc"] or (None,)
    for item in above:
        walk.step(item)
    if detail["type"] in {"extra_forbidden", "invalid_key"}:
        known = known_keys(walk.shapes)
        walk.step(last)
        place = walk.key or walk.node
        return place.problem(f"unknown key {str(last)!r}", did_you_mean(str(last), known))
    if detail["type"] == "missing":
        return _missing(walk, str(last))
    if last is not None:
        walk.step(last)
        walk.settle()
    message = _message(detail)
    shown = f"{walk.shown}: " if walk.path else ""
    if any(value and value in message for value in _interpolated(walk.node)):
        return walk.node.problem(f"{shown}the value that was filled in here is not valid")
    return walk.node.problem(f"{shown}{message}", _hint(detail, walk.node))


def _missing(walk: _Walk, name: str) -> Problem:
    """A missing key is reported where its block is named, or begins."""
    place = walk.key or walk.node
    where = f" in {walk.shown}" if walk.path else ""
    return place.problem(f"missing key {name!r}{where}")


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind in {"literal_error", "enum"}:
        expected = str(context.get("expected", ""))
        return f"must be {_SWITCHES[expected]}" if expected in _SWITCHES else f"must be one of {expected}"
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text.replace("Input should be", "must be", 1)


def _hint(detail: ErrorDetails, node: Node) -> str:
    context = detail.get("ctx") or {}
    if isinstance(node.content, str) and not node.interpolated and "expected" in context:
        return did_you_mean(node.content, _QUOTED.findall(str(context["expected"])))
    if detail["type"] == "string_type" and isinstance(node.content, bool | int) and not node.is_map:
        return "put it in quotes"
    return ""


def _interpolated(node: Node) -> Iterator[str]:
    """Texts at or below a node that came from ``${...}``."""
    if node.interpolated:
        yield str(node.content)
    for _, value in node.pairs():
        yield from _interpolated(value)
    for item in node.elements():
        yield from _interpolated(item)
