"""The order of mappings by their references: parents before children. A cycle is the caller's configuration error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


class ReferenceCycle(Exception):
    """Mappings that refer to each other in a circle, in order, the first repeated at the end."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(" -> ".join(names))


def by_references(refers_to: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Names sorted so that each comes after everything it refers to; ties by name. Raises ReferenceCycle."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(refers_to):
        sorter.add(name, *sorted(set(refers_to[name]) - {name}))
    try:
        sorter.prepare()
    except CycleError as error:
        # graphlib lists the circle child first.
        raise ReferenceCycle(tuple(reversed(error.args[1]))) from None
    done: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        done.extend(ready)
        sorter.done(*ready)
    return tuple(done)
