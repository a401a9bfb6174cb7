"""Text lenses: they tidy what is read on both sides, so that untidiness is no difference. Writing sends tidy text."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import TEXTS, Lens, LensSpec, Place, as_text, kind_of, one_text, single, unchanged
from syncd.mapping.records import Unfit


class Trim(LensSpec):
    """Text without white space at its ends; a text of nothing else is null."""

    word: ClassVar[str] = "trim"
    example: ClassVar[str] = "through: trim"

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same everywhere
        """Both sides read alike."""
        return single(lambda value: as_text(value).strip() or None, unchanged, one_text, TEXTS)


class Squeeze(LensSpec):
    """Text with single spaces only: trimmed, and every run of white space inside is one space."""

    word: ClassVar[str] = "squeeze"
    example: ClassVar[str] = "through: squeeze"

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same everywhere
        """Both sides read alike."""
        return single(lambda value: " ".join(as_text(value).split()) or None, unchanged, one_text, TEXTS)


class Case(LensSpec):
    """Text in one case, so that ``Dk`` and ``DK`` are no difference."""

    word: ClassVar[str] = "case"
    main: ClassVar[str | None] = "to"
    example: ClassVar[str] = "through: {case: upper}"

    to: Literal["upper", "lower"] = Field(description="The case both sides are compared in and written in.")

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same everywhere
        """Both sides read alike."""
        return single(self._read, unchanged, one_text, TEXTS)

    def _read(self, value: Value) -> Value:
        """Changed until it stays: a few letters (ŉ, ẞ) need more than one turn to settle."""
        text = as_text(value)
        for _ in range(3):
            turned = text.upper() if self.to == "upper" else text.lower()
            if turned == text:
                break
            text = turned
        return text


class Text(LensSpec):
    """Numbers as text: ``14`` reads as ``"14"``. Writing sends text."""

    word: ClassVar[str] = "text"
    example: ClassVar[str] = "through: text"

    def on_side(self, side: Side, place: Place) -> Lens | None:  # noqa: ARG002 - the same everywhere
        """Both sides read alike."""
        return single(_to_text, unchanged, one_text, TEXTS)


def _to_text(value: Value) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise Unfit(f"expected text or a number, got {kind_of(value)}")
