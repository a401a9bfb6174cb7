"""Keeps the lists of views with a condition, so that a page of one needs no look at every record.

A list is made when it is first asked for; from then on each change re-judges the records it can have moved: the
record itself, the one it is a child of, and those that a view reaches it from. Must never judge anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from syncd.sandbox.declare import Id, Resource, Row, View
from syncd.sandbox.table import SortedIds

if TYPE_CHECKING:
    from syncd.sandbox.state import State


class Views:
    """The lists of one state, which locks."""

    def __init__(self, resources: Mapping[str, Resource], state: State) -> None:
        self._state = state
        self._lists: dict[str, dict[View, SortedIds]] = {}
        self._pointers: dict[str, list[tuple[str, str]]] = {}
        for resource in resources.values():
            for field in resource.fields:
                if field.children and any(view.where for view in resource.views):
                    self._pointers.setdefault(field.children, []).append((field.parent, resource.name))

    def ids(self, name: str, view: View) -> Sequence[Id]:
        """Ids of the shown records in order."""
        lists = self._lists.setdefault(name, {})
        if view not in lists:
            rows = self._state.table(name).rows
            where = view.where
            lists[view] = SortedIds(key for key, row in rows.items() if where is None or where(row, self._state))
        return lists[view].ids

    def note(self, resource: Resource, key: Id, old: Row | None, new: Row | None) -> None:
        """Judge again after one record came, changed or went."""
        if not self._lists:
            return
        if resource.name in self._lists:
            self._judge(resource.name, key, self._lists[resource.name])
        for pointer, parent in self._pointers.get(resource.name, ()):
            for iri in {row[pointer] for row in (old, new) if row and row.get(pointer)}:
                self._judge_iri(parent, iri)
        self._reach(resource, key)

    def _reach(self, target: Resource, key: Id) -> None:
        """Judge the records that a view reaches this one from."""
        iri = target.iri(key)
        for name, lists in self._lists.items():
            table = self._state.table(name)
            reached = [(view, field) for view in lists for field in view.through]
            for view, field in reached:
                if table.resource.by_name[field].reference == target.name:
                    for each in table.with_value(field, (iri,)):
                        self._judge(name, each, {view: lists[view]})

    def _judge_iri(self, name: str, iri: str) -> None:
        found = self._state.find(iri)
        if found is not None and name in self._lists:
            self._judge(name, found[1], self._lists[name])

    def _judge(self, name: str, key: Id, lists: Mapping[View, SortedIds]) -> None:
        row = self._state.table(name).rows.get(key)
        for view, shown in lists.items():
            if row is not None and (view.where is None or view.where(row, self._state)):
                shown.add(key)
            else:
                shown.discard(key)
