"""What the mappings of one configuration are to each other and to its systems: one name each, a system that exists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from syncd.mapping.directories import FLOWTLY
from syncd.mapping.nodes import Node
from syncd.mapping.problems import Problem, did_you_mean
from syncd.mapping.spec import MappingSpec


def names_clash(mappings: Iterable[tuple[MappingSpec, Node]]) -> Iterator[Problem]:
    """Two mappings with one name are a problem of the second."""
    first: dict[str, Node] = {}
    for spec, node in mappings:
        known = first.setdefault(spec.mapping, node)
        if known is not node:
            where = f"{known.file}:{known.line}"
            yield node.at("mapping").problem(f"mapping {spec.mapping!r} is there twice", f"first in {where}")


def system_problems(
    node: Node, mappings: Iterable[tuple[MappingSpec, Node]], systems: Collection[str]
) -> Iterator[Problem]:
    """Systems that do not exist, or are not said where there are several. ``node`` is the whole configuration."""
    if FLOWTLY in systems:
        place = node.at("systems").key_node(FLOWTLY) or node
        yield place.problem("systems: the name 'flowtly' is taken by Flowtly itself", "choose another name")
    known = ", ".join(sorted(systems))
    for spec, source in mappings:
        wanted = spec.external.system
        if wanted is None and len(systems) > 1:
            place = source.key_node("external") or source
            yield place.problem("missing key 'system' in external: there are several systems", f"one of {known}")
        elif wanted is not None and wanted not in systems:
            hint = did_you_mean(wanted, systems) or f"known: {known}"
            yield source.at("external", "system").problem(f"external.system: no system is called {wanted!r}", hint)
