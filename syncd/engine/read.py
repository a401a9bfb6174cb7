"""Steps 3 to 5 of a change's life: walk a side, map what differs, note it as dirty and move the cursor. Never writes.

A walk that ends early, or answers suspiciously little, still teaches us what it saw; it proves nothing about the rest.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from syncd.core.model import Absent, Side, Value
from syncd.engine.checking import checked, identifying
from syncd.engine.context import Context
from syncd.engine.pointers import without_merged
from syncd.engine.references import looked_up_for
from syncd.engine.telling import settle
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, SyncdError
from syncd.mapping.compiled import Lookups, Projection, RecordProblem
from syncd.mapping.links import waits_for_link
from syncd.ports import (
    Certificate,
    ConflictRow,
    MappingState,
    NewConflict,
    Observation,
    Page,
    Pass,
    Record,
    Settlement,
    SideState,
    Status,
)

DUPLICATE_KEY = "duplicate_key"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one walk amounted to. ``trusted``: strangers of this side may be matched and created from."""

    side: Side
    full: bool
    trusted: bool
    error: SyncdError | None = None
    certificate: Certificate | None = None


class _Notes:
    """Records gathered until a store round trip is worth it; the round trip runs beside the walk, one at a time."""

    def __init__(self, ctx: Context, side: Side, passing: Pass, pool: ThreadPoolExecutor) -> None:
        self._ctx, self._side, self._passing, self._pool = ctx, side, passing, pool
        self._digest = ctx.mapping.projection(side).digest
        self._records: dict[str, Record] = {}
        self._digests: dict[str, bytes] = {}
        self._running: Future[None] | None = None

    def take(self, records: Iterable[Record], cursor: str | None) -> None:
        """Add a page's records; ``cursor`` may be stored together with them."""
        for record in records:
            if record.key in self._records:
                self.flush(None)
            self._records[record.key] = record
            self._digests[record.key] = self._digest(record.raw)
        if len(self._records) >= self._ctx.limits.batch:
            self.flush(cursor)

    def flush(self, cursor: str | None) -> None:
        """Hand over what was gathered. Raises what the round trip before this one raised."""
        self.settle()
        if self._records or cursor is not None:
            self._running = self._pool.submit(
                _note, self._ctx, self._side, self._passing, self._records, self._digests, cursor
            )
            self._records, self._digests = {}, {}

    def settle(self) -> None:
        """Wait for the round trip that is running."""
        running, self._running = self._running, None
        if running is not None:
            running.result()


def read_both(ctx: Context, state: MappingState, *, full: bool = False) -> dict[Side, Reading]:
    """Read both sides at once. Peer trouble is in the readings; only store trouble raises.

    ``full`` is for when a reference arrived: records that waited for it could not be mapped and have to be read again.
    """
    fulls = {side: full or must_be_full(ctx, side, state) for side in Side}
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="read") as pool:
        futures = {side: pool.submit(read_side, ctx, side, full=fulls[side], state=state) for side in Side}
        return {side: future.result() for side, future in futures.items()}


def must_be_full(ctx: Context, side: Side, state: MappingState) -> bool:
    """A walk of everything: asked for, or no cursor to trust, or the last one is too old, or the mapping changed.

    Or a new link changes how records read that did not change: one side would look edited, the other as it was.
    """
    if ctx.options.full or not ctx.capabilities[side].incremental or ctx.mapping.projection(side).soft:
        return True
    last = state.last_full.get(side)
    if last is None or state.approved_fingerprint != ctx.mapping.fingerprint:
        return True
    if ctx.store.cursor(ctx.name, side) is None or _has_duplicates(ctx, side):
        return True
    return ctx.now() - last >= ctx.mapping.spec.schedule.full


def _has_duplicates(ctx: Context, side: Side) -> bool:
    """Only a full walk can see that a key is single again; until then its records stay unused."""
    rows = ctx.store.conflicts(ctx.name, open_only=True)
    return any(row.kind == DUPLICATE_KEY and _key(row, side) is not None for row in rows)


