"""Random histories keep every law; the seed is fixed, so that a failure is the same everywhere. See tests/proof."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories
from tests.histories.town import Town


def test_histories_keep_the_laws(town: Town) -> None:
    Histories.town = town
    chosen = settings(
        max_examples=5,
        stateful_step_count=7,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(Histories, settings=chosen)
    assert town.counts["writes"] > 0
