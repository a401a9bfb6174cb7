"""Match keys that linked records and their aliases have: what a stranger with one would double. Decides nothing.

All links are read once in a run at most, and only when a stranger needs it; whoever reads them for something else
reads them through this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from syncd.core.match import Candidate, primary
from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.ports import Link, Observation


class Taken:
    """Who has the strongest match key of some strangers, by external key."""

    def __init__(self, ctx: Context, strangers: Iterable[Observation]) -> None:
        self._ctx = ctx
        self._wanted = {strongest for seen in strangers if (strongest := _strongest(seen)) is not None}
        self._owners: dict[tuple[int, str], dict[str, None]] = {}
        self._read = False

    def links(self) -> Iterator[Link]:
        """Every link. Once it has come to its end, nothing is read again."""
        for link in self._ctx.store.links(self._ctx.name):
            for side in Side if self._wanted else ():
                self._note(link.external_key, self._ctx.mapping.projection(side).match_keys(link.base.of(side)))
            yield link
        for one in self._ctx.store.aliases(self._ctx.name) if self._wanted else ():
            self._note(one.primary, self._ctx.mapping.external.match_keys(one.base))
        self._read = True

    def owners(self, seen: Observation) -> Sequence[str]:
        """The linked records that a stranger would double, in a fixed order."""
        strongest = _strongest(seen)
        if strongest is None:
            return ()
        if not self._read:
            deque(self.links(), maxlen=0)
        return sorted(self._owners.get(strongest, ()))

    def _note(self, owner: str, keys: Sequence[str | None]) -> None:
        for level, text in enumerate(keys):
            if text is not None and (level, text) in self._wanted:
                self._owners.setdefault((level, text), {})[owner] = None


def _strongest(seen: Observation) -> tuple[int, str] | None:
    return primary(Candidate(seen.key, seen.match_keys))
