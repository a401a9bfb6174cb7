"""Targets as templates, such as ``{cost_centre}:{year}``. A field that is empty makes no ``:2026``.

``{NAME}`` is a field of the posting or one of its own words (``values.py``); ``{line.NAME}`` is a field of its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from syncd.budgets.model import Line, Posting, Target
from syncd.budgets.values import OWN, getter, written

Word: TypeAlias = Callable[[Posting, Line | None], str]
Key: TypeAlias = tuple[str, str]
"""A target that is known: budget, and employee or '' for nobody."""

OF_LINE = "line."
_WORD = re.compile(r"\{([^{}]*)\}")


def words(template: str) -> tuple[str, ...]:
    """The fields that a template names. Raises ValueError for a brace without its other half or without a name."""
    if any(brace in _WORD.sub("", template) for brace in "{}"):
        raise ValueError(f"{template!r} has a brace without its other half")
    found = tuple(str(word) for word in _WORD.findall(template))
    if any(word.removeprefix(OF_LINE).strip() != word.removeprefix(OF_LINE) or word in {"", OF_LINE} for word in found):
        raise ValueError(f"{template!r} has braces without the name of a field")
    return found


class Template:
    """A compiled template. Raises ValueError for what ``words`` refuses."""

    def __init__(self, text: str, exponents: Mapping[str, int]) -> None:
        self.text = text
        self.names = words(text)
        self._words = {name: _word(name, exponents) for name in self.names}
        # Every second piece of the split text is a name: what stands before each, and what follows the last.
        *pieces, self._end = _WORD.split(text)
        self._pairs = [(before, self._words[name]) for before, name in zip(pieces[::2], pieces[1::2], strict=True)]

    def fill(self, posting: Posting, line: Line | None = None) -> str:
        """The text for a posting (and its line); '' when one of the fields is empty."""
        filled = ""
        for before, word in self._pairs:
            if not (text := word(posting, line)):
                return ""
            filled += before + text
        return filled + self._end

    def missing(self, posting: Posting, line: Line | None = None) -> str:
        """The first field that is empty; '' when none is."""
        return next((name for name, word in self._words.items() if not word(posting, line)), "")


class Aim:
    """A compiled target: which key it is for a posting."""

    def __init__(self, target: Target, exponents: Mapping[str, int]) -> None:
        self.target = target
        self._budget = Template(target.budget, exponents)
        self._employee = Template(target.employee, exponents) if target.employee else None

    def key(self, posting: Posting, line: Line | None = None) -> Key | None:
        """Budget and employee; None while a field of the budget is empty. An empty employee is nobody."""
        budget = self._budget.fill(posting, line)
        if not budget:
            return None
        return budget, self._employee.fill(posting, line) if self._employee else ""

    def missing(self, posting: Posting, line: Line | None = None) -> str:
        """Why ``key`` is None, for a person."""
        name = self._budget.missing(posting, line)
        return f"{name} is empty, so {self.target.budget} is no budget" if name else "the budget has no name"


def _word(name: str, exponents: Mapping[str, int]) -> Word:
    if name.startswith(OF_LINE):
        field = name.removeprefix(OF_LINE)
        return lambda _, line: "" if line is None else written(line.fields.get(field))
    if name not in OWN:
        return lambda posting, _: written(posting.fields.get(name))
    get = getter(name, exponents)
    return lambda posting, _: written(get(posting))
