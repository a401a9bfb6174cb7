"""What is asked of public registers of tax numbers, and what is remembered of their answers. No implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from syncd.ports.memory import Lease


class Outcome(StrEnum):
    """What a register says of a number. ``unavailable`` says nothing: it could not be asked, or did not know."""

    VALID = "valid"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Answer:
    """One register's word about one number (``PL8567346215``).

    ``consultation`` is the register's own proof that it was asked; ``detail`` its words, or why it could not be asked.
    ``accounts`` are IBANs. ``retry_after`` in seconds where the register asked for a pause.
    """

    number: str
    outcome: Outcome
    name: str = ""
    address: str = ""
    accounts: tuple[str, ...] = ()
    consultation: str = ""
    detail: str = ""
    answered_at: datetime | None = None
    retry_after: float | None = None


class Register(Protocol):
    """A public register. Nothing but the number is ever sent to it."""

    @property
    def name(self) -> str:
        """What it is called in the store, in explanations and in events."""

    @property
    def batch(self) -> int:
        """How many numbers one request may ask about."""

    @property
    def zone(self) -> str:
        """The time zone in which its day, and so its daily quota, begins."""

    def slot(self, number: str) -> str | None:
        """Who answers for this number (a country): one request at a time. None for a number it does not know of."""

    def check(self, numbers: Sequence[str], today: date) -> tuple[Answer, ...]:
        """One request about numbers of one slot. Raises Later, Denied, Refused, BadAnswer: nothing was learnt."""

    def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer from the store. ``counts``: it is fresh enough to be used. ``due``: it may be asked for again."""

    answer: Answer
    fetched_at: datetime
    counts: bool
    due: bool


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers count, and when a register that could not be asked is asked again (each with jitter)."""

    valid: timedelta = timedelta(days=30)
    invalid: timedelta = timedelta(days=3)
    first_retry: timedelta = timedelta(minutes=5)
    longest_retry: timedelta = timedelta(hours=6)


class RegisterMemory(Protocol):
    """The store, as far as registers go. The database's clock counts."""

    def kept_answers(self, register: str, numbers: Sequence[str]) -> Mapping[str, KeptAnswer]:
        """What is known of these numbers."""

    def keep_answers(self, register: str, answers: Sequence[Answer], lifetimes: Lifetimes) -> None:
        """Remember answers. One that says nothing leaves an earlier one as it was, and only moves the next question."""

    def spend_request(self, register: str, day: date, budget: int) -> bool:
        """Count one request of that day; False, and nothing counted, when the day's budget is spent."""

    def acquire(self, name: str, owner: str, ttl: timedelta) -> Lease | None:
        """Take a lease, None while somebody else has it."""

    def release(self, lease: Lease) -> None:
        """Give it back."""
