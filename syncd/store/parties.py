"""Parties as last read and prepared, and which of them share a block key. A party is gone after two complete readings.

What is counted of parties (names on a number, words) changes in the transaction that changes the party, so a count
never belongs to other records than those that are stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, text
from sqlalchemy.dialects.postgresql import insert

from syncd.errors import Refused
from syncd.ports.memory import Lease
from syncd.ports.parties import Due, Keying, StoredParty
from syncd.store.cases import end_cases
from syncd.store.leases import require
from syncd.store.party_census import PostgresCensus
from syncd.store.party_counts import (
    count_tokens,
    forget_facts,
    of,
    replace_facts,
    set_blocks,
    stir_around,
    tokens_of,
)
from syncd.store.party_pairs import Pairs
from syncd.store.party_tables import directory as directory_table
from syncd.store.party_tables import party
from syncd.store.party_values import party_from_json, party_to_json, prepared_from_json, prepared_to_json
from syncd.store.values import rowset, unique

_UNCHANGED: Final = text(
    """
    SELECT given.key FROM json_each_text(CAST(:inputs AS json)) AS given
    JOIN party ON party.directory = :directory AND party.key = given.key COLLATE "C"
    WHERE party.inputs = given.value AND party.version = :version AND party.gone_at IS NULL
    """
)
_KEEP: Final = text(
    """
    INSERT INTO party (directory, key, inputs, version, party, prepared, name, form, tin, due)
    SELECT :directory, given.key, given.inputs, given.version, given.party, given.prepared, given.name, given.form,
        given.tin, 'changed'
    FROM json_to_recordset(CAST(:rows AS json)) AS given(key text, inputs text, version integer, party jsonb,
        prepared jsonb, name text, form text, tin text)
    ORDER BY given.key COLLATE "C"
    ON CONFLICT (directory, key) DO UPDATE SET
        inputs = excluded.inputs, version = excluded.version, party = excluded.party, prepared = excluded.prepared,
        name = excluded.name, form = excluded.form, tin = excluded.tin, due = 'changed', missed = false,
        gone_at = NULL, updated_at = now()
    """
)
_BACK: Final = text(
    """
    UPDATE party SET missed = false
    WHERE directory = :directory AND missed AND gone_at IS NULL AND key = ANY(CAST(:seen AS text[]))
    """
)
_NOT_SEEN: Final = """
    party.directory = :directory AND party.gone_at IS NULL
    AND NOT EXISTS (SELECT FROM unnest(CAST(:seen AS text[])) AS seen(key) WHERE seen.key COLLATE "C" = party.key)
