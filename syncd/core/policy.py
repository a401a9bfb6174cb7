"""Who wins when both sides changed one field differently. A new policy is one function here and a word in the YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from syncd.core.model import Policy, Side

Times: TypeAlias = Mapping[Side, datetime | None]
"""When each side was changed, only where the peer's clock is trusted."""


def _external(times: Times) -> Side | None:  # noqa: ARG001 - one signature for all policies
    return Side.EXTERNAL


def _flowtly(times: Times) -> Side | None:  # noqa: ARG001 - one signature for all policies
    return Side.FLOWTLY


def _newest(times: Times) -> Side | None:
    """The later edit, or nobody: a missing or equal time decides nothing."""
    external, flowtly = times.get(Side.EXTERNAL), times.get(Side.FLOWTLY)
    if external is None or flowtly is None or external == flowtly:
        return None
    return Side.EXTERNAL if external > flowtly else Side.FLOWTLY


def _ask(times: Times) -> Side | None:  # noqa: ARG001 - one signature for all policies
    return None


_WINNERS: Final[Mapping[Policy, Callable[[Times], Side | None]]] = {
    Policy.EXTERNAL: _external,
    Policy.FLOWTLY: _flowtly,
    Policy.NEWEST: _newest,
    Policy.ASK: _ask,
}


def winner(policy: Policy, times: Times) -> Side | None:
    """The side whose value stands, or None when a person has to say."""
    return _WINNERS[policy](times)
