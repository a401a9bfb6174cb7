"""Two records of a directory compared anew, as they are now, with everything that they refer to. Keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.counterparties.decide import RegisterFact, decide
from syncd.counterparties.normalise import prepare
from syncd.engine.dedupe.deciding import Facts
from syncd.engine.dedupe.desk import Judge, Judged
from syncd.engine.dedupe.reading import Reader
from syncd.errors import Refused
from syncd.mapping.directories import DirectorySpec
from syncd.ports import Connector, Record
from syncd.ports.parties import PartyStore


def judge_of(
    directory: str, spec: DirectorySpec, peer: Connector, store: PartyStore, facts: Facts | None = None
) -> Judge:
    """A function of two records. It raises Refused for one that is not of the directory, and what the peer raises."""
    tiers = frozenset({*spec.automatic, *spec.proposed})

    def judge(one: Record, other: Record) -> Judged:
        reader = Reader(spec, peer)
        reader.fit()
        for record in (one, other):
            if not reader.in_scope(record.raw):
                raise Refused(f"{record.key} is not one of {directory} any more")
        reader.read_references_of([one.raw, other.raw])
        prepared = {record.key: prepare(reader.party(record.key, record.raw)) for record in (one, other)}
        left, right = (prepared[key] for key in sorted(prepared))
        registers: Mapping[str, RegisterFact] = {} if facts is None else facts([left, right])
        decision = decide(left, right, store.census(directory), tiers=tiers, registers=registers)
        return Judged(decision, prepared, spec.country or "")

    return judge
