"""What was decided about two parties, and everything it was decided from. Data only; same inputs, same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

TIERS: Final = ("T1", "T2", "T2b", "T3", "T4", "T5", "T6")


class Band(StrEnum):
    """What may follow: a merge under a plan (auto), one question (review), nothing (no)."""

    AUTO = "auto"
    REVIEW = "review"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Level:
    """One field's comparison: how well it agrees, in a word, and how many bits that speaks for or against."""

    field: str
    level: str
    bits: float
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One pair with its band. ``left`` sorts before ``right``; comparing them the other way round gives the same.

    ``tier`` is the strongest tier whose rule the pair meets, empty for none, whether or not that tier is switched on.
    ``vetoes`` forbid a merge without a person; ``guards`` are doubts that come from other records. ``counts`` are the
    numbers behind rarity and sharing. ``blocks`` are the keys that brought the pair together.
    """

    left: str
    right: str
    band: Band
    tier: str
    bits: float
    why: str
    levels: tuple[Level, ...] = ()
    vetoes: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    registers: tuple[str, ...] = ()
    version: str = ""

    def as_json(self) -> dict[str, Any]:
        """As JSON data, for the store, files and people's tools."""
        return {
            "left": self.left,
            "right": self.right,
            "band": self.band.value,
            "tier": self.tier,
            "bits": self.bits,
            "why": self.why,
            "levels": [
                {"field": one.field, "level": one.level, "bits": one.bits, "left": one.left, "right": one.right}
                for one in self.levels
            ],
            "vetoes": list(self.vetoes),
            "guards": list(self.guards),
            "counts": dict(sorted(self.counts.items())),
            "blocks": list(self.blocks),
            "registers": list(self.registers),
            "version": self.version,
        }
