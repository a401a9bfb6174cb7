"""The world of the engine tests, for the tests that let the process die in it."""

from __future__ import annotations

from tests.engine.conftest import approved, world

__all__ = ["approved", "world"]
