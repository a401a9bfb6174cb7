"""YAML 1.2 text to a tree of nodes with positions. Never guesses: what could be read two ways is a problem.

``NO`` stays text (YAML 1.2), and so do ``0123``, ``1_000``, ``0x1F``, ``.inf`` and dates: only ``true``/``false``,
plain decimal numbers and ``null`` are anything else. Duplicate keys, tags, merge keys, a second document, NUL bytes and
files above 1 MiB are refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from syncd.mapping.interpolate import Missing, interpolate
from syncd.mapping.nodes import Key, Node
from syncd.mapping.parsing import parse
from syncd.mapping.problems import ConfigError, Problem

__all__ = ["MAX_BYTES", "Node", "load_file", "load_text", "parse"]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 40
MAX_NODES: Final = 50_000
_CORE: Final = "tag:yaml.org,2002:"
_FOLD: Final = "\a"
_PLAIN_TAGS: Final = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value"})
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][-+]?[0-9]{1,2})?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def load_file(path: Path, env: Mapping[str, str], name: str | None = None) -> Node:
    """Read and load one file. ``name`` is how problems call it (its path by default). Raises ConfigError."""
    shown = name or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            [Problem(shown, 0, 0, f"cannot be read: {error.strerror or type(error).__name__}")]
        ) from error
    return load_text(data, env, name=shown, folder=path.parent)


def load_text(data: bytes | str, env: Mapping[str, str], *, name: str, folder: Path | None = None) -> Node:
    """Load YAML text; relative ``${file:...}`` paths start at ``folder``. Raises ConfigError with every problem."""
    text = _decoded(data, name)
    builder = _Builder(name, env, folder or Path())
    root = builder.build(_composed(text, name))
    if builder.problems:
        raise ConfigError(sorted(builder.problems, key=lambda p: (p.line, p.column)))
    return root


def _decoded(data: bytes | str, name: str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(name, 0, 0, f"is larger than {MAX_BYTES} bytes")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(raw[: error.start].decode("utf-8-sig", "replace"))
        raise ConfigError([Problem(name, line, column, "is not UTF-8 text from here on")]) from error
    found = _CONTROL.search(text)
    if found is not None:
        line, column = _position(text[: found.start()])
        what = "a NUL byte" if found[0] == "\0" else f"the control character {ord(found[0]):#04x}"
        raise ConfigError([Problem(name, line, column, f"{what} is not allowed in YAML")])
    return text


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _composed(text: str, name: str) -> Any:
    """The parser's own tree. Its warnings (reused anchors) are no news to the reader of a configuration."""
    yaml = YAML(typ="rt", pure=True)
    yaml.version = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            root = yaml.compose(text)
    except MarkedYAMLError as error:
        raise ConfigError([_syntax(error, text, name)]) from error
    except ReaderError as error:
        line, column = _position(text[: int(error.position)])
        raise ConfigError([Problem(name, line, column, f"cannot be read as YAML: {error.reason}")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([Problem(name, 0, 0, f"cannot be read as YAML: {type(error).__name__}")]) from error
    if root is None:
        raise ConfigError([Problem(name, 1, 1, "is empty")])
    return root


def _syntax(error: MarkedYAMLError, text: str, name: str) -> Problem:
    """A syntax error in words, without the lines around it: they may hold a secret."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    if error.context and "single document" in str(error.context):
        return Problem(name, line, column, "a second document in one file", "one file holds one document: remove '---'")
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    hint = ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or shown[column - 1 : column] == "\t":
        hint = "YAML is indented with spaces, never with tabs"
    elif "${" in shown:
        hint = 'inside {...} or [...] put it in quotes: "${NAME}"'
    what = " ".join(str(part) for part in (error.context, error.problem) if part)
    return Problem(name, line, column, f"YAML syntax: {what}", hint)


class _Builder:
    """Turns the parser's tree into nodes, collecting problems instead of stopping at the first."""

    def __init__(self, name: str, env: Mapping[str, str], folder: Path) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._env = env
        self._folder = folder
        self._count = 0

    def build(self, node: Any, depth: int = 0) -> Node:
        """One node and everything below it."""
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            where = self._leaf(node, None)
            raise ConfigError([where.problem("is nested too deep or grows too large", "an alias may contain itself")])
        if isinstance(node, MappingNode):
            return self._map(node, depth)
        if isinstance(node, SequenceNode):
            self._refuse_tag(node, "seq")
            return self._leaf(node, tuple(self.build(item, depth + 1) for item in node.value))
        return self._scalar(node, values=True)

    def _map(self, node: MappingNode, depth: int) -> Node:
        self._refuse_tag(node, "map")
        content: dict[Key, tuple[Node, Node]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or _tag(key) == "merge":
                self.problems.append(self._leaf(key, None).problem("a key must be a plain word", "write it out"))
                continue
            where, below = self._scalar(key, values=False), self.build(value, depth + 1)
            if below.content is None and below.line != where.line:  # nothing is written: blame the key
                below = replace(below, line=where.line, column=where.column)
            if where.content is None:
                self.problems.append(where.problem("a key must not be empty or null"))
            elif where.content in content:
                first = content[where.content][0]
                self.problems.append(
                    where.problem(f"duplicate key {where.content!r}", f"it is already on line {first.line}")
                )
            else:
                content[where.content] = (where, below)
        return self._leaf(node, content)

    def _scalar(self, node: ScalarNode, *, values: bool) -> Node:
        tag = _tag(node)
        if tag not in _PLAIN_TAGS:
            self._refuse_tag(node, "str")
        # The scanner marks where a folded text (>) was folded; the marks are not part of it.
        text = str(node.value).replace(_FOLD, "") if node.style == ">" else str(node.value)
        content = text if node.style is not None else _resolved(text, tag)
        if not values or not isinstance(content, str):
            return self._leaf(node, content)
        try:
            filled, interpolated = interpolate(content, self._env, self._folder)
        except Missing as missing:
            self.problems.append(self._leaf(node, None).problem(missing.message, missing.hint))
            return self._leaf(node, "")
        leaf = self._leaf(node, filled, interpolated=interpolated)
        if "\0" in filled:
            self.problems.append(leaf.problem("a NUL byte is not allowed"))
        return leaf

    def _refuse_tag(self, node: Any, expected: str) -> None:
        if _tag(node) != expected:
            self.problems.append(self._leaf(node, None).problem("YAML tags are not used here", "remove the '!...'"))

    def _leaf(self, node: Any, content: Any, *, interpolated: bool = False) -> Node:
        mark = node.start_mark
        return Node(self._name, mark.line + 1, mark.column + 1, content, interpolated)


def _tag(node: Any) -> str:
    return str(node.tag).removeprefix(_CORE)


def _resolved(text: str, tag: str) -> str | bool | int | Decimal | None:
    """A plain scalar's value by YAML 1.2, narrowed to what nobody reads differently; all else stays text."""
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if tag in {"int", "float"} and _NUMBER.fullmatch(text):
        return Decimal(text)
    return text
