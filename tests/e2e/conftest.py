"""Order: the search for secrets comes after everything that could have spoken."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``order_last`` go to the end."""
    items.sort(key=lambda item: item.get_closest_marker("order_last") is not None)