"""
_MISSED_AGAIN: Final = text(f"SELECT key FROM party WHERE missed AND {_NOT_SEEN} ORDER BY key")  # noqa: S608 - constants
_MISSED: Final = text(f"UPDATE party SET missed = true WHERE NOT missed AND {_NOT_SEEN}")  # noqa: S608 - constants


class Parties(Pairs):
    """The parties of directories."""

    def begin_directory(self, directory: str, source: str, lease: Lease) -> None:
        """Say whose records a directory has. Raises Refused when they were others', LeaseLost."""
        of_it = directory_table.c.name == directory
        with self.transaction() as connection:
            require(connection, lease)
            known = connection.execute(select(directory_table.c.source).where(of_it)).scalar_one_or_none()
            if not known:
                new = insert(directory_table).values(name=directory, source=source)
                found = new.on_conflict_do_update(index_elements=[directory_table.c.name], set_={"source": source})
                connection.execute(found)
            elif known != source:
                raise Refused(
                    f"dedupe.{directory} was about {known} and is about {source} now: the answers that people gave are "
                    "about other records. Give the new directory another name"
                )

    def unchanged(self, directory: str, inputs: Mapping[str, str], version: int) -> set[str]:
        """Of these parties (key to hash of inputs) those stored with exactly this hash and version."""
        given = {"directory": directory, "inputs": json.dumps(inputs), "version": version}
        return {row["key"] for row in self.rows(_UNCHANGED, given)}

    def keep_parties(self, directory: str, parties: Sequence[StoredParty], lease: Lease) -> None:
        """Store parties that are new or changed, and what is counted of them. Raises LeaseLost."""
        latest = {one.party.id: one for one in parties}
        with self.transaction() as connection:
            require(connection, lease)
            based = _keying(connection, directory) is not None  # before the first time all are due anyway
            before = tokens_of(connection, directory, latest)
            _count(connection, directory, len(latest) - len(before))
            if based:
                stir_around(connection, directory, latest)
            connection.execute(_KEEP, {"directory": directory, "rows": rowset([_row(one) for one in latest.values()])})
            replace_facts(connection, directory, latest.values())
            count_tokens(connection, directory, before, [set(one.prepared.name.tokens) for one in latest.values()])
            if based:
                stir_around(connection, directory, latest)
            given = {key: one.keys for key, one in latest.items() if one.keys}
            set_blocks(connection, directory, given)

    def key_parties(self, directory: str, keys: Mapping[str, Sequence[str]], lease: Lease) -> None:
        """The block keys of stored parties; what is the same already is not written. Raises LeaseLost."""
        with self.transaction() as connection:
            require(connection, lease)
            set_blocks(connection, directory, keys)

    def keying(self, directory: str) -> Keying | None:
        """Of the last time that all block keys were made and all pairs decided; None before the first."""
        with self.transaction() as connection:
            return _keying(connection, directory)

    def keep_keying(self, directory: str, keying: Keying, lease: Lease) -> None:
        """All keys were made and all pairs decided. Raises LeaseLost."""
        changed = {"records": keying.records, "version": keying.version, "keyed_at": func.now()}
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(directory_table.update().where(directory_table.c.name == directory).values(changed))

    def forget_parties(self, directory: str, seen: Iterable[str], lease: Lease) -> list[str]:
        """After a complete reading: which parties are gone by now, their cases closed. Raises LeaseLost.

        Gone is what two complete readings in a row did not see: lists are pages, and pages shift.
        """
        given = {"directory": directory, "seen": unique(seen)}
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(_BACK, given)
            gone = list(connection.execute(_MISSED_AGAIN, given).scalars())
            connection.execute(_MISSED, given)
            let_go(connection, directory, gone)
        return gone

    def parties(self, directory: str, keys: Sequence[str]) -> dict[str, StoredParty]:
        """Stored parties by key, without those that are gone."""
        return {key: one for key, one in self.last_known(directory, keys).items() if not one.gone}

    def last_known(self, directory: str, keys: Sequence[str]) -> dict[str, StoredParty]:
        """Parties as they were last read, also those that are gone."""
        if not keys:
            return {}
        return {row["key"]: _stored(row) for row in self.rows(select(party).where(*of(party, directory, keys)))}

    def party_count(self, directory: str) -> int:
        """How many parties there are."""
        found = self.rows(select(directory_table.c.parties).where(directory_table.c.name == directory))
        return found[0]["parties"] if found else 0

    def party_keys(self, directory: str) -> Iterator[str]:
        """The keys of all parties, in order."""
        chosen = select(party.c.key).where(party.c.directory == directory, party.c.gone_at.is_(None))
        return (row["key"] for row in self.stream(chosen.order_by(party.c.key)))

    def due_parties(self, directory: str) -> Due:
        """The parties whose pairs have to be decided: changed since, or around others that changed."""
        chosen = select(party.c.key, party.c.due).where(party.c.directory == directory, party.c.due != "no")
        rows = self.rows(chosen.order_by(party.c.key))
        return Due(
            tuple(row["key"] for row in rows if row["due"] == "changed"),
            tuple(row["key"] for row in rows if row["due"] == "around"),
        )

    def settle_parties(self, directory: str, keys: Sequence[str] | None, lease: Lease) -> None:
        """All pairs of these parties, or of all, were decided and kept. Raises LeaseLost."""
        chosen = party.update().where(party.c.directory == directory, party.c.due != "no")
        if keys is not None:
            chosen = chosen.where(party.c.key == func.any(unique(keys)))
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(chosen.values(due="no"))

    def census(self, directory: str) -> PostgresCensus:
        """The counts that decisions need, asked of the database."""
        return PostgresCensus(self, directory)


def let_go(connection: Connection, directory: str, keys: Sequence[str], survivor: str | None = None) -> None:
    """Parties that are no more, proven by whoever calls; ``survivor`` is the one they were merged into.

    They count for nothing any more and their cases close. How they were last read stays, for whoever has to find out
    what became of them.
    """
    if not keys:
        return
    stir_around(connection, directory, keys)
    living = tokens_of(connection, directory, keys)
    _count(connection, directory, -len(living))
    count_tokens(connection, directory, living, [])
    set_blocks(connection, directory, dict.fromkeys(keys, ()))
    forget_facts(connection, directory, keys)
    ended = party.update().where(*of(party, directory, keys), party.c.gone_at.is_(None))
    connection.execute(ended.values(gone_at=func.now(), due="no"))
    for key in keys:
        end_cases(connection, directory, key, survivor)


def _count(connection: Connection, directory: str, more: int) -> None:
    """So many parties more, or fewer."""
    if more:
        new = insert(directory_table).values(name=directory, parties=more)
        known = {"parties": directory_table.c.parties + more}
        connection.execute(new.on_conflict_do_update(index_elements=[directory_table.c.name], set_=known))


def _keying(connection: Connection, directory: str) -> Keying | None:
    of_it = (directory_table.c.name == directory, directory_table.c.version.is_not(None))
    chosen = select(directory_table).where(*of_it)
    row = connection.execute(chosen).mappings().one_or_none()
    return None if row is None else Keying(row["records"], row["version"])


def _row(one: StoredParty) -> dict[str, Any]:
    prepared = one.prepared
    return {
        "key": one.party.id,
        "inputs": prepared.inputs,
        "version": prepared.version,
        "party": party_to_json(one.party),
        "prepared": prepared_to_json(prepared),
        "name": prepared.name.sorted,
        "form": prepared.name.form,
        "tin": prepared.tin.valid,
    }


def _stored(row: RowMapping) -> StoredParty:
    prepared = prepared_from_json(row["key"], row["inputs"], row["version"], row["prepared"])
    gone = row["gone_at"] is not None
    return StoredParty(party_from_json(row["key"], row["party"]), prepared, tuple(row["blocks"]), gone)
