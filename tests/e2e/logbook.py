"""Everything that processes of these tests printed or logged, for the search for secrets at their end."""

from __future__ import annotations

_pages: list[str] = []


def keep(text: str) -> None:
    """Add what a process said."""
    _pages.append(text)


def everything() -> str:
    """All of it."""
    return "\n".join(_pages)
