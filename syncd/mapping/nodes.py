"""A configuration file as a tree that remembers where every key and value stands. Never shows what a value is.

Keys and scalars are plain Python values: text, ``bool``, ``int``, ``Decimal`` or None. The tree is what problems are
reported against; ``plain()`` turns it into the data that models are validated with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeAlias

from syncd.mapping.problems import Problem

Key: TypeAlias = str | bool | int | Decimal


@dataclass(frozen=True, slots=True)
class Node:
    """One key or value of a YAML file. ``line`` and ``column`` count from 1.

    ``content`` is a scalar, a tuple of nodes (a list), or a dict of key to (key node, value node).
    ``interpolated`` is True when a scalar's text came from ``${...}`` at least in part.
    """

    file: str
    line: int
    column: int
    content: Any = field(repr=False)
    interpolated: bool = False

    @property
    def is_map(self) -> bool:
        """True for a block of keys."""
        return isinstance(self.content, dict)

    @property
    def is_list(self) -> bool:
        """True for a list."""
        return isinstance(self.content, tuple)

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, (_, value) in self.content.items()}
        if isinstance(self.content, tuple):
            return [item.plain() for item in self.content]
        return self.content

    def pairs(self) -> Iterator[tuple[Key, Node]]:
        """Keys and values of a block; nothing for anything else."""
        if isinstance(self.content, dict):
            for key, (_, value) in self.content.items():
                yield key, value

    def elements(self) -> tuple[Node, ...]:
        """Items of a list; nothing for anything else."""
        return self.content if isinstance(self.content, tuple) else ()

    def get(self, key: Any) -> Node | None:
        """The value under a key (or at an index), or None."""
        if isinstance(self.content, dict):
            found = self.content.get(key)
            return None if found is None else found[1]
        if isinstance(self.content, tuple) and isinstance(key, int) and 0 <= key < len(self.content):
            item: Node = self.content[key]
            return item
        return None

    def key_node(self, key: Any) -> Node | None:
        """Where a key itself is written, or None."""
        if isinstance(self.content, dict):
            found = self.content.get(key)
            return None if found is None else found[0]
        return None

    def at(self, *path: Any) -> Node:
        """The deepest node along a path; steps that are not written in the file are skipped (shorthand forms)."""
        node = self
        for step in path:
            node = node.get(step) or node
        return node

    def without(self, *keys: str) -> Node:
        """The same block without some keys."""
        if not isinstance(self.content, dict):
            return self
        kept: Mapping[Key, tuple[Node, Node]] = {k: pair for k, pair in self.content.items() if k not in keys}
        return replace(self, content=kept)

    def problem(self, message: str, hint: str = "") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, message, hint)
