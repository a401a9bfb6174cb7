"""Asks registers about the tax numbers of possible duplicates, within a budget, and hands what they said to decisions.

What could not be asked is as if there were no registers: no trouble of theirs ever reaches a decision, or ends a scan.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from threading import Event
from typing import Final
from zoneinfo import ZoneInfo

from syncd.counterparties.party import Prepared
from syncd.counterparties.registered import Entry, RegisterFact
from syncd.engine.context import Events
from syncd.engine.merging import chunked
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused
from syncd.ports import Clock
from syncd.ports.registers import Answer, KeptAnswer, Lifetimes, Outcome, Register, RegisterMemory

_SLOT_LEASE: Final = timedelta(minutes=3)  # longer than any request may take


@dataclass(frozen=True, slots=True)
class Asked:
    """A register and the requests that it may get in a day."""

    register: Register
    budget: int


@dataclass(slots=True)
class Registers:
    """What registers say of parties. Call it with parties; one instance may be used by one thread at a time."""

    asked: Sequence[Asked]
    memory: RegisterMemory
    clock: Clock
    events: Events
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    stop: Event = field(default_factory=Event)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _spent: set[tuple[str, date]] = field(default_factory=set)

    def __call__(self, parties: Sequence[Prepared]) -> Mapping[str, RegisterFact]:
        """Facts by valid tax number; nothing for numbers that no register could be asked about."""
        numbers = sorted({party.tin.valid for party in parties if party.tin.valid})
        entries: dict[str, list[Entry]] = defaultdict(list)
        for one in self.asked:
            for number, kept in self._known(one, numbers).items():
                if kept.counts:
                    entries[number].append(_entry(one.register.name, kept))
        facts = {number: RegisterFact(number, tuple(found)) for number, found in sorted(entries.items())}
        for party in parties:
            self._tell(party, facts.get(party.tin.valid))
        return facts

    def close(self) -> None:
        """Release the registers' connections."""
        for one in self.asked:
            one.register.close()

    def _known(self, asked: Asked, numbers: Sequence[str]) -> Mapping[str, KeptAnswer]:
        """What is in the store, after asking for what is not."""
        name = asked.register.name
        slots: dict[str, list[str]] = defaultdict(list)
        for number in numbers:
            slot = asked.register.slot(number)
            if slot is not None:
                slots[slot].append(number)
        covered = [number for some in slots.values() for number in some]
        if not covered:
            return {}
        kept = self.memory.kept_answers(name, covered)
        news = False
        for slot, some in sorted(slots.items()):
            due = [number for number in some if number not in kept or kept[number].due]
            news = (bool(due) and self._ask_slot(asked, slot, due)) or news
        return self.memory.kept_answers(name, covered) if news else kept

    def _ask_slot(self, asked: Asked, slot: str, numbers: Sequence[str]) -> bool:
        """Ask one country's numbers, each request under a lease of its own. True when anything may be stored by now.

        Whoever asks the same country now stores answers that are there when it is asked next time.
        """
        for batch in chunked(numbers, asked.register.batch):
            if self.stop.is_set():
                break
            with self._alone(f"register:{asked.register.name}:{slot}") as alone:
                if not alone or not self._ask_batch(asked, batch):
                    break
        return True

    def _ask_batch(self, asked: Asked, numbers: Sequence[str]) -> bool:
        """One request, for what nobody has asked meanwhile. False when the country is to be left alone for now."""
        name = asked.register.name
        fresh = self.memory.kept_answers(name, numbers)
        due = [number for number in numbers if number not in fresh or fresh[number].due]
        if not due:
            return True
        if not self._may_spend(asked):
            return False
        answers = self._ask(asked.register, due)
        self.memory.keep_answers(name, answers, self.lifetimes)
        self._tell_news(name, answers)
        return all(one.outcome is not Outcome.UNAVAILABLE for one in answers)

    @contextmanager
    def _alone(self, slot: str) -> Iterator[bool]:
        lease = self.memory.acquire(slot, uuid.uuid4().hex, _SLOT_LEASE)
        try:
            yield lease is not None
        finally:
            if lease is not None:
                self.memory.release(lease)

    def _may_spend(self, asked: Asked) -> bool:
        name = asked.register.name
        today = self.clock.now().astimezone(ZoneInfo(asked.register.zone)).date()
        if (name, today) in self._spent:
            return False
        if self.memory.spend_request(name, today, asked.budget):
            return True
        self._spent.add((name, today))
        self.events("register.budget_spent", register=name, budget=asked.budget, day=today.isoformat())
        return False

    def _ask(self, register: Register, numbers: Sequence[str]) -> tuple[Answer, ...]:
        """The answers; trouble is an answer that says nothing."""
        today = self.clock.now().astimezone(ZoneInfo(register.zone)).date()
        try:
            return register.check(numbers, today)
        except (Later, Denied, Refused, NotFound, BadAnswer) as trouble:
            wait = trouble.retry_after if isinstance(trouble, Later) else None
            detail = f"{type(trouble).__name__}: {trouble}"
            return tuple(Answer(one, Outcome.UNAVAILABLE, detail=detail, retry_after=wait) for one in numbers)

    def _tell_news(self, register: str, answers: Sequence[Answer]) -> None:
        for one in answers:
            if one.outcome is Outcome.INVALID:
                self.events("register.not_valid", register=register, number=one.number, detail=one.detail)
        lost = [one for one in answers if one.outcome is Outcome.UNAVAILABLE]
        if lost:
            self.events("register.unavailable", register=register, numbers=len(lost), detail=lost[0].detail)

    def _tell(self, party: Prepared, fact: RegisterFact | None) -> None:
        """A number under another name is a fault in somebody's data: said once for each record."""
        if fact is None or (party.id, fact.number) in self._told or fact.confirms(party.names) is not False:
            return
        self._told.add((party.id, fact.number))
        self.events(
            "register.other_name",
            key=party.id,
            number=fact.number,
            name=party.name.raw,
            registered=" / ".join(entry.name for entry in fact.entries if entry.name),
            detail=fact.reference,
        )


def _entry(register: str, kept: KeptAnswer) -> Entry:
    said = kept.answer
    moment = said.answered_at or kept.fetched_at
    return Entry(
        register,
        said.outcome is Outcome.VALID,
        said.name,
        said.consultation,
        moment.astimezone(UTC).date().isoformat(),
    )
