"""What commands that take a person's answer share: who it is, values as they are typed, usage errors.

Nothing here stores an answer.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from syncd.cli.common import err
from syncd.core.model import Absent, Side, Value
from syncd.errors import ConfigError, Problem
from syncd.mapping.records import Unfit, clean
from syncd.ports import ConflictRow

LAST_NUMBER: Final = 2**63 - 1  # what the store's numbers can hold

_SHOWN: Final = 60  # characters of a wrong value that a message repeats


def usage(message: str, hint: str = "") -> ConfigError:
    """An error in what was typed."""
    return ConfigError([Problem("command line", 0, 0, message, hint)])


def who() -> str:
    """The person at the keyboard, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        err.print("note: no user name here; the answer is recorded as 'operator'")
        return "operator"


def side_of(take: str | None) -> Side | None:
    """The side that ``--take`` names."""
    if take is None:
        return None
    if take not in set(Side):
        raise usage(f"--take is external or flowtly, not {take!r}")
    return Side(take)


def typed(row: ConflictRow, text: str | None) -> Value:
    """A typed value in the type of the values it replaces."""
    if text is None:
        return None
    values = (row.external, row.flowtly)
    like = next((value for value in values if value is not None and not isinstance(value, Absent)), None)
    try:
        return clean(_READERS.get(type(like), _as_text)(text))
    except (ValueError, KeyError, ArithmeticError):
        raise usage(
            f"conflict {row.id}: {text[:_SHOWN]!r} is not a {type(like).__name__} like the values of {row.field}"
        ) from None
    except Unfit as unfit:
        raise usage(f"--value: {unfit.message}") from None


def _as_text(text: str) -> Value:
    return text or None


_READERS: Final[Mapping[type, Callable[[str], Value]]] = {
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: int,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}
