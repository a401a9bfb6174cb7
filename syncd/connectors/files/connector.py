"""The files connector: an archive of records as files, in a folder or an object store. It deletes no record.

A resource is a sub-folder. A record has a JSON document with its fields and, once its field ``content`` holds a
reference, a file with the bytes that the reference leads to, under a name made from its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Self, TypeAlias

from syncd.connectors.files.archive import Archive, Reading
from syncd.connectors.files.fetch import CONTENT, Fetcher
from syncd.connectors.files.folder import Folder
from syncd.connectors.files.names import Pattern
from syncd.connectors.files.objects import Objects
from syncd.connectors.files.places import Place
from syncd.connectors.files.settings import FilesSettings
from syncd.core.canon import same
from syncd.core.model import Value
from syncd.errors import NotFound, Refused, Violation
from syncd.mapping.problems import did_you_mean
from syncd.mapping.records import Unfit, clean
from syncd.ports import Capabilities, Clock, ContentSource, FieldShape, Page, Query, Raw, Record, Shape

_COMPUTED: Final = {"file": "text", "size": "integer", "sha256": "text"}
_CONCURRENCY: Final = 4
_INTEGER_BITS: Final = 63


class FilesConnector:
    """``ports.Connector`` for one archive. Thread-safe."""

    Settings: TypeAlias = FilesSettings

    def __init__(self, name: str, place: Place, settings: FilesSettings) -> None:
        self._name, self._place, self._page_size = name, place, settings.page_size
        self._fetcher = Fetcher(int(settings.max_size))
        self._patterns = {folder: Pattern(text) for folder, text in settings.folders.items()}
        self._archives = {
            folder: Archive(place, folder, pattern, self._fetcher) for folder, pattern in self._patterns.items()
        }

    def __repr__(self) -> str:
        return f"FilesConnector({self._name!r})"

    @classmethod
    def from_settings(cls, name: str, settings: FilesSettings, clock: Clock) -> Self:  # noqa: ARG003 - it asks no time
        """A connector that has touched nothing yet. Raises Denied where an object store's package is missing."""
        place: Place
        if settings.is_url:
            hidden = [secret.get_secret_value() for secret in settings.secrets.values()]
            place = Objects(name, settings.root, settings.storage_options(), hidden)
        else:
            place = Folder(name, settings.root)
        return cls(name, place, settings)

    def read_content_from(self, source: Callable[[], ContentSource]) -> None:
        """Where the references in ``content`` lead."""
        self._fetcher.read_from(source)

    def capabilities(self, query: Query) -> Capabilities:
        """Creates and changes; only another syncd is noticed while it writes, not a person."""
        self._archive(query.resource)
        return Capabilities(
            create=True,
            update=True,
            delete=False,
            incremental=False,
            atomic_update=False,
            trusted_time=False,
            filters=False,
            concurrency=_CONCURRENCY,
        )

    def shape(self, query: Query) -> Shape:
        """The key, the content, what is computed, and what the name needs; open, as a record may have any field."""
        self._archive(query.resource)
        key = _key_field(query)
        fields = {name: FieldShape(name, "text", required=True) for name in self._patterns[query.resource].fields}
        fields[CONTENT] = FieldShape(CONTENT, "text")
        fields |= {name: FieldShape(name, kind, writable=False) for name, kind in _COMPUTED.items()}
        fields[key] = FieldShape(key, "text", nullable=False, required=True)
        return Shape(query.resource, fields, open=True)

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:  # noqa: ARG002 - there is no change cursor
        """All records, in an order that stays. Documents that cannot be read end the walk with ReadCut, at its end."""
        for readings in self._archive(query.resource).walk(self._page_size):
            yield Page(tuple(self._record(query, reading) for reading in readings))

    def read(self, query: Query, key: str) -> Record:
        """One record as it stands. Raises NotFound, and BadAnswer for a document that cannot be read."""
        return self._record(query, self._archive(query.resource).get(key))

    def create(self, query: Query, fields: Raw) -> Record:
        """A new record and its file. One that is there and says the same is returned; another one is Refused."""
        archive, values, name = self._archive(query.resource), self._values(query, fields), _key_field(query)
        key = _key(values.get(name))
        if key is None:
            raise Refused(f"a record of {query.resource} needs a key: map {name!r}", (Violation(name, "is empty"),))
        return self._record(query, archive.create(key, values))

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change ``fields``; the file is renamed or fetched again where they say so. Raises Stale, NotFound."""
        archive, values, name = self._archive(query.resource), self._values(query, fields), _key_field(query)
        if name in values and _key(values[name]) != key:
            raise Refused(f"{name!r} is the key of {query.resource} and stays", (Violation(name, "is the key"),))
        return self._record(query, archive.update(key, values)) if values else expected

    def delete(self, query: Query, key: str, expected: Record) -> None:  # noqa: ARG002 - nothing is deleted
        """Refused: an archive keeps what it was given."""
        raise Refused(f"{self._name}: an archive deletes no record ({query.resource} {key})")

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Records whose fields equal ``values``. A key among these is looked up; anything else is a walk."""
        for record in self._candidates(query, values):
            if all(same(record.raw.get(name), value) for name, value in values.items()):
                yield record

    def rows(self, resource: str) -> Iterator[Raw]:
        """All records with their keys under ``@key``."""
        for page in self.pages(Query(resource), None):
            for record in page.records:
                yield {**record.raw, "@key": record.key}

    def check(self) -> str:
        """Prove that the place is there."""
        return self._place.check()

    @property
    def requests(self) -> int:
        """Operations asked of the place so far."""
        return self._place.count.total

    def close(self) -> None:
        """Release the place."""
        self._place.close()

    def _archive(self, resource: str) -> Archive:
        if resource not in self._archives:
            hint = did_you_mean(resource, self._archives)
            raise Refused(f"{self._name} has no folder {resource!r}{f' ({hint})' if hint else ''}: see folders")
        return self._archives[resource]

    def _candidates(self, query: Query, values: Raw) -> Iterator[Record]:
        key = _key(values.get(_key_field(query)))
        if key is None:
            for page in self.pages(query, None):
                yield from page.records
            return
        try:
            yield self.read(query, key)
        except NotFound:
            return

    def _record(self, query: Query, reading: Reading) -> Record:
        file = reading.file
        raw: dict[str, Any] = dict.fromkeys((*query.fields, *self._patterns[query.resource].fields))
        raw |= reading.state.fields
        raw[CONTENT] = reading.state.fields.get(CONTENT) if file is not None else None
        raw |= {"file": file and file.name, "size": file and file.size, "sha256": file and file.sha256}
        return Record(reading.key, raw)

    def _values(self, query: Query, fields: Raw) -> dict[str, Value]:
        """Raw values as they are kept. Raises Refused with the field at fault."""
        values = {}
        for name, value in fields.items():
            try:
                values[name] = _value(name, value)
            except Unfit as error:
                raise Refused(f"{query.resource}.{name}: {error.message}", (Violation(name, error.message),)) from None
        return values


def _key_field(query: Query) -> str:
    return query.key or "id"


def _key(value: Any) -> str | None:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value) or None
    return None


def _value(name: str, value: Any) -> Value:
    """Raises Unfit."""
    if name in _COMPUTED:
        raise Unfit("is computed and cannot be written")
    cleaned = clean(value)
    if isinstance(cleaned, tuple):
        raise Unfit("a list has no place in a file's metadata")
    if isinstance(cleaned, int) and cleaned.bit_length() > _INTEGER_BITS:
        raise Unfit("a whole number of this size cannot be kept")
    if name == CONTENT and not isinstance(cleaned, str | None):
        raise Unfit("is a reference, so it must be text")
    return cleaned
