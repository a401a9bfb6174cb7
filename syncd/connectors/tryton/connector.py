"""The Tryton connector: parties as flat records, read in stable order, written to the child they came from.

Never derives a cursor from our own clock, and never repeats a write. Tryton answers a write with null, so the state
returned is read back right after it: somebody else's change in between is in it as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any, Final, Self, TypeAlias

from syncd.connectors.tryton import commands
from syncd.connectors.tryton.domains import ANY_STATE, equal
from syncd.connectors.tryton.party import FIELDS, NAMES, READ_FIELDS, RESOURCE, SHAPE, SUCCESSOR, record, require_known
from syncd.connectors.tryton.rpc import Rpc
from syncd.connectors.tryton.settings import TrytonSettings
from syncd.connectors.tryton.walk import Walk
from syncd.connectors.tryton.wire import Missing
from syncd.core.canon import same
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused, Stale, SyncdError, UnknownOutcome, Violation
from syncd.mapping.problems import did_you_mean
from syncd.ports import Capabilities, Clock, Page, Query, Raw, Record, Shape

_LOOKUPS: Final = {
    "countries": ("country.country", ("code", "code3", "name")),
    "languages": ("ir.lang", ("code", "name")),
}
_MOST: Final = 1 << 31  # ids are 32 bits


class TrytonConnector:
    """``ports.Connector`` for one Tryton database."""

    Settings: TypeAlias = TrytonSettings

    def __init__(self, name: str, settings: TrytonSettings, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._rpc = Rpc(name, settings, clock)
        self._ids: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    @classmethod
    def from_settings(cls, name: str, settings: TrytonSettings, clock: Clock) -> Self:
        """A connector for the system called ``name`` in the configuration. Sends nothing yet."""
        return cls(name, settings, clock)

    def capabilities(self, query: Query) -> Capabilities:
        """Everything but deleting: a party is made inactive instead, by its field ``active``."""
        self._party(query)
        return Capabilities(
            create=True,
            update=True,
            delete=False,
            incremental=True,
            atomic_update=True,
            trusted_time=True,
            filters=True,
            concurrency=self._settings.concurrency,
            successor=SUCCESSOR,
        )

    def shape(self, query: Query) -> Shape:
        """The flat fields of a party, the same for every version."""
        self._party(query)
        return SHAPE

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """Walk all parties by id, or those that changed, themselves or a child of theirs, by id; see ``walk``."""
        self._party(query)
        require_known(query.where)
        yield from self._walk(equal(query.where)).run(cursor)

    def read(self, query: Query, key: str) -> Record:
        """One party, active or not. Raises NotFound only when the server says that there is none."""
        self._party(query)
        party = _id(key)
        rows = self._rows([["id", "=", party], ANY_STATE])
        if rows:
            return record(rows[0])
        try:
            self._rpc.read("model.party.party.read", [party], ["id"])
        except Missing:
            raise NotFound(f"there is no party {key}") from None
        except Refused as error:
            raise Denied(f"{self._name}: party {key} is hidden from this user: {error}") from None
        raise BadAnswer(f"{self._name}: party {key} can be read but not found")

    def create(self, query: Query, fields: Raw) -> Record:
        """Create a party and read it back. Raises UnknownOutcome when it was created but cannot be finished or read.

        Tryton 8.2 takes no name for a party that is inactive from the start; such a one is created and then put away.
        """
        self._party(query)
        commands.check(fields)
        values = commands.to_create(fields, self._country, self._language)
        asleep = values.pop("active", True) is False
        made = self._rpc.write("model.party.party.create", [values])
        if not isinstance(made, list) or len(made) != 1 or not isinstance(made[0], int):
            raise UnknownOutcome(f"{self._name}: a party was created, but the answer does not tell its id")
        if asleep:
            self._finish(made[0], {"active": False})
        return self._written(query, str(made[0]))

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change ``fields`` where the party and the children they live in are as ``expected`` was read; else Stale.

        A party is made active before anything else of it is changed: Tryton 8.2 refuses to do both at once.
        """
        self._party(query)
        commands.check(fields)
        if "." not in str(expected.raw.get("_timestamp")):
            # There is no lock, or one of whole seconds (7.0 on SQLite), which a fast hand slips through: look first.
            expected = self._confirmed(query, key, expected)
        party = _id(key)
        locks = commands.locks(party, expected.raw, fields)
        for part in commands.steps(fields, expected.raw):
            values = commands.to_write(part, expected.raw["_children"], self._country, self._language)
            if values:
                self._write(query, party, values, locks)
                locks.pop(f"party.party,{party}", None)
        return self._written(query, key)

    def delete(self, query: Query, key: str, expected: Record) -> None:  # noqa: ARG002 - nothing is deleted
        """Refused: a party has a history. It is made inactive by its field ``active``."""
        self._party(query)
        raise Refused(f"{self._name}: party {key} is not deleted, only made inactive: set active to false")

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Parties, active or not, whose flat fields equal ``values``."""
        self._party(query)
        require_known(values)
        for page in self._walk(equal(values)).all():
            for found in page.records:
                if all(same(found.raw[name], value) for name, value in values.items()):
                    yield found

    def rows(self, resource: str) -> Iterator[Raw]:
        """All ``countries`` or ``languages`` with their ids under ``@key``."""
        if resource in NAMES:
            for page in self._walk([]).all():
                yield from ({**found.raw, "@key": found.key} for found in page.records)
            return
        if resource not in _LOOKUPS:
            raise self._unknown(resource, [RESOURCE, *_LOOKUPS])
        model, names = _LOOKUPS[resource]
        for row in self._walk([]).table(model, names):
            yield {**{name: row[name] for name in names}, "@key": str(row["id"])}

    def check(self) -> str:
        """Log in and count the parties that this user can see."""
        count = self._rpc.read("model.party.party.search_count", [ANY_STATE])
        return f"Tryton {self._rpc.version}, {count} parties"

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._rpc.requests

    def close(self) -> None:
        """Release connections; the session ends by itself."""
        self._rpc.close()

    def _walk(self, conditions: list[Any]) -> Walk:
        return Walk(self._rpc, conditions, self._settings.page_size, self._settings.overlap)

    def _rows(self, domain: list[Any]) -> list[Any]:
        order = [["id", "ASC"]]
        return _list(self._rpc.read("model.party.party.search_read", domain, 0, 1, order, list(READ_FIELDS)))

    def _write(self, query: Query, party: int, values: dict[str, Any], locks: dict[str, str]) -> None:
        try:
            self._rpc.write("model.party.party.write", [party], values, context={"_timestamp": locks})
        except Missing:
            self.read(query, str(party))  # NotFound when the party itself is gone
            raise Stale(f"party {party} has lost a part that was to be changed") from None

    def _finish(self, party: int, values: dict[str, Any]) -> None:
        """The second write of a create: the party exists, whatever comes of it."""
        try:
            self._rpc.write("model.party.party.write", [party], values)
        except SyncdError as error:
            raise UnknownOutcome(f"{self._name}: party {party} was created, but not finished: {error}") from error

    def _written(self, query: Query, key: str) -> Record:
        """The state after a write that was confirmed. Without it nobody knows what Tryton made of the values."""
        try:
            return self.read(query, key)
        except (Later, BadAnswer) as error:
            raise UnknownOutcome(f"{self._name}: party {key} was written, but cannot be read back: {error}") from error

    def _confirmed(self, query: Query, key: str, expected: Record) -> Record:
        """The party with its locks, if it still reads as ``expected`` does."""
        now = self.read(query, key)
        moved = sorted(name for name in FIELDS if name in expected.raw and not same(now.raw[name], expected.raw[name]))
        if moved:
            raise Stale(f"party {key} has changed since it was read: {', '.join(moved)}")
        return now

    def _country(self, code: str) -> int:
        hint = "Tryton's countries are loaded with trytond_import_countries"
        return self._id_of("country.country", "country_code", code, hint)

    def _language(self, code: str) -> int:
        return self._id_of("ir.lang", "lang", code, "write it as Tryton does: en, pl, zh_CN")

    def _id_of(self, model: str, name: str, code: str, hint: str) -> int:
        """The id of a code, asked once. Raises Refused."""
        with self._lock:
            known = self._ids.get((model, code))
        if known is not None:
            return known
        domain = [["code", "=", code], ANY_STATE]
        rows = _list(self._rpc.read(f"model.{model}.search_read", domain, 0, 1, [["id", "ASC"]], ["code"]))
        if not rows:
            why = f"there is no {code!r} in {model} ({hint})"
            raise Refused(f"{self._name}: {why}", (Violation(name, why),))
        with self._lock:
            self._ids[model, code] = int(rows[0]["id"])
        return int(rows[0]["id"])

    def _party(self, query: Query) -> None:
        if query.resource not in NAMES:
            raise self._unknown(query.resource, [RESOURCE])
        require_known(name for name in (*query.fields, query.key or "id", query.cursor_field or "write_date"))
        if query.key not in {None, "id"}:
            raise Refused(f"{self._name}: a party is known by its id, not by {query.key!r}")

    def _unknown(self, resource: str, known: list[str]) -> Refused:
        hint = did_you_mean(resource, known) or f"there is {', '.join(known)}"
        return Refused(f"{self._name} has no resource {resource!r} ({hint})")


def _id(key: str) -> int:
    if not key.isascii() or not key.isdigit() or str(int(key)) != key or int(key) >= _MOST:
        raise NotFound(f"there can be no party {key!r}: a party's key is its id")
    return int(key)


def _list(rows: Any) -> list[Any]:
    if not isinstance(rows, list):
        raise BadAnswer("Tryton did not answer with a list")
    return rows
