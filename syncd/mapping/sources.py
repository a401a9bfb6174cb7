"""The files that ``syncd.yaml`` names by patterns, as nodes, each file once. Reads files and judges nothing in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from syncd.mapping.nodes import Node
from syncd.mapping.problems import ConfigError, Problem
from syncd.mapping.yaml_source import load_file


def listed_nodes(
    path: Path, listed: Node | None, what: str, env: Mapping[str, str], problems: list[Problem]
) -> Iterator[Node]:
    """What a list of patterns and inline blocks names; what cannot be read is added to ``problems``.

    ``path`` is the file with the list, to whose folder patterns are relative; ``what`` is what people call one item.
    """
    seen: set[Path] = set()
    for item in listed.elements() if listed is not None else ():
        if item.is_map:
            yield item
        elif isinstance(item.content, str):
            found = _matching(path.parent, item.content)
            if not found:
                problems.append(item.problem(f"no {what} file matches {item.content!r}", f"looked in {path.parent}"))
            for file in found:
                if file not in seen:
                    seen.add(file)
                    try:
                        yield load_file(file, env)
                    except ConfigError as error:
                        problems.extend(error.problems)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Files of a pattern relative to a folder; an absolute path names itself."""
    absolute = Path(pattern)
    if absolute.is_absolute():
        return [absolute] if absolute.is_file() else []
    try:
        return sorted(file for file in folder.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError):
        return []
