"""What must be true of a town after every move, and what must be true when it has come to rest. Changes nothing.

Each function raises AssertionError with everything that is wrong, in words that name the records.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from syncd.core.model import Side
from tests.histories.peers import FIELDS, ORIGIN, Entry
from tests.histories.town import Town

RUNS_TO_REST: Final = 12


def always(town: Town) -> None:
    """The laws that hold at every moment, whatever has just happened."""
    wrong = [*_copies(town), *_unexplained(town), *_deletes(town), *_links(town), *_intents(town)]
    assert not wrong, "\n".join(wrong)


def at_rest(town: Town) -> None:
    """Once peers are quiet and the network whole, a few runs end all differences, and the next one does nothing."""
    town.calm()
    _come_to_rest(town)
    always(town)
    before = _memory(town), town.writes(), len(town.diary.entries)
    town.cycle()
    wrong = [] if before == (_memory(town), town.writes(), len(town.diary.entries)) else ["an idle run did something"]
    wrong += [*_differences(town), *_forgotten(town), *_open_intents(town), *_unledgered(town)]
    assert not wrong, "\n".join(wrong)


def _come_to_rest(town: Town) -> None:
    for number in range(RUNS_TO_REST):
        town.hours_pass()
        before = town.writes(), _memory(town), _vanishing(town)
        # A side that shrank under many deletes is believed again after a person has looked.
        report = town.cycle(person=number == RUNS_TO_REST // 2)
        still = report is not None and report.outcome == "done"
        still = still and (town.writes(), _memory(town), _vanishing(town)) == before
        if still and not _unfinished(town):
            return
    raise AssertionError(f"{RUNS_TO_REST} runs were not enough: {town.events[-25:]}")


def _memory(town: Town) -> list[tuple[Any, ...]]:
    return town.execute(
        "SELECT external_key, flowtly_key, base::text, external_digest, flowtly_digest FROM link ORDER BY external_key"
    )


def _vanishing(town: Town) -> list[tuple[Any, ...]]:
    """What is on its way to be taken for gone."""
    return [
        *town.execute("SELECT side, key FROM absence ORDER BY 1, 2"),
        *town.execute("SELECT id, state FROM removal ORDER BY 1"),
    ]


def _unfinished(town: Town) -> list[tuple[Any, ...]]:
    return town.execute("SELECT kind, source_key, state FROM operation WHERE state IN ('intended', 'in_doubt')")


# ---------------------------------------------------------------------- at every moment


def _copies(town: Town) -> Iterator[str]:
    """Law 2: what a person made once was made by us at most once at the other peer, but for copies they deleted."""
    made: Counter[tuple[Side, str]] = Counter()
    people: set[tuple[Side, str]] = set()
    ours: set[tuple[Side, str]] = set()
    gone: set[tuple[Side, str]] = set()
    for one in town.diary.entries:
        place = (one.side, one.origin or "")
        if one.before is None and one.person and not one.again:
            people.add(place)
        elif one.before is None and not one.person:
            made[place] += 1
            ours.add((one.side, one.key))
            if (one.side.other, place[1]) not in people and place not in gone:
                yield f"{one.key} was made in {one.side} from a record that nobody made in {one.side.other}"
        elif one.after is None:
            # Where deletions are followed, an edit brings back what somebody deleted; else only a copy may be made again.
            made[place] -= town.deletes or (one.person and (one.side, one.key) in ours)
            if town.deletes:
                gone.add(place)
    for (side, origin), count in made.items():
        if count > 1:
            yield f"{count} records were made in {side} of origin {origin}"


def _unexplained(town: Town) -> Iterator[str]:
    """Every value that we wrote was written by a person, for the same thing and the same field."""
    words: dict[tuple[str, str], set[Any]] = defaultdict(set)
    for one in town.diary.entries:
        if one.person:
            for name, raw in FIELDS.items():
                words[town.kin(one.origin or ""), name].add(one.row.get(raw))
    for one in town.diary.entries:
        if not one.person and one.after is not None:
            for name, _, after in one.changed():
                if after is not None and after not in words[town.kin(one.origin or ""), name]:
                    yield f"{one.key} in {one.side} got {name} {after!r}, which nobody wrote there"


def _deletes(town: Town) -> Iterator[str]:
    """Law 4: we delete only what a person deleted at the other peer, and only if nobody edited it here since."""
    for one in town.diary.entries:
        if one.after is None and not one.person:
            if not town.deletes:
                yield f"{one.key} in {one.side} was deleted by us"
            elif not any(_explains(town, one, lost) for lost in town.diary.entries[: one.number]):
                yield f"{one.key} in {one.side} was deleted by us, and nobody deleted its partner, or it was edited since"


def _explains(town: Town, ours: Entry, lost: Entry) -> bool:
    """True when ``lost`` is a person's deletion of the partner that still stands when we delete."""
    if lost.side is ours.side or not lost.person or lost.after is not None:
        return False
    if town.kin(lost.origin or "") != town.kin(ours.origin or ""):
        return False
    since = town.diary.entries[lost.number + 1 : ours.number]
    back = any((one.side, one.key) == (lost.side, lost.key) and one.before is None for one in since)
    edited = any((one.side, one.key) == (ours.side, ours.key) and one.person for one in since)
    return not back and not edited


