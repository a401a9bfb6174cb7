"""Which parties are compared: those that share a block key that is not too common. Decides nothing about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text

from syncd.ports.parties import Pair
from syncd.store.database import Database
from syncd.store.values import unique

# A pair that a person said no to is not even looked at again.
_ASKABLE: Final = """
    NOT EXISTS (
        SELECT FROM party_case AS answered WHERE answered.directory = :directory AND answered.state = 'no'
          AND answered.left_key = pair.left_key AND answered.right_key = pair.right_key)
    ORDER BY pair.left_key, pair.right_key
"""
_ALL_PAIRS: Final = text(
    f"""
    WITH useful AS MATERIALIZED (
        SELECT block FROM party_block WHERE directory = :directory
        GROUP BY block HAVING count(*) BETWEEN 2 AND :cap
    )
    SELECT * FROM (
        SELECT one.key AS left_key, other.key AS right_key, array_agg(one.block ORDER BY one.block) AS blocks
        FROM useful
        JOIN party_block AS one ON one.directory = :directory AND one.block = useful.block
        JOIN party_block AS other ON other.directory = :directory AND other.block = useful.block AND other.key > one.key
        GROUP BY one.key, other.key
    ) AS pair WHERE {_ASKABLE}
    """  # noqa: S608 - constants
)
# The size of a block is counted no further than the cap.
_PAIRS_OF: Final = text(
    f"""
    WITH mine AS MATERIALIZED (
        SELECT party.key, unnest(party.blocks) COLLATE "C" AS block FROM party
        WHERE party.directory = :directory AND party.key = ANY(CAST(:keys AS text[]))
    ), useful AS MATERIALIZED (
        SELECT block.block FROM (SELECT DISTINCT block FROM mine) AS block
        CROSS JOIN LATERAL (
            SELECT count(*) AS size FROM (
                SELECT FROM party_block AS member
                WHERE member.directory = :directory AND member.block = block.block LIMIT :cap + 1) AS members
        ) AS counted
        WHERE counted.size BETWEEN 2 AND :cap
    )
    SELECT * FROM (
        SELECT least(mine.key, other.key) AS left_key, greatest(mine.key, other.key) AS right_key,
            array_agg(DISTINCT mine.block ORDER BY mine.block) AS blocks
        FROM mine JOIN useful ON useful.block = mine.block
        JOIN party_block AS other ON other.directory = :directory AND other.block = mine.block AND other.key <> mine.key
        GROUP BY 1, 2
    ) AS pair WHERE {_ASKABLE}
    """  # noqa: S608 - constants
)
_CASES: Final = """
    SELECT one.left_key, one.right_key, ARRAY(
        SELECT shared.block FROM (
            SELECT unnest(lefts.blocks) COLLATE "C" AS block INTERSECT SELECT unnest(rights.blocks)) AS shared
        WHERE (SELECT count(*) FROM (
            SELECT FROM party_block AS member
            WHERE member.directory = :directory AND member.block = shared.block LIMIT :cap + 1) AS members) <= :cap
        ORDER BY shared.block) AS blocks
    FROM party_case AS one
    JOIN party AS lefts ON lefts.directory = :directory AND lefts.key = one.left_key AND lefts.gone_at IS NULL
    JOIN party AS rights ON rights.directory = :directory AND rights.key = one.right_key AND rights.gone_at IS NULL
    WHERE one.directory = :directory AND one.state IN ('open', 'yes', 'withdrawn')
"""
_CASE_PAIRS: Final = text(f"{_CASES} ORDER BY one.left_key, one.right_key")
_CASE_PAIRS_OF: Final = text(
    f"""
    {_CASES} AND one.left_key = ANY(CAST(:keys AS text[]))
    UNION {_CASES} AND one.right_key = ANY(CAST(:keys AS text[]))
    ORDER BY left_key, right_key
    """
)
_CAPPED: Final = text(
    """
    SELECT block, count(*) AS size FROM party_block WHERE directory = :directory
    GROUP BY block HAVING count(*) > :cap ORDER BY size DESC, block
    """
)
_CAPPED_OF: Final = text(
    """
    SELECT mine.block, counted.size FROM (
        SELECT DISTINCT unnest(party.blocks) COLLATE "C" AS block FROM party
        WHERE party.directory = :directory AND party.key = ANY(CAST(:keys AS text[]))
    ) AS mine
    CROSS JOIN LATERAL (
        SELECT count(*) AS size FROM party_block AS member
        WHERE member.directory = :directory AND member.block = mine.block
    ) AS counted
    WHERE counted.size > :cap ORDER BY size DESC, block
    """
)
# Statistics are stale just when much is new, and a join planned for no rows reads the same table for each of many.
_ANALYZE: Final = text("ANALYZE party, party_block, party_fact, party_token, party_case")


class Pairs(Database):
    """Pairs of parties."""

    def pairs(self, directory: str, keys: Sequence[str] | None, cap: int) -> Iterator[Pair]:
        """Pairs that share a block key of at most ``cap`` members: all of them, or those of the parties ``keys``.

        Without those that a person said no to.
        """
        if keys is None:
            with self.transaction() as connection:
                connection.execute(_ANALYZE)
            return map(_pair, self.stream(_ALL_PAIRS, {"directory": directory, "cap": cap}))
        return map(_pair, self.rows(_PAIRS_OF, {"directory": directory, "cap": cap, "keys": unique(keys)}))

    def case_pairs(self, directory: str, keys: Sequence[str] | None, cap: int) -> Iterator[Pair]:
        """Pairs of the cases that are open, answered yes or withdrawn; they need not share a block key any more."""
        given = {"directory": directory, "cap": cap}
        if keys is None:
            return map(_pair, self.stream(_CASE_PAIRS, given))
        return map(_pair, self.rows(_CASE_PAIRS_OF, {**given, "keys": unique(keys)}))

    def capped(self, directory: str, keys: Sequence[str] | None, cap: int) -> dict[str, int]:
        """Block keys with more than ``cap`` members, the largest first, all or those of the parties ``keys``."""
        given = {"directory": directory, "cap": cap}
        rows = self.rows(_CAPPED, given) if keys is None else self.rows(_CAPPED_OF, {**given, "keys": unique(keys)})
        return {row["block"]: row["size"] for row in rows}


def _pair(row: Mapping[Any, Any]) -> Pair:
    return Pair(row["left_key"], row["right_key"], tuple(row["blocks"]))