def _key(row: ConflictRow, side: Side) -> str | None:
    return row.external_key if side is Side.EXTERNAL else row.flowtly_key


def read_side(ctx: Context, side: Side, *, full: bool, state: MappingState) -> Reading:
    """Walk one side to its end or to its trouble."""
    cursor = None if full else ctx.store.cursor(ctx.name, side)
    passing = ctx.store.begin_pass(ctx.name, side, ctx.run_id, full=full, fingerprint=ctx.mapping.fingerprint)
    with closing(passing):
        total, error = _walk(ctx, side, passing, cursor, full=full)
        certificate = passing.finish(
            total=total,
            complete=error is None,
            reason="" if error is None else f"{type(error).__name__}: {error}",
            shrink_limit=ctx.limits.shrink,
            derived=ctx.capabilities[side].derived,
        )
        duplicates = frozenset(passing.duplicates)
    _park_duplicates(ctx, side, duplicates)
    trusted = certificate.complete if certificate is not None else (error is None and side in state.last_full)
    if isinstance(error, Denied | Later | Refused):
        ctx.blocked.add(side)
    _report(ctx, side, certificate, error, full=full)
    return Reading(side, full, trusted, error, certificate)


def _walk(
    ctx: Context, side: Side, passing: Pass, cursor: str | None, *, full: bool
) -> tuple[int | None, SyncdError | None]:
    """The claimed total and the trouble, if any. In a full walk the cursor moves only once the end was seen."""
    total, last, error = None, None, None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"note-{side}") as pool:
        notes = _Notes(ctx, side, passing, pool)
        try:
            with closing(_pages(ctx, side, cursor)) as pages:
                for page in pages:
                    total = page.total if page.total is not None else total
                    last = page.cursor or last
                    notes.take(_wanted(ctx, side, page), None if full else last)
                    if ctx.stop.is_set():
                        raise ReadCut("stopped on request")
        except (Denied, Later, BadAnswer, ReadCut, Refused, NotFound) as trouble:
            error = trouble
        try:
            notes.flush(last if error is None else None)
            notes.settle()
        except BadAnswer as trouble:  # a record that the store cannot keep
            error = error or trouble
    partly = bool(ctx.queries[side].where) or (side is Side.EXTERNAL and bool(ctx.successors))
    return (None if partly else total), error


def _pages(ctx: Context, side: Side, cursor: str | None) -> Generator[Page, None, None]:
    """The connector's pages as a generator that can be closed."""
    yield from ctx.peers[side].pages(ctx.queries[side], cursor)


def _wanted(ctx: Context, side: Side, page: Page) -> Iterable[Record]:
    """Records inside the mapping's scope: the peer may have ignored our filter."""
    ctx.tally.add("read", side, len(page.records))
    ctx.progress(f"reading {side}", ctx.tally.get("read", side), page.total)
    projection = ctx.mapping.projection(side)
    records = without_merged(ctx, page.records) if side is Side.EXTERNAL else page.records
    if not ctx.queries[side].where:
        return records
    return [record for record in records if projection.in_scope(record.raw)]


def _note(
    ctx: Context,
    side: Side,
    passing: Pass,
    records: Mapping[str, Record],
    digests: Mapping[str, bytes],
    cursor: str | None,
) -> None:
    """One set-based comparison; what differs is noted as dirty and the cursor moves, in one transaction."""
    projection = ctx.mapping.projection(side)
    if projection.soft:
        links = looked_up_for(ctx, side, records.values())
        digests = {key: projection.digest(record.raw, links) for key, record in records.items()}
    differing = passing.differing(digests) if digests else set()
    if side is Side.EXTERNAL:  # what the ERP left of a record that it merged away is nobody's edit
        differing -= ctx.successors.keys()
    ctx.tally.add("unchanged", side, len(digests) - len(differing))
    news = [records[key] for key in digests if key in differing]
    lookups = looked_up_for(ctx, side, news)
    observations = [observe(ctx, side, record, digests[record.key], lookups) for record in news]
    if observations or cursor is not None:
        passing.store(observations, cursor)