def _links(town: Town) -> Iterator[str]:
    """One partner each, and only of what is one thing."""
    origins = {(one.side, one.key): one.origin or "" for one in town.diary.entries}
    links = town.links()
    for place in (0, 1):
        for key, count in Counter(link[place] for link in links).items():
            if count > 1:
                yield f"{key} has {count} links"
    for external, flowtly in links:
        pair = origins.get((Side.EXTERNAL, external), "?"), origins.get((Side.FLOWTLY, flowtly), "?")
        if town.kin(pair[0]) != town.kin(pair[1]):
            yield f"{external} of origin {pair[0]} is linked with {flowtly} of origin {pair[1]}"


def _intents(town: Town) -> Iterator[str]:
    """Nothing was sent that was not promised before: each write has an intent of its own."""
    promised: Counter[tuple[str, str, str]] = Counter()
    for kind, side, target, payload in town.execute("SELECT kind, side, target_key, payload FROM operation"):
        promised[kind, side, target or str(payload.get("origin"))] += 1
    sent: Counter[tuple[str, str, str]] = Counter()
    for one in town.diary.entries:
        if not one.person and one.before is None:
            sent["create", str(one.side), one.origin or ""] += 1
        elif not one.person and one.after is not None:
            sent["patch", str(one.side), one.key] += 1
    for what, count in sent.items():
        if count > promised[what]:
            yield f"{count} writes of {what}, {promised[what]} intents"


# ---------------------------------------------------------------------- at rest


def _differences(town: Town) -> Iterator[str]:
    """Laws 3 and 6: linked records are equal or asked about, field by field, and the last word stands."""
    rows = {side: peer.records() for side, peer in town.peers.items()}
    asked = {
        (key, field)
        for key, field in town.execute(
            "SELECT external_key, field FROM conflict WHERE kind = 'field' AND resolved_at IS NULL"
        )
    }
    for external, flowtly in town.links():
        one, other = rows[Side.EXTERNAL].get(external), rows[Side.FLOWTLY].get(flowtly)
        if one is None or other is None:
            continue
        for name, raw in FIELDS.items():
            if (external, name) in asked:
                continue
            if one.get(raw) != other.get(raw):
                yield f"{external} {one.get(raw)!r} and {flowtly} {other.get(raw)!r} differ in {name}, unasked"
            elif (last := _last_words(town, external, flowtly, name)) and one.get(raw) not in last:
                yield f"{external} and {flowtly} have {name} {one.get(raw)!r}; the last word was {last}"


