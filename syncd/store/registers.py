"""What registers said of tax numbers, and the requests spent on it. The database's clock and dice count.

An answer that says nothing never replaces one that does; it only moves the moment of the next question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, date, datetime
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, delete, text

from syncd.ports.registers import Answer, KeptAnswer, Lifetimes, Outcome
from syncd.store.database import Database
from syncd.store.register_tables import register_budget
from syncd.store.values import readable, unique

_KEPT: Final = text(
    """
    SELECT number, outcome, name, address, accounts, consultation, detail, answered_at, fetched_at,
           coalesce(expires_at > now(), false) AS counts, due_at <= now() AS due
    FROM register_answer WHERE register = :register AND number = ANY(CAST(:numbers AS text[]))
    """
)
_KEEP: Final = text(
    """
    INSERT INTO register_answer AS known (register, number, outcome, name, address, accounts, consultation, detail,
                                          answered_at, fetched_at, expires_at, due_at, failures)
    VALUES (:register, :number, :outcome, :name, :address, CAST(:accounts AS text[]), :consultation, :detail,
            :answered_at, now(), now() + CAST(:life AS interval), now() + CAST(:life AS interval), 0)
    ON CONFLICT (register, number) DO UPDATE SET
        outcome = excluded.outcome, name = excluded.name, address = excluded.address, accounts = excluded.accounts,
        consultation = excluded.consultation, detail = excluded.detail, answered_at = excluded.answered_at,
        fetched_at = excluded.fetched_at, expires_at = excluded.expires_at, due_at = excluded.due_at, failures = 0
    """
)
# From half to one and a half of the wait, so that what failed together is not asked again together.
_FAILED: Final = text(
    """
    INSERT INTO register_answer AS known (register, number, outcome, detail, due_at, failures)
    VALUES (:register, :number, 'unavailable', :detail,
            now() + greatest(CAST(:first AS interval) * (0.5 + random()), CAST(:asked AS interval)), 1)
    ON CONFLICT (register, number) DO UPDATE SET
        detail = CASE WHEN known.outcome = 'unavailable' THEN excluded.detail ELSE known.detail END,
        failures = known.failures + 1,
        due_at = now() + greatest(
            least(CAST(:longest AS interval), CAST(:first AS interval) * power(2, least(known.failures, 16)))
                * (0.5 + random()),
            CAST(:asked AS interval))
    """
)
_SPEND: Final = text(
    """
    INSERT INTO register_budget AS known (register, day, requests) VALUES (:register, :day, 1)
    ON CONFLICT (register, day) DO UPDATE SET requests = known.requests + 1 WHERE known.requests < :budget
    RETURNING requests
    """
)
_FORGET: Final = delete(register_budget).where(
    register_budget.c.register == bindparam("register"), register_budget.c.day < bindparam("day")
)


class RegisterAnswers(Database):
    """``ports.registers.RegisterMemory``, but for the leases."""

    def kept_answers(self, register: str, numbers: Sequence[str]) -> dict[str, KeptAnswer]:
        """What is known of these numbers."""
        rows = self.rows(_KEPT, {"register": register, "numbers": unique(numbers)})
        return {row["number"]: _kept(row) for row in rows}

    def keep_answers(self, register: str, answers: Sequence[Answer], lifetimes: Lifetimes) -> None:
        """Remember answers, all or none."""
        with self.transaction() as connection:
            for one in sorted(answers, key=lambda answer: answer.number):
                if one.outcome is Outcome.UNAVAILABLE:
                    connection.execute(_FAILED, _failure(register, one, lifetimes))
                else:
                    connection.execute(_KEEP, _word(register, one, lifetimes))

    def spend_request(self, register: str, day: date, budget: int) -> bool:
        """Count one request of a day, if its budget allows it."""
        if budget < 1:
            return False
        with self.transaction() as connection:
            spent = connection.execute(_SPEND, {"register": register, "day": day, "budget": budget}).first()
            connection.execute(_FORGET, {"register": register, "day": day})
        return spent is not None


def _kept(row: RowMapping) -> KeptAnswer:
    answer = Answer(
        row["number"],
        Outcome(row["outcome"]),
        row["name"],
        row["address"],
        tuple(row["accounts"]),
        row["consultation"],
        row["detail"],
        row["answered_at"],
    )
    return KeptAnswer(answer, row["fetched_at"], row["counts"], row["due"])


def _word(register: str, one: Answer, lifetimes: Lifetimes) -> dict[str, Any]:
    return {
        "register": register,
        "number": one.number,
        "outcome": str(one.outcome),
        "name": _clean(one.name),
        "address": _clean(one.address),
        "accounts": list(one.accounts),
        "consultation": _clean(one.consultation),
        "detail": _clean(one.detail),
        "answered_at": _moment(one.answered_at),
        "life": lifetimes.valid if one.outcome is Outcome.VALID else lifetimes.invalid,
    }


def _failure(register: str, one: Answer, lifetimes: Lifetimes) -> dict[str, Any]:
    return {
        "register": register,
        "number": one.number,
        "detail": _clean(one.detail),
        "first": lifetimes.first_retry,
        "longest": lifetimes.longest_retry,
        "asked": f"{one.retry_after or 0.0} seconds",
    }


def _clean(words: str) -> str:
    """PostgreSQL holds no NUL and no half of a character, and a register's words may have one."""
    return readable(words.replace("\0", ""))


def _moment(said: datetime | None) -> datetime | None:
    """When a register says that it answered; none for a year that could be stored and never be read again."""
    return said if said is not None and MINYEAR < said.year < MAXYEAR else None
