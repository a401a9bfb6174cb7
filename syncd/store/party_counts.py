"""What is counted of parties, and the block keys they are found by. Changed only together with the parties themselves.

Every function works in its caller's transaction, and the caller holds the directory's lease.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select, text

from syncd.counterparties.census import marks
from syncd.ports.parties import StoredParty
from syncd.store.party_tables import party, party_fact
from syncd.store.values import rowset, unique

_FACTS: Final = text(
    """
    INSERT INTO party_fact (directory, kind, value, stem, key)
    SELECT :directory, given.kind, given.value, given.stem, given.key
    FROM json_to_recordset(CAST(:rows AS json)) AS given(kind text, value text, stem text, key text)
    """
)
_MORE_TOKENS: Final = text(
    """
    INSERT INTO party_token (directory, token, parties)
    SELECT :directory, given.key, CAST(given.value AS bigint) FROM json_each_text(CAST(:counts AS json)) AS given
    ORDER BY given.key COLLATE "C"
    ON CONFLICT (directory, token) DO UPDATE SET parties = party_token.parties + excluded.parties
    """
)
_FEWER_TOKENS: Final = text(
    """
    UPDATE party_token AS one SET parties = one.parties - CAST(given.value AS bigint)
    FROM json_each_text(CAST(:counts AS json)) AS given WHERE one.directory = :directory AND one.token = given.key
    """
)
_NO_TOKENS: Final = text(
    "DELETE FROM party_token WHERE directory = :directory AND parties = 0 "
    "AND token IN (SELECT key FROM json_each_text(CAST(:counts AS json)))"
)
# A number or name that very many have says nothing of any of them, so nothing changes for those when one more has it.
_AROUND: Final = text(
    """
    UPDATE party SET due = 'around' WHERE directory = :directory AND due = 'no' AND gone_at IS NULL AND key IN (
        SELECT other.key FROM (
            SELECT DISTINCT kind, value FROM party_fact WHERE directory = :directory AND key = ANY(:keys)
        ) AS mark CROSS JOIN LATERAL (
            SELECT key FROM party_fact AS fact
            WHERE fact.directory = :directory AND fact.kind = mark.kind AND fact.value = mark.value LIMIT :most
        ) AS other
        UNION
        SELECT other.key FROM (
            SELECT DISTINCT name FROM party
            WHERE directory = :directory AND key = ANY(:keys) AND gone_at IS NULL AND name <> ''
        ) AS mine CROSS JOIN LATERAL (
            SELECT key FROM party AS namesake
            WHERE namesake.directory = :directory AND namesake.name = mine.name AND namesake.gone_at IS NULL LIMIT :most
        ) AS other)
    """
)
_MOST_AROUND: Final = 200
_SET_BLOCKS: Final = text(
    """
    UPDATE party SET blocks = given.blocks
    FROM json_to_recordset(CAST(:rows AS json)) AS given(key text, blocks text[])
    WHERE party.directory = :directory AND party.key = given.key
    """
)
_ADD_BLOCKS: Final = text(
    """
    INSERT INTO party_block (directory, block, key)
    SELECT :directory, given.block, given.key
    FROM json_to_recordset(CAST(:rows AS json)) AS given(block text, key text) ON CONFLICT DO NOTHING
    """
)
_REMOVE_BLOCKS: Final = text(
    """
    DELETE FROM party_block AS one USING json_to_recordset(CAST(:rows AS json)) AS given(block text, key text)
    WHERE one.directory = :directory AND one.block = given.block AND one.key = given.key
    """
)


def of(table: Any, directory: str, keys: Iterable[str]) -> tuple[Any, Any]:
    """The rows of these parties."""
    return (table.c.directory == directory, table.c.key == func.any(unique(keys)))


def replace_facts(connection: Connection, directory: str, parties: Iterable[StoredParty]) -> None:
    """Which names stand on which values, anew for these parties."""
    given = list(parties)
    forget_facts(connection, directory, [one.party.id for one in given])
    rows = [fact for one in given for fact in _facts(one)]
    if rows:
        connection.execute(_FACTS, {"directory": directory, "rows": rowset(rows)})


def forget_facts(connection: Connection, directory: str, keys: Iterable[str]) -> None:
    """These parties' names stand on nothing any more."""
    connection.execute(party_fact.delete().where(*of(party_fact, directory, keys)))


def stir_around(connection: Connection, directory: str, keys: Iterable[str]) -> None:
    """Whoever shares a number, a name or a contact with these has other counts now."""
    connection.execute(_AROUND, {"directory": directory, "keys": unique(keys), "most": _MOST_AROUND})


def tokens_of(connection: Connection, directory: str, keys: Iterable[str]) -> list[set[str]]:
    """The words of the main names of those that are stored and not gone."""
    chosen = select(party.c.prepared["names"][0][1]).where(*of(party, directory, keys), party.c.gone_at.is_(None))
    return [set(tokens) for tokens in connection.execute(chosen).scalars()]


def count_tokens(connection: Connection, directory: str, before: Sequence[set[str]], after: Sequence[set[str]]) -> None:
    """In how many main names each word stands, from these names before and after."""
    counts = Counter(token for tokens in after for token in tokens)
    counts.subtract(token for tokens in before for token in tokens)
    more = {token: count for token, count in counts.items() if count > 0}
    fewer = {token: -count for token, count in counts.items() if count < 0}
    if more:
        connection.execute(_MORE_TOKENS, {"directory": directory, "counts": json.dumps(more)})
    if fewer:
        given = {"directory": directory, "counts": json.dumps(fewer)}
        connection.execute(_FEWER_TOKENS, given)
        connection.execute(_NO_TOKENS, given)


def set_blocks(connection: Connection, directory: str, keys: Mapping[str, Sequence[str]]) -> None:
    """Set block keys; only what differs is written."""
    if not keys:
        return
    wanted = {key: unique(blocks) for key, blocks in keys.items()}
    chosen = select(party.c.key, party.c.blocks).where(*of(party, directory, keys))
    differing = {row.key: row.blocks for row in connection.execute(chosen) if row.blocks != wanted[row.key]}
    if not differing:
        return
    old = [(key, block) for key, blocks in differing.items() for block in blocks if block not in wanted[key]]
    new = [(key, block) for key, blocks in differing.items() for block in wanted[key] if block not in blocks]
    for statement, pairs in ((_REMOVE_BLOCKS, old), (_ADD_BLOCKS, new)):
        if pairs:
            rows = [{"key": key, "block": block} for key, block in pairs]
            connection.execute(statement, {"directory": directory, "rows": rowset(rows)})
    rows = [{"key": key, "blocks": wanted[key]} for key in differing]
    connection.execute(_SET_BLOCKS, {"directory": directory, "rows": rowset(rows)})


def _facts(one: StoredParty) -> list[dict[str, str]]:
    """What makes a name stand on a value: as ``census.count`` does, a party without a name has none."""
    name = one.prepared.name
    if not name.tokens:
        return []
    found = dict.fromkeys(marks(one.prepared))
    return [{"kind": kind, "value": value, "stem": name.stem, "key": one.party.id} for kind, value in found]