def _last_words(town: Town, external: str, flowtly: str, name: str) -> list[Any]:
    """What a person said last about a field of a pair; nothing where both are copies of what is gone.

    A field that was emptied right after somebody filled it was perhaps never seen filled: then the other side's last
    word may stand as well. So may what was said later at an earlier partner that is gone by now: it had flowed here
    before the partner was lost and made again.
    """
    pair, there = {(Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)}, set(_present(town))
    origins = {town.kin(one.origin or "") for one in town.diary.entries if (one.side, one.key) in pair}
    said: list[tuple[int, Side, Any]] = []
    lost: list[tuple[int, Any]] = []
    for one in town.diary.entries:
        if not one.person or one.again or one.after is None:
            continue
        words = [after for field, _, after in one.changed() if field == name]
        if (one.side, one.key) in pair:
            said += [(one.number, one.side, after) for after in words]
        elif (one.side, one.key) not in there and town.kin(one.origin or "") in origins:
            lost += [(one.number, after) for after in words]
    said += [(at, Side.EXTERNAL, value) for at, key, field, value in town.answers if (key, field) == (external, name)]
    said.sort(key=lambda word: word[0])
    if not said:
        return []
    last = said[-1][2]
    flowed = [value for number, value in lost if number > said[-1][0]]
    if last is not None:
        return [last, *flowed]
    return [last, *flowed, *(value for _, side, value in said if side is not said[-1][1])]


def _present(town: Town) -> Iterator[tuple[Side, str]]:
    for side, peer in town.peers.items():
        yield from ((side, key) for key in peer.records())


def _forgotten(town: Town) -> Iterator[str]:
    """Law 5: a record without a partner is known, and has been decided on."""
    linked = {(side, link[place]) for link in town.links() for place, side in enumerate((Side.EXTERNAL, Side.FLOWTLY))}
    known = {
        (Side(side), key): status for side, key, status in town.execute("SELECT side, key, status FROM observation")
    }
    busy = {
        (Side(side).other, key)
        for side, key in town.execute("SELECT side, source_key FROM operation WHERE state = 'quarantined'")
    }
    # A stranger that may be the result of a create in doubt is named in the question about that.
    doubts = town.execute("SELECT detail FROM conflict WHERE kind = 'in_doubt' AND resolved_at IS NULL")
    named = {word.strip(",") for (detail,) in doubts for word in detail.split()}
    for side, peer in town.peers.items():
        for key in peer.records():
            if (side, key) in linked | busy or key in named:
                continue
            if known.get((side, key), "dirty") == "dirty":
                yield f"{key} in {side} is neither linked nor asked about: {known.get((side, key), 'never seen')}"


def _open_intents(town: Town) -> Iterator[str]:
    """Law 9: what is still in doubt has a question."""
    asked = {
        external or flowtly
        for external, flowtly in town.execute(
            "SELECT external_key, flowtly_key FROM conflict WHERE kind = 'in_doubt' AND resolved_at IS NULL"
        )
    }
    for key, state in town.execute("SELECT source_key, state FROM operation WHERE ended_at IS NULL"):
        if key not in asked:
            yield f"a write from {key} is {state} and nobody was asked"


def _unledgered(town: Town) -> Iterator[str]:
    """Law 3: a value that we replaced is in the ledger."""
    kept = {
        (side, external if side == "external" else flowtly, field, json.dumps(before))
        for side, external, flowtly, field, before in town.execute(
            "SELECT side, external_key, flowtly_key, field, before FROM ledger WHERE before IS NOT NULL"
        )
    }
    for one in town.diary.entries:
        if one.person or one.before is None or one.after is None:
            continue
        for name, before, _ in one.changed():
            if before is not None and (str(one.side), one.key, name, json.dumps(before)) not in kept:
                yield f"{one.key} in {one.side} lost {name} {before!r}, which no ledger row has"


__all__ = ["FIELDS", "ORIGIN", "Entry", "always", "at_rest"]