def observe(
    ctx: Context, side: Side, record: Record, digest: bytes | None = None, lookups: Lookups | None = None
) -> Observation:
    """A record as a pending observation; one that cannot be mapped is parked with the reason.

    ``lookups``: the run's tables with this record's references looked up already, where that was done.
    """
    projection = ctx.mapping.projection(side)
    lookups = ctx.lookups if lookups is None else lookups
    digest = projection.digest(record.raw, lookups) if digest is None else digest
    changed_at = record.changed_at if ctx.capabilities[side].trusted_time else None
    try:
        document = projection.document(record.raw, lookups)
        bad = checked(ctx, side, record.key, document) if ctx.mapping.checks else ()
    except RecordProblem as problem:
        waits = waits_for_link(problem.waiting_for)
        ctx.tally.add("waiting" if waits else "parked", side)
        event = "record.waiting" if waits else "record.parked"
        ctx.events(event, side=side, key=record.key, field=problem.field, problem=problem.message)
        return Observation(
            record.key,
            digest,
            None,
            status=Status.WAITING if problem.waiting_for else Status.PARKED,
            changed_at=changed_at,
            problem=f"{problem.field}: {problem.message}",
            waiting_for=problem.waiting_for,
            match_keys=_known_keys(ctx, projection, record, lookups),
        )
    match_keys = projection.match_keys(identifying(document, bad))
    return Observation(record.key, digest, document, changed_at=changed_at, match_keys=match_keys)


def _known_keys(ctx: Context, projection: Projection, record: Record, lookups: Lookups) -> tuple[str | None, ...]:
    """The match keys that can be read of a record that cannot be mapped: nothing may be made beside it."""
    document: dict[str, Value] = {}
    for name in {part for level in ctx.mapping.match for part in level}:
        try:
            value = projection.chains[name].read(record.raw, lookups)
        except RecordProblem:
            continue
        if not isinstance(value, Absent):
            document[name] = value
    return projection.match_keys(document)


def _park_duplicates(ctx: Context, side: Side, keys: frozenset[str]) -> None:
    """Two different records under one key: nobody can say which one is meant, so neither is used."""
    if not keys:
        return
    settlements = []
    for key in ctx.store.observations(ctx.name, side, sorted(keys)):
        ctx.events("record.duplicate_key", side=side, key=key)
        # No digest, so that the record is news again when it comes alone.
        parked = Observation(
            key, b"", None, status=Status.PARKED, problem="the source has several records under this key"
        )
        settlements.append(whole_record(side, key, parked, DUPLICATE_KEY, parked.problem or ""))
    settle(ctx, settlements)


def whole_record(side: Side, key: str, observation: Observation, kind: str, detail: str) -> Settlement:
    """Keep a record pending as given and open a question about all of it."""
    external, flowtly = (key, None) if side is Side.EXTERNAL else (None, key)
    state = SideState(observation.digest, observation)
    return Settlement(
        external_key=external,
        flowtly_key=flowtly,
        external=state if side is Side.EXTERNAL else None,
        flowtly=state if side is Side.FLOWTLY else None,
        opened=(NewConflict(kind, external, flowtly, detail=detail),),
    )


def _report(ctx: Context, side: Side, certificate: Certificate | None, error: SyncdError | None, *, full: bool) -> None:
    if error is not None:
        ctx.events("read.incomplete", side=side, full=full, error=type(error).__name__, detail=str(error))
    elif certificate is not None and not certificate.complete:
        ctx.events("read.uncertified", side=side, seen=certificate.seen, reason=certificate.reason)
    if certificate is not None and certificate.missed_by_cursor:
        ctx.tally.add("missed_by_cursor", side, certificate.missed_by_cursor)
        ctx.events("read.missed_by_cursor", side=side, records=certificate.missed_by_cursor)
    if certificate is not None and certificate.complete and certificate.missing:
        ctx.tally.add("missing", side, certificate.missing)
        ctx.events("read.missing", side=side, records=certificate.missing)
