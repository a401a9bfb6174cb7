"""Aliases: several ERP records that are one counterparty at Flowtly. Read by all, written by the primary.

Data and Protocols, no implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.core.model import Document, MaybeValue, Side
from syncd.ports.memory import ConflictRow, Lease
from syncd.ports.merges import Followed, Redirect, Referring


@dataclass(frozen=True, slots=True)
class Alias:
    """An external record beside the linked one (``primary``) of the same Flowtly record.

    ``base`` is what the alias read when it was last brought up to date, in the external side's form: a field that
    differs from it since was edited at the alias. ``told`` is the primary's base as last carried over.
    ``flowtly_key`` is that of the primary's link, empty when there is none any more. ``missed_run``: the run whose
    complete reading first did not see the alias, and in which the ERP said that there is none.
    """

    mapping: str
    external_key: str
    primary: str
    flowtly_key: str
    base: Document
    told: Document
    since: datetime
    by: str
    missed_run: int | None = None


class AliasStore(Protocol):
    """The part of the store that knows aliases. Each method is one transaction."""

    def aliases(self, mapping: str) -> list[Alias]:
        """Every alias of a mapping, in key order."""

    def aliases_of(self, mapping: str, primaries: Sequence[str]) -> dict[str, list[Alias]]:
        """Aliases by the external key of their primary."""

    def alias(self, mapping: str, external_key: str) -> Alias | None:
        """One alias."""

    def keep_alias(self, alias: Alias, lease: Lease, answer: int | None = None) -> None:
        """Make or update an alias; ``answer`` is the question whose answer is carried out by that, in one step.

        Raises LeaseLost, and Stale for a record that is linked, or without a primary.
        """

    def drop_alias(self, mapping: str, external_key: str, why: str, lease: Lease) -> None:
        """An alias ends: its record is gone, is linked itself by now, or went into another one."""

    def part_alias(self, mapping: str, external_key: str, by: str) -> bool:
        """A person takes an alias apart: it is a stranger that nothing ties or creates before it changes."""

    def promote_alias(self, mapping: str, external_key: str, why: str, run_id: int, lease: Lease) -> bool:
        """The alias takes the place of its primary, whose record is gone: the link, its base and its other aliases."""

    def move_link(self, mapping: str, old: str, new: str, why: str, run_id: int, lease: Lease) -> bool:
        """The external record of a link went into another one, which has no link: the link follows.

        False when ``old`` is not linked any more, or ``new`` is linked, an alias, or on its way to Flowtly.
        """


class LossStore(Protocol):
    """What is asked of the store about a record that is gone and may have been merged. Each is one transaction."""

    def merge_questions(self, mapping: str) -> list[ConflictRow]:
        """Questions of the kind ``merged`` that are not over, and all that were ever answered ``apart``."""

    def end_question(self, conflict_id: int, how: str, lease: Lease) -> None:
        """A question is over; one that was answered keeps its answer. Raises LeaseLost."""

    def finish_answer(self, conflict_id: int, lease: Lease) -> None:
        """An answer was carried out. Raises LeaseLost."""

    def look_again(self, mapping: str, side: Side, key: str, lease: Lease) -> None:
        """Whatever excused a record that is missing excuses it no more. Raises LeaseLost."""

    def read_before(
        self, mapping: str, certificate: int, flowtly_keys: Sequence[str]
    ) -> dict[str, dict[str, tuple[MaybeValue, bool]]]:
        """By Flowtly key and field: the value before the first edit seen since the reading before ``certificate``.

        With True where only a hash of it is kept.
        """

    def follow(self, redirect: Redirect, lease: Lease, referring: Sequence[Referring] = ()) -> list[Followed]:
        """A merge that people made, see ``MergeStore``. Raises LeaseLost and Stale."""

    def held_by_merges(self) -> frozenset[str]:
        """Records of which a merge of ours was begun and is not over: nobody may take one for gone."""

    def redirect(self, system: str, resource: str, key: str) -> Redirect | None:
        """Where a record went, over several merges to the last survivor."""
