"""One resource of an archive: records under their keys, their files under names. Every write survives being cut.

A write that touches a file first notes what is coming, then makes the new file appear in one step, then removes the
old one, and then notes what stands. Whoever writes to the record next finishes what was placed and takes back what
was not. A file that is not what we wrote is somebody's: it is never replaced, moved or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from syncd.connectors.files.documents import LIMIT, Content, Entry, State, digest_of, dump, is_key, parse
from syncd.connectors.files.fetch import CONTENT, Fetcher
from syncd.connectors.files.names import Pattern, folded, marked
from syncd.connectors.files.places import Place, Spool, Taken
from syncd.core.canon import same
from syncd.core.model import Value
from syncd.errors import BadAnswer, NotFound, ReadCut, Refused, Stale, SyncdError, UnknownOutcome


@dataclass(frozen=True, slots=True)
class Reading:
    """A record as it stands; ``file`` is None where it has none or somebody took it away."""

    key: str
    state: State
    file: Content | None


class Archive:
    """One folder of records. Thread-safe."""

    def __init__(self, place: Place, folder: str, pattern: Pattern, fetcher: Fetcher) -> None:
        self._place, self._folder, self._pattern, self._fetcher = place, folder, pattern, fetcher

    def walk(self, size: int) -> Iterator[list[Reading]]:
        """All records, ``size`` at a time. Documents that cannot be read end it with ReadCut, after the rest."""
        broken: list[str] = []
        for paths in self._documents(size):
            page = []
            for path, data in zip(paths, self._place.load(paths, LIMIT), strict=True):
                try:
                    found = self._read_document(path, data)
                except BadAnswer as error:
                    broken.append(str(error))
                else:
                    page.extend(found)
            yield page
        if broken:
            raise ReadCut(f"{len(broken)} documents cannot be read; put them right or away. The first: {broken[0]}")

    def get(self, key: str) -> Reading:
        """One record as it stands. Raises NotFound."""
        state = self._look(key)
        if state is None:
            raise NotFound(f"{self._folder} has no record {key[:100]!r}")
        return self._reading(key, state)

    def create(self, key: str, fields: Mapping[str, Value]) -> Reading:
        """A new record with its file; one that is there and says the same is as good. Raises Refused for another."""
        if not is_key(key):
            raise Refused(f"{key[:100]!r} cannot be the key of a record: a key has 1 to 1000 bytes of text, no NUL")
        seen = self._look(key)
        if seen is not None and not _same_fields(seen.fields, fields):
            raise Refused(f"{self._folder} has a record {key[:100]!r} already, and it says something else")
        return self._write(key, seen, fields)

    def update(self, key: str, changes: Mapping[str, Value]) -> Reading:
        """The record with changed fields, its file fetched again or renamed where they say so. Raises NotFound."""
        seen = self.get(key).state
        return self._write(key, seen, {**seen.fields, **changes})

    # ------------------------------------------------------------------ writing

    def _write(self, key: str, seen: State | None, fields: Mapping[str, Value]) -> Reading:
        """Content is fetched before anybody is excluded; a record that moved meanwhile is Stale."""
        with self._content(seen, fields) as spool, self._place.lock(self._folder):
            state = self._settled(key)
            if state != seen:
                raise Stale(f"{self._folder}: record {key[:100]!r} was written by somebody else meanwhile")
            written = self._apply(key, state, fields, spool)
            with self._from_here_on(key):
                return self._reading(key, written)

    @contextmanager
    def _content(self, seen: State | None, fields: Mapping[str, Value]) -> Iterator[Spool | None]:
        """The content, if it has to be fetched for these fields."""
        reference = fields.get(CONTENT)
        if not isinstance(reference, str) or not self._needs(_file_of(seen), reference, fields):
            yield None
            return
        with self._place.spool(self._folder) as spool:
            self._fetcher.fill(reference, spool)
            yield spool

    def _needs(self, file: Content | None, reference: str, fields: Mapping[str, Value]) -> bool:
        if file is None or file.source != reference or not self._place.present(self._at(file)):
            return True
        return file.wanted != self._pattern.name(fields) and not self._ours(file)

    def _apply(self, key: str, state: State | None, fields: Mapping[str, Value], spool: Spool | None) -> State:
        wanted, file = self._pattern.name(fields), _file_of(state)
        if spool is not None:
            return self._place_content(key, state, fields, wanted, spool)
        if state is not None and file is not None and file.wanted != wanted and self._ours(file):
            moved = replace(file, name=self._free_name(key, wanted), wanted=wanted)
            entry = Entry(key, state, State(fields, moved))
            return self._carry_out(entry, moved, lambda: self._place.twin(self._at(file), self._at(moved)))
        return self._stand(key, state, State(fields, file))

    def _place_content(
        self, key: str, state: State | None, fields: Mapping[str, Value], wanted: str, spool: Spool
    ) -> State:
        file = _file_of(state)
        stays = file is not None and file.wanted == wanted and self._ours(file)
        name = file.name if file is not None and stays else self._free_name(key, wanted)
        made = Content(name, wanted, str(fields[CONTENT]), spool.size, spool.sha256)
        if stays and file is not None and (file.size, file.sha256) == (made.size, made.sha256):
            return self._stand(key, state, State(fields, made))
        entry = Entry(key, state, State(fields, made))
        return self._carry_out(entry, made, lambda: self._place.put(spool, self._at(made), replace=stays))

    def _stand(self, key: str, before: State | None, after: State) -> State:
        """A change that touches no file is one step."""
        if after != before:
            self._save(Entry(key, after))
        return after

    def _carry_out(self, entry: Entry, coming: Content, act: Callable[[], None]) -> State:
        """Note what is coming and whose its name is, act, finish."""
        self._save(entry)
        if self._holder(coming.name) != entry.key:
            self._place.save(self._claims(coming.name), entry.key.encode())
        with self._from_here_on(entry.key):
            try:
                act()
            except Taken:
                raise Stale(f"{self._folder}: the name {coming.name} was taken by somebody else just now") from None
            return self._finish(entry)

    @contextmanager
    def _from_here_on(self, key: str) -> Iterator[None]:
        """From the act on, only a look tells what became of it."""
        try:
            yield
        except (Stale, UnknownOutcome):
            raise
        except SyncdError as error:
            raise UnknownOutcome(f"{self._folder}: record {key[:100]!r} may be written: {error}") from None

    def _settled(self, key: str) -> State | None:
        """The record as it stands, after finishing or taking back what a writer left behind."""
        entry = self._load(key)
        if entry is None or entry.coming is None:
            return None if entry is None else entry.state
        if self._is_placed(entry.coming):
            return self._finish(entry)
        self._release(entry.coming.file, _file_of(entry.state), key)
        if entry.state is None:
            self._place.remove(self._document(key))
        else:
            self._save(Entry(key, entry.state))
        return entry.state

    def _finish(self, entry: Entry) -> State:
        """The new file is in its place: the old one goes, if it is still what we wrote."""
        coming, old = entry.coming, _file_of(entry.state)
        if coming is None or coming.file is None:
            raise BadAnswer(f"{self._document(entry.key)} says that nothing is coming")
        if old is not None and old.name != coming.file.name:
            if self._ours(old):
                self._place.remove(self._at(old))
            self._release(old, coming.file, entry.key)
        self._save(Entry(entry.key, coming))
        return coming

    # ------------------------------------------------------------------ names

    def _free_name(self, key: str, wanted: str) -> str:
        """The wanted name, or with a mark of the key where that is taken, also by a name that differs in case only."""
        mark = digest_of(key)
        for name in (wanted, marked(wanted, mark[:8]), marked(wanted, mark)):
            if self._may_have(name, key) and not self._place.taken(f"{self._folder}/{name}"):
                return name
        raise Refused(f"{self._folder}: every name for the file of record {key[:100]!r} is taken: {wanted}")

    def _may_have(self, name: str, key: str) -> bool:
        """A note of another holder counts only as long as its record says the same: a stale one does no harm."""
        holder = self._holder(name)
        return holder is None or holder == key or not self._uses(holder, name)

    def _release(self, file: Content | None, kept: Content | None, key: str) -> None:
        """Forget whose the name of ``file`` is, unless ``kept`` needs the same note."""
        if file is None or (kept is not None and folded(kept.name) == folded(file.name)):
            return
        if self._holder(file.name) == key:
            self._place.remove(self._claims(file.name))

    def _holder(self, name: str) -> str | None:
        (data,) = self._place.load([self._claims(name)], LIMIT)
        return None if data is None else data.decode("utf-8", "replace")

    def _uses(self, key: str, name: str) -> bool:
        entry = self._load(key) if is_key(key) else None
        states = (entry.state, entry.coming) if entry is not None else ()
        return any(state and state.file and folded(state.file.name) == folded(name) for state in states)

    # ------------------------------------------------------------------ reading

    def _documents(self, size: int) -> Iterator[list[str]]:
        """Paths of documents, at most ``size`` at a time; memory holds one 256th of them."""
        index, batch = f"{self._folder}/.syncd/index", list[str]()
        for shard in self._place.names(index):
            for name in self._place.names(f"{index}/{shard}"):
                batch.append(f"{index}/{shard}/{name}")
                if len(batch) == size:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _read_document(self, path: str, data: bytes | None) -> list[Reading]:
        """The record of a document; none where it is gone or never came to be."""
        if data is None:
            return []
        entry = parse(data, path)
        if not is_key(entry.key) or self._document(entry.key) != path:
            raise BadAnswer(f"{path} is the document of another key: was it copied by hand?")
        state = self._standing(entry)
        return [] if state is None else [self._reading(entry.key, state)]

    def _reading(self, key: str, state: State) -> Reading:
        if state.file is None or self._place.present(self._at(state.file)):
            return Reading(key, state, state.file)
        again = self._look(key) or state  # a writer may have moved it between our two looks
        file = again.file
        return Reading(key, again, file if file is not None and self._place.present(self._at(file)) else None)

    def _look(self, key: str) -> State | None:
        entry = self._load(key) if is_key(key) else None
        return None if entry is None else self._standing(entry)

    def _standing(self, entry: Entry) -> State | None:
        """What counts now: what is coming, once its file is in its place."""
        if entry.coming is not None and self._is_placed(entry.coming):
            return entry.coming
        return entry.state

    def _is_placed(self, coming: State) -> bool:
        return coming.file is not None and self._ours(coming.file)

    def _ours(self, file: Content) -> bool:
        return self._place.holds(self._at(file), file.size, file.sha256)

    def _load(self, key: str) -> Entry | None:
        path = self._document(key)
        (data,) = self._place.load([path], LIMIT)
        if data is None:
            return None
        entry = parse(data, path)
        if entry.key != key:
            raise BadAnswer(f"{path} is the document of another key: was it copied by hand?")
        return entry

    def _save(self, entry: Entry) -> None:
        self._place.save(self._document(entry.key), dump(entry))

    def _document(self, key: str) -> str:
        code = digest_of(key)
        return f"{self._folder}/.syncd/index/{code[:2]}/{code}.json"

    def _claims(self, name: str) -> str:
        code = digest_of(folded(name))
        return f"{self._folder}/.syncd/names/{code[:2]}/{code}"

    def _at(self, file: Content) -> str:
        return f"{self._folder}/{file.name}"


def _file_of(state: State | None) -> Content | None:
    return None if state is None else state.file


def _same_fields(left: Mapping[str, Value], right: Mapping[str, Value]) -> bool:
    return all(same(left.get(name), right.get(name)) for name in {*left, *right})
