"""One record's share of a plan: its items, and what they were decided on. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.core.model import Base, Document, Side
from syncd.core.plan import Item, Kind
from syncd.core.reconcile import Merge
from syncd.core.removal import DeleteRule, Verdict
from syncd.engine.states import View
from syncd.ports import Link, Observation, Removal
from syncd.ports.aliases import Alias

UNLINKED = "unlinked"  # the store's mark on records that a person took apart


@dataclass(frozen=True, slots=True)
class MergeTask:
    """A linked pair, or a pair to be linked (``origin`` says how it was matched)."""

    items: tuple[Item, ...]
    external: View
    flowtly: View
    base: Base | None
    merge: Merge
    origin: str = ""
    about: frozenset[str] | None = None
    """The fields it decides, where not all: questions about others stay open."""
    replaces: bool = False
    """What changes in Flowtly is carried out by making the record anew there."""

    def view(self, side: Side) -> View:
        """One side as it was planned on."""
        return self.external if side is Side.EXTERNAL else self.flowtly


@dataclass(frozen=True, slots=True)
class CreateTask:
    """A record that lives on ``source`` only and is to be made on the other side."""

    items: tuple[Item, ...]
    source: Side
    observation: Observation
    document: Document
    rule: str
    recheck: bool = False
    """The source was not seen by a complete reading of this run: it may be gone or out of scope by now."""

    @property
    def target(self) -> Side:
        """Where the record will be made."""
        return self.source.other


@dataclass(frozen=True, slots=True)
class AskTask:
    """Strangers a person has to look at: they stay pending, marked as asked."""

    items: tuple[Item, ...]
    kind: str
    members: tuple[tuple[Side, Observation], ...]
    detail: str
    named: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    """The keys of all records that it is about, linked ones too."""


@dataclass(frozen=True, slots=True)
class AliasTask:
    """An external stranger that a person said is the same as a linked record, in answer to the question ``answer``."""

    items: tuple[Item, ...]
    alias: Alias
    answer: int


@dataclass(frozen=True, slots=True)
class RestTask:
    """Strangers that stay on their own side by direction: nothing to do until they change or find a partner."""

    items: tuple[Item, ...]
    side: Side
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class RemoveTask:
    """A linked record that is proven gone on the side ``gone`` (or on both), and what follows from it.

    ``view`` is the survivor as it was planned on. A verdict that waits carries items that only report.
    """

    items: tuple[Item, ...]
    gone: Side
    removals: tuple[Removal, ...]
    link: Link
    view: View
    verdict: Verdict
    rule: DeleteRule
    approved: bool = False


@dataclass(frozen=True, slots=True)
class HeldTask:
    """What would be done, and is held back in this run: its items only report that, with the reason."""

    items: tuple[Item, ...]


Task = MergeTask | AliasTask | CreateTask | AskTask | RestTask | RemoveTask | HeldTask


def held(task: Task, reason: str) -> HeldTask:
    """The task held back; what it is about stays pending and is planned anew by the next run."""
    items = (
        replace(item, kind=Kind.REPORT, side=None, changes=(), document=None, reason=reason, waits_for=None)
        for item in task.items
    )
    return HeldTask(tuple(items))


def taken_apart(seen: Observation) -> bool:
    """True for a stranger that a person unlinked; nothing ties, creates or marks it until it changes."""
    return (seen.problem or "").startswith(UNLINKED)
