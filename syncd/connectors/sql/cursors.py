"""Where an incremental read begins and how far its cursor may move. Pure; never looks at a clock of its own.

A cursor is the text of the highest change stamp of the walk, as the database spells it. The newest stamp of the
table tells the type: a time stamp with or without zone, a date, a number that counts versions, or text (SQLite).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from syncd.errors import Refused

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an incremental read reaches back: time for stamps, versions for numbers; the zone of naive stamps."""

    overlap: timedelta
    versions: int
    zone: ZoneInfo


def spell(stamp: Any) -> str:
    """A stamp as cursor text; ``parse`` reads it back."""
    return stamp.isoformat() if isinstance(stamp, date) else str(stamp)


def parse(text: str, newest: Any) -> Any:
    """Cursor text as a value of the type the table uses now; None when it does not fit (then everything is read)."""
    try:
        return _parse(text, newest)
    except (ValueError, InvalidOperation, OverflowError):
        return None


def begin(cursor: Any, newest: Any, reach: Reach) -> Any:
    """The lowest stamp to read again. A table whose newest stamp lies before the cursor has gone back in time."""
    start = earlier(cursor, newest)
    if isinstance(start, datetime):
        return _earlier(start, reach)
    if isinstance(start, date):
        return start - timedelta(days=max(1, math.ceil(reach.overlap / _DAY)))
    if isinstance(start, str):
        return _earlier_text(start, reach)
    return start - reach.versions


def earlier(left: Any, right: Any) -> Any:
    """The lesser of two stamps. Two ISO texts are compared as times: one may have a T where the other has a blank."""
    if isinstance(left, str) and isinstance(right, str):
        first, second = _iso(left), _iso(right)
        if first is not None and second is not None:
            return left if first.replace(tzinfo=None) <= second.replace(tzinfo=None) else right
    return min(left, right)


def later(left: Any, right: Any) -> Any:
    """The greater of two stamps, compared as ``earlier`` does."""
    return right if earlier(left, right) is left else left


def ceiling(newest: Any, now: datetime, zone: ZoneInfo) -> Any:
    """The highest stamp a cursor may take: the newest one, but the database's ``now`` when that lies in the future.

    A stamp more than a day ahead is a clock that jumped; a cursor that followed it would hide every later change.
    """
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    if isinstance(newest, datetime):
        here = now if newest.tzinfo else now.astimezone(zone).replace(tzinfo=None)
        return here if newest - here > _DAY else newest
    if isinstance(newest, date):
        return now.date() if newest - now.date() > _DAY else newest
    if isinstance(newest, str) and (stamp := _iso(newest)) is not None:
        here = now.astimezone(zone).replace(tzinfo=None)
        return here.isoformat(" ") if stamp.replace(tzinfo=None) - here > _DAY else newest
    return newest


def stamp_of(value: Any, zone: ZoneInfo) -> datetime | None:
    """A raw value as the time of a change, where it is one; text without a zone is read in ``zone``."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and (stamp := _iso(value)) is not None:
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)
    return None


def _parse(text: str, newest: Any) -> Any:
    if isinstance(newest, datetime):
        stamp = datetime.fromisoformat(text)
        return stamp if (stamp.tzinfo is None) == (newest.tzinfo is None) else None
    if isinstance(newest, date):
        return date.fromisoformat(text)
    if isinstance(newest, int) and not isinstance(newest, bool):
        return int(text)
    if isinstance(newest, Decimal | float):
        found = type(newest)(text)
        return found if math.isfinite(found) else None
    if isinstance(newest, str):
        return text
    raise Refused(f"a column of {type(newest).__name__} cannot serve as cursor: take a time stamp or a version number")


def _earlier(start: datetime, reach: Reach) -> datetime:
    if start.tzinfo is not None:
        return start - reach.overlap
    # Naive stamps of a zone repeat an hour when its clocks go back: around that day, reach back over the hour as well.
    before, after = (start + days for days in (-_DAY, _DAY))
    turn = _offset(before, reach.zone) - _offset(after, reach.zone)
    return start - reach.overlap - abs(turn)


def _offset(stamp: datetime, zone: ZoneInfo) -> timedelta:
    return stamp.replace(tzinfo=zone).utcoffset() or timedelta(0)


def _earlier_text(start: str, reach: Reach) -> str:
    stamp = _iso(start)
    if stamp is None:
        return start
    # A blank sorts before the T of the other ISO spelling, and no fraction before any: the text reaches back enough.
    return _earlier(stamp.replace(tzinfo=None), reach).isoformat(" ", "seconds")


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
