"""What the search for duplicates asks of the store: parties, cases, answers. Data and a Protocol, no implementation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from syncd.counterparties.census import Census
from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.party import Party, Prepared
from syncd.ports.memory import Lease


@dataclass(frozen=True, slots=True)
class StoredParty:
    """A party as last read and as prepared for comparison, with the block keys it is found by (``kind=value``)."""

    party: Party
    prepared: Prepared
    keys: tuple[str, ...] = ()
    gone: bool = False
    """It is no more at its system; only ``last_known`` shows it."""


class CaseState(StrEnum):
    """The life of a case. ``no`` is for good, whatever the records become; ``yes`` is about them as they were.

    ``withdrawn``: the matcher itself says no (by now), so nobody is asked; ``gone``: one of the two is no more (merged
    by whomever, or deleted). Both open again when there is reason to.
    """

    OPEN = "open"
    YES = "yes"
    NO = "no"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Case:
    """Two parties that may be one, with all the evidence (``Decision.as_json``) and what a person said.

    ``left_inputs`` and ``right_inputs`` are the hashes of the two records that the decision was made from, and that a
    yes is about: a yes whose records changed since is open again.
    """

    id: int
    directory: str
    left: str
    right: str
    band: Band
    tier: str
    bits: float
    decision: Mapping[str, Any]
    left_inputs: str
    right_inputs: str
    state: CaseState
    opened_at: datetime
    updated_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two parties that share block keys."""

    left: str
    right: str
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """One word of a person about a case; every one is kept, the latest counts."""

    answer: Literal["yes", "no", "open"]
    by: str
    at: datetime
    note: str
    left_inputs: str
    right_inputs: str


@dataclass(frozen=True, slots=True)
class Due:
    """Parties that wait to be decided: ``changed`` ones with all their pairs, those ``around`` with their cases."""

    changed: tuple[str, ...] = ()
    around: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with the hashes of the two records that it was made from."""

    decision: Decision
    left_inputs: str
    right_inputs: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of decisions: cases that a person is asked now and was not before, and cases closed."""

    opened: tuple[Decision, ...] = ()
    closed: int = 0


@dataclass(frozen=True, slots=True)
class Keying:
    """From which counts a directory's block keys were last made as a whole, and by which rules."""

    records: int
    version: str


class LoadingCensus(Census, Protocol):
    """A census that can be asked for much at once. It remembers what it said: one stretch of decisions uses one."""

    def load(self, records: Iterable[Prepared]) -> None:
        """Ask for everything that decisions about these parties may need."""


class PartyStore(Protocol):
    """The part of the store in which duplicates are found. Each method is one transaction."""

    def begin_directory(self, directory: str, source: str, lease: Lease) -> None:
        """Say whose records a directory has. Raises Refused when they were others', LeaseLost."""

    def unchanged(self, directory: str, inputs: Mapping[str, str], version: int) -> set[str]:
        """Of these parties (key to hash of inputs) those stored with exactly this hash and version."""

    def keep_parties(self, directory: str, parties: Sequence[StoredParty], lease: Lease) -> None:
        """Store parties that are new or changed, and what is counted of them. Raises LeaseLost.

        Their pairs are due from now on, and the cases of those that share a number, a name or a contact with them, as
        they were or as they are. Block keys are those given; ``key_parties`` sets them when the counts are known.
        """

    def key_parties(self, directory: str, keys: Mapping[str, Sequence[str]], lease: Lease) -> None:
        """The block keys of stored parties; what is the same already is not written. Raises LeaseLost."""

    def keying(self, directory: str) -> Keying | None:
        """Of the last time that all block keys were made and all pairs decided; None before the first."""

    def keep_keying(self, directory: str, keying: Keying, lease: Lease) -> None:
        """All keys were made and all pairs decided. Raises LeaseLost."""

    def forget_parties(self, directory: str, seen: Iterable[str], lease: Lease) -> list[str]:
        """After a complete reading: which parties are gone by now, their cases closed. Raises LeaseLost.

        Gone is what two complete readings in a row did not see. A party that is seen is not missed any more.
        """

    def parties(self, directory: str, keys: Sequence[str]) -> dict[str, StoredParty]:
        """Stored parties by key, without those that are gone."""

    def last_known(self, directory: str, keys: Sequence[str]) -> dict[str, StoredParty]:
        """Parties as they were last read, also those that are gone."""

    def party_count(self, directory: str) -> int:
        """How many parties there are."""

    def party_keys(self, directory: str) -> Iterator[str]:
        """The keys of all parties, in order."""

    def pairs(self, directory: str, keys: Sequence[str] | None, cap: int) -> Iterator[Pair]:
        """Pairs that share a block key of at most ``cap`` members: all of them, or those of the parties ``keys``.

        Without those that a person said no to.
        """

    def case_pairs(self, directory: str, keys: Sequence[str] | None, cap: int) -> Iterator[Pair]:
        """Pairs of the cases that are open, answered yes or withdrawn: all of them, or those of the parties ``keys``.

        They need not share a block key any more.
        """

    def due_parties(self, directory: str) -> Due:
        """The parties whose pairs have to be decided: changed since, or others changed that they share something with.

        Kept until ``settle_parties``, so that a scan that died is taken up again.
        """

    def settle_parties(self, directory: str, keys: Sequence[str] | None, lease: Lease) -> None:
        """All pairs of these parties, or of all, were decided and kept. Raises LeaseLost."""

    def capped(self, directory: str, keys: Sequence[str] | None, cap: int) -> dict[str, int]:
        """Block keys with more than ``cap`` members, all or those of the parties ``keys``, and how many they have.

        They bring no pair together.
        """

    def census(self, directory: str) -> LoadingCensus:
        """The counts that decisions need, asked of the database."""

    def keep_decisions(self, directory: str, decisions: Sequence[Decided], lease: Lease) -> Kept:
        """Open, renew or withdraw cases. What is the same already is not written. Raises LeaseLost.

        A pair that a person said no to keeps that, and a yes holds while both records are as they were. A ``no`` of
        the matcher is kept only when the pair shares a hard key, or was a case before.
        """

    def cases(
        self, directory: str | None, states: Sequence[CaseState], *, limit: int = 500, about: str | None = None
    ) -> list[Case]:
        """Cases, highest bits first; ``about``: only those of one record."""

    def cases_to_merge(self, directory: str, tiers: Collection[str]) -> list[Case]:
        """Every case that a person answered yes, and every open one of these tiers; highest bits first."""

    def case(self, case_id: int) -> Case | None:
        """One case."""

    def case_of(self, directory: str, one: str, other: str) -> Case | None:
        """The case of a pair, in whatever order."""

    def answer_case(
        self, case_id: int, answer: Literal["yes", "no", "open"], by: str, note: str, seen: tuple[str, str] | None
    ) -> Case:
        """A person's answer. ``seen``: the hashes of both records as the person saw them.

        Raises NotFound, Stale when the records are others by now or one is gone, Refused for text no database keeps.
        """

    def case_history(self, case_id: int) -> list[CaseAnswer]:
        """Every answer to a case, oldest first."""

    def case_answers(self, directory: str) -> dict[tuple[str, str], CaseState]:
        """Every pair that a person answered yes or no, and whose answer holds."""
