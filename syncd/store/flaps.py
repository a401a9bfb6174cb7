"""How often fields were written lately, and what peers made of it. Reads history; it never writes any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text

from syncd.core.canon import from_json
from syncd.core.flapping import Hands, Write
from syncd.core.model import Side
from syncd.ports.guards import Rewrite
from syncd.store.database import Database
from syncd.store.values import maybe_from_json, unique

FLAPPING: Final = "flapping"

_WRITES: Final = text(
    """
    SELECT CASE side WHEN 'flowtly' THEN source_key ELSE target_key END AS external_key, side, created_at, payload
    FROM operation
    WHERE mapping = :mapping AND (kind = 'patch' OR (kind = 'create' AND target_key IS NOT NULL))
      AND state = 'done' AND created_at > now() - CAST(:window AS interval)
      AND CASE side WHEN 'flowtly' THEN source_key ELSE target_key END = ANY(CAST(:keys AS text[]))
    ORDER BY created_at, id
    """
)

_QUESTIONS: Final = text(
    """
    SELECT external_key, field, bool_or(resolved_at IS NULL) AS asked, max(resolved_at) AS answered_at,
           bool_or(resolved_at IS NOT NULL AND carried_out_at IS NULL) AND bool_and(resolved_at IS NOT NULL) AS answered
    FROM conflict
    WHERE mapping = :mapping AND kind = :kind AND external_key = ANY(CAST(:keys AS text[]))
    GROUP BY external_key, field
    """
)

_REWRITES: Final = text(
    """
    SELECT mapping, side, field, before, after, count(*) AS count, max(at) AS last FROM ledger
    WHERE event = 'rewritten' AND field IS NOT NULL AND side IS NOT NULL AND NOT hidden
      AND (CAST(:mapping AS text) IS NULL OR mapping = :mapping)
    GROUP BY mapping, side, field, before, after
    ORDER BY mapping, side, field, count(*) DESC, max(at) DESC
    LIMIT :limit
    """
)


class Flaps(Database):
    """Our own writes, field by field."""

    def hands(self, mapping: str, external_keys: Sequence[str], window: timedelta) -> dict[str, dict[str, Hands]]:
        """Of these records, every field that was written within the window or that a question of flapping is about.

        Writes from before a person's last answer about the field do not count any more.
        """
        given = {"mapping": mapping, "keys": unique(external_keys), "window": window, "kind": FLAPPING}
        writes: dict[tuple[str, str], list[Write]] = {}
        for row in self.rows(_WRITES, given):
            for field, value in row["payload"].items():
                made = Write(row["created_at"], Side(row["side"]), from_json(value))
                writes.setdefault((row["external_key"], field), []).append(made)
        known = {place: Hands(tuple(every)) for place, every in writes.items()}
        for row in self.rows(_QUESTIONS, given):
            place = row["external_key"], row["field"]
            counted = tuple(one for one in writes.get(place, ()) if _after(one.at, row["answered_at"]))
            known[place] = Hands(counted, asked=row["asked"], answered=row["answered"])
        found: dict[str, dict[str, Hands]] = {}
        for (key, field), one in known.items():
            found.setdefault(key, {})[field] = one
        return found

    def rewrites(self, mapping: str | None, limit: int) -> list[Rewrite]:
        """Values that peers kept otherwise than they were sent, by mapping, side and field, the most frequent first."""
        return [
            Rewrite(
                row["mapping"],
                Side(row["side"]),
                row["field"],
                maybe_from_json(row["before"]),
                maybe_from_json(row["after"]),
                row["count"],
                row["last"],
            )
            for row in self.rows(_REWRITES, {"mapping": mapping, "limit": limit})
        ]


def _after(moment: datetime, answered: datetime | None) -> bool:
    return answered is None or moment > answered
