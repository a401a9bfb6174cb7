"""Trouble from outside: the store's server dies, its disk is full, no connection is left, peers behave badly for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemons import weather
from tests.engine.world import World


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_the_stores_server_goes_away_in_mid_run(tmp_path: Path, pg_url: str, how: str) -> None:
    weather.server_goes_away(tmp_path, pg_url, how=how, times=1)


@pytest.mark.slow
def test_the_stores_disk_is_full_for_a_while(tmp_path: Path, pg_url: str) -> None:
    if weather.disk_full(tmp_path, pg_url) is None:
        pytest.skip("a small disk cannot be mounted here")


@pytest.mark.slow
def test_every_connection_to_the_store_is_taken_for_a_while(world: World) -> None:
    weather.no_connection_left(world)


@pytest.mark.slow
def test_a_peer_that_hangs_dribbles_or_resets(world: World) -> None:
    found = weather.ill_mannered(world, rounds=1, seed=9)
    assert all(counts["acted"] for counts in found.values())


@pytest.mark.parametrize("writes_only", [False, True])
def test_errors_in_a_row(world: World, *, writes_only: bool) -> None:
    weather.errors_in_a_row(world, errors=40, writes_only=writes_only, people=5)


@pytest.mark.slow
def test_a_day_of_faults_leaves_nothing_behind(tmp_path: Path, pg_url: str, store_url: str) -> None:
    day = weather.long_day(tmp_path, pg_url, store_url, minutes=40, seed=10)
    assert weather.swollen(day) == []
