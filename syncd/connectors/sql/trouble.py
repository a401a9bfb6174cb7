"""From what a database driver raised to what the caller does next. Never lets a password or a parameter through."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from syncd.errors import BadAnswer, Denied, Later, Refused, SyncdError, UnknownOutcome, Violation

_MAX_TEXT: Final = 500

_DENIED_TEXT: Final = (
    "password authentication failed",
    "no pg_hba.conf entry",
    "fe_sendauth: no password supplied",
    "access denied",
    "permission denied",
    "readonly database",
    "read-only transaction",
    "login failed",
    "not permitted to log in",
    "authentication failed for user",
)
_LATER_TEXT: Final = (
    "database is locked",
    "database table is locked",
    "unable to open database file",
    "disk i/o error",
    "deadlock",
    "lock wait timeout",
)
_REFUSED_TEXT: Final = ("syntax error", "out of range", "too big", "cannot store", "datatype mismatch")

_BY_CLASS: Final[dict[str, type[SyncdError]]] = {
    "08": Later,  # connection exception
    "22": Refused,  # data exception
    "23": Refused,  # integrity constraint violation
    "28": Denied,  # invalid authorization
    "40": Later,  # transaction rollback: serialization, deadlock
    "42": Refused,  # unknown or ill-typed names: the mapping does not fit the table
    "44": Refused,  # with check option
    "53": Later,  # insufficient resources
    "55": Later,  # object not in prerequisite state: locks
    "57": Later,  # operator intervention: timeouts, shutdown
    "58": Later,  # system error
    "P0": Refused,  # raised by a trigger
}
_BY_STATE: Final[dict[str, type[SyncdError]]] = {"42501": Denied, "25006": Denied}

_NO_ROLE: Final = re.compile(r'role "[^"]*" does not exist')
_SCHEMA_STATES: Final = frozenset({"42703", "42P01", "42704"})
_SCHEMA_TEXT: Final = ("no such table", "no such column", "unknown column", "doesn't exist")

_KEY_DETAIL: Final = re.compile(r"Key \(([^)]+)\)")
_SQLITE_COLUMNS: Final = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: [^.]+\.([^,]+)")


class SchemaMoved(Refused):
    """The table is not what it was when it was reflected."""


def typed(name: str, error: BaseException, *, secret: str | None = None) -> SyncdError:
    """The error a caller can act on, for one that happened before COMMIT was sent.

    ``name`` is the system's name in the configuration; ``secret`` is blotted out wherever a driver repeats it.
    """
    text = f"{name}: {_text(error, secret)}"
    if isinstance(error, SyncdError):
        return error
    if isinstance(error, PoolTimeout):
        return Later(text)
    if isinstance(error, NoSuchModuleError | ImportError):
        return Denied(f"{name}: no driver is installed for this kind of database URL")
    if isinstance(error, DBAPIError) and error.orig is not None:
        return _from_driver(text, error)
    if isinstance(error, StatementError | ValueError | TypeError | OverflowError):
        return Refused(text)  # a value the driver or its column type cannot send, or cannot have meant
    return BadAnswer(text)


def typed_commit(name: str, error: SQLAlchemyError, *, secret: str | None = None) -> SyncdError:
    """The same for a failed COMMIT: only an answer of the database proves that nothing was stored."""
    found = typed(name, error, secret=secret)
    if (_state(error) or "")[:2] in {"23", "40", "44", "P0"} or "locked" in str(found):
        return found
    return UnknownOutcome(f"{name}: the connection was lost while a write was being committed")


def _from_driver(text: str, error: DBAPIError) -> SyncdError:
    state = _state(error)
    if isinstance(error, IntegrityError) or (state or "").startswith("23"):
        return Refused(text, (_violation(error),))
    if error.connection_invalidated:
        return Later(text)
    if state in _SCHEMA_STATES or any(word in text.lower() for word in _SCHEMA_TEXT):
        return SchemaMoved(text)
    if state is not None:
        kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], BadAnswer)
        return kind(text)
    return _from_text(text, error)


def _from_text(text: str, error: DBAPIError) -> SyncdError:
    low = text.lower()
    if _NO_ROLE.search(text):
        return Denied(text)
    for kind, words in ((Denied, _DENIED_TEXT), (Later, _LATER_TEXT), (Refused, _REFUSED_TEXT)):
        if any(word in low for word in words):
            return kind(text)
    family = type(error).__name__
    if family in {"DataError", "ProgrammingError", "NotSupportedError"}:
        return Refused(text)
    return Later(text) if family in {"OperationalError", "InterfaceError"} else BadAnswer(text)


def _state(error: BaseException) -> str | None:
    orig = getattr(error, "orig", None)
    state = getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
    return state if isinstance(state, str) else None


def _text(error: BaseException, secret: str | None) -> str:
    """One line of what the driver said, without the DETAIL part, which may repeat a row's values."""
    orig = getattr(error, "orig", None) or error
    diag = getattr(orig, "diag", None)
    text = getattr(diag, "message_primary", None) or str(orig)
    text = " ".join(text.split("\nDETAIL:")[0].split()) or type(orig).__name__
    if secret:
        text = text.replace(secret, "***")
    return text[:_MAX_TEXT]


def _violation(error: DBAPIError) -> Violation:
    diag = getattr(error.orig, "diag", None)
    message = _text(error, None)
    column = getattr(diag, "column_name", None) or ""
    if not column and (found := _KEY_DETAIL.search(getattr(diag, "message_detail", None) or "")):
        column = found[1]
    if not column and (found := _SQLITE_COLUMNS.search(message)):
        column = found[1]
    code = getattr(diag, "constraint_name", None) or _state(error) or ""
    return Violation(column, message, code)
