"""Logs and metrics: structlog events with fields, one line per event, secrets and personal fields masked.

Never log a value of a masked field, and never a token: ``mask`` runs on every event as the last step before rendering.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

MASK: Final = "***"
_SECRET_WORDS: Final = re.compile(r"(?i)(password|passwd|secret|token|authorization|api[_-]?key)")
_CREDENTIALS: Final = re.compile(r"(?i)(bearer\s+|session\s+|://[^\s:/@]*:)([^\s@\"']+)")
_VALUE_FIELDS: Final = frozenset(
    {
        *("before", "after", "sent", "got", "external_value", "flowtly_value", "base_external", "base_flowtly"),
        *("detail", "problem"),  # words about a value quote it
    }
)


class Masker:
    """A structlog processor: known secrets anywhere, secret-looking keys, and values of personal fields become ***."""

    def __init__(self, secrets: Iterable[str], personal: Iterable[str]) -> None:
        self._secrets = tuple(sorted((text for text in secrets if len(text) > 3), key=len, reverse=True))  # noqa: PLR2004 - shorter texts would mask half of every line
        self._personal = frozenset(personal)

    def __call__(self, _logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Mask one event in place."""
        personal = event.get("field") in self._personal
        for key, value in list(event.items()):
            if key in self._personal or (personal and key in _VALUE_FIELDS) or _SECRET_WORDS.search(key):
                event[key] = MASK
            else:
                event[key] = self._clean(value)
        return event

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: MASK if key in self._personal else self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def text(self, text: str) -> str:
        """A text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _CREDENTIALS.sub(lambda found: found[1] + MASK, text)


def configure(
    *,
    form: Literal["auto", "json", "console"] = "auto",
    level: str = "info",
    masker: Masker | None = None,
    stream: TextIO | None = None,
) -> None:
    """Set up logging once per process. ``auto`` is console on a terminal and JSON elsewhere."""
    out = stream or sys.stderr
    as_json = form == "json" or (form == "auto" and not out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        masker or Masker((), ()),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _tame_libraries(out, masker or Masker((), ()))


_WARNINGS: Final = frozenset(
    {
        "conflict.missing",
        "conflict.open",
        "dedupe.incomplete",
        "dedupe.uncertified",
        "drift.failed",
        "field.frozen",
        "mapping.fenced",
        "mapping.stopped",
        "match.ask",
        "merge.not_followed",
        "merge.run_ended",
        "merge.unclear",
        "record.refused",
        "record.bad_value",
        "register.other_name",
        "record.parked",
        "record.failed",
        "write.failed",
        "read.incomplete",
        "read.uncertified",
        "watch.incomplete",
        "watch.unreadable",
        "delivery.failed",
        "delivery.dead",
        "history.failed",
        "missing.unread",
        "budget.amounts_skipped",
        "control.breach",
        "plan.unreadable",
        "posting.unread",
        "postings.contradicted",
        "postings.held",
        "postings.incomplete",
        "read.contradicted",
        "record.deleted",
        "record.forgotten",
        "record.gone",
        "record.marked",
        "record.unlinked",
        "removal.held",
        "conflict.kept",
    }
)
_QUIET: Final = frozenset(
    {"record.linked", "record.patched", "record.created", "record.adopted", "record.waiting", "write.stale"}
)


def emit(event: str, /, **fields: Any) -> None:
    """The engine's event sink: records at debug or info, what needs a person at warning."""
    logger = structlog.get_logger()
    if event in _WARNINGS or event.endswith((".refused", ".in_doubt", ".closed", ".quarantined", ".duplicate_key")):
        logger.warning(event, **fields)
    elif event in _QUIET:
        logger.debug(event, **fields)
    else:
        logger.info(event, **fields)


class _Handler(logging.Handler):
    """Sends warnings of the libraries through the same masking and rendering."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library", logger=record.name, detail=record.getMessage())


def _tame_libraries(out: TextIO, masker: Masker) -> None:  # noqa: ARG001 - the handler renders through structlog
    root = logging.getLogger()
    root.handlers[:] = [_Handler(level=logging.WARNING)]
    root.setLevel(logging.WARNING)
