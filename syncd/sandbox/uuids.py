"""Version 7 UUIDs: ordered by time. Pure; must never read a clock."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Final

RANDOM_BITS: Final = 74
"""How many bits of one are not the time: twelve in the middle, 62 at the end."""


def uuid7(number: int) -> str:
    """The UUID of a number whose upper 48 bits are milliseconds since 1970 and whose lower 74 bits are random."""
    high, low = divmod(number, 1 << 62)
    stamp, upper = divmod(high, 1 << 12)
    text = f"{(stamp << 16) | 0x7000 | upper:016x}{(0b10 << 62) | low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Keys:
    """Ids of sample records: ordered by the day they are for, the same for the same seed."""

    def __init__(self, seed: int, kind: str) -> None:
        self._random = random.Random(f"{seed}:ids of {kind}")  # noqa: S311 - sample data
        self._last = 0

    def at(self, day: datetime) -> str:
        """The next one."""
        drawn = (int(day.timestamp()) * 1000 << RANDOM_BITS) | self._random.getrandbits(RANDOM_BITS)
        self._last = max(drawn, self._last + 1)
        return uuid7(self._last)
