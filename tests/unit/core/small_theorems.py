"""What must hold in every state of the small world. Each theorem tells every state that breaks it, and repairs none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from syncd.core.canon import same
from syncd.core.merge import applies
from syncd.core.model import ABSENT, Base, Direction, Gone, Pair, Present, Rules, Seen, Side, Unread
from syncd.core.reconcile import Create, Forget, Hold, Merge, Outcome, Remove, reconcile
from tests.unit.core.small_world import ENOUGH, FIELD, NO_BASE, NOTHING, NULL, TIMES, VALUES, Law, Move, State, Table

Broken = Iterator[str]
_SIDES = tuple(Side)
_OFFSET = 1  # of the first side's value in a state
_BASES = 3  # of the first side's base in a state


def known(state: State, number: int) -> int:
    """What a side had when both last agreed; null on both sides where that was never so."""
    external, flowtly = state.base_external, state.base_flowtly
    fresh = external in {0, NO_BASE} or flowtly in {0, NO_BASE}
    return NULL if fresh else state[_BASES + number]


def edited(state: State, number: int) -> bool:
    """True where a side has what nobody agreed on."""
    return state[_OFFSET + number] != known(state, number)


def at_rest(move: Move, state: State) -> bool:
    """Nothing to write and nothing to remember."""
    return move.writes == (NOTHING, NOTHING) and move.end == state


def converges(table: Table, longest: list[int]) -> Broken:
    """Left alone, a few cycles lead to rest from everywhere, also after a death between two writes."""
    for start, first in table.moves.items():
        for entry in (start, first.half):
            state, steps = entry, 0
            while state is not None and not at_rest(table.moves[state], state):
                state, steps = table.moves[state].end, steps + 1
                if steps > ENOUGH:
                    yield f"no rest: {start}"
                    break
            longest[0] = max(longest[0], steps)


def writes_once(table: Table) -> Broken:
    """What was carried out is not carried out again: the state it leads to asks for no write (law 1)."""
    for state, move in table.moves.items():
        if move.writes != (NOTHING, NOTHING) and table.moves[move.end].writes != (NOTHING, NOTHING):
            yield f"writes again: {state}"


def ends_equal_or_asked(table: Table) -> Broken:
    """At rest both sides are equal, or a person is asked, or one side says nothing, or this is what was agreed on."""
    for state, move in table.moves.items():
        if not at_rest(move, state) or state.external == state.flowtly or 0 in (state.external, state.flowtly):
            continue
        if not move.contested and (edited(state, 0) or edited(state, 1)) and not _answered(table, state):
            yield f"silent difference: {state}"


def differs_only_with_leave(table: Table) -> Broken:
    """Sides come to differ in agreement by a rule alone: a first link that erases nothing, or an answer that forbids."""
    for state, move in table.moves.items():
        end = move.end
        if end.external == end.flowtly or 0 in (state.external, state.flowtly) or not move.agreed:
            continue
        fresh = state.base_external in {0, NO_BASE} or state.base_flowtly in {0, NO_BASE}
        one_way = table.law.direction is not Direction.BOTH
        if not one_way or not (fresh or _answered(table, state)):
            yield f"agreed on a difference: {state}"


def invents_nothing(table: Table) -> Broken:
    """A write carries the other side's value or a person's, never the one that is there already."""
    for state, move in table.moves.items():
        judged = table.answers[state.decision]
        typed = judged.typed if judged is not None and judged.choice is None else NOTHING
        for number in (0, 1):
            code = move.writes[number]
            if code != NOTHING and (code in {0, state[_OFFSET + number]} or code not in {_other(state, number), typed}):
                yield f"invented: {state}"


def tells_what_is_lost(table: Table) -> Broken:
    """An edit that is overwritten is reported as lost, and nothing else is (law 3)."""
    for state, move in table.moves.items():
        for number in (0, 1):
            should = move.writes[number] != NOTHING and edited(state, number)
            if should != move.lost[number]:
                yield f"lost and not told, or told and not lost: {state}"


def asks_before_it_overwrites(table: Table) -> Broken:
    """Under ``ask`` no edit is overwritten unless a person's answer is for exactly these values."""
    for state, move in table.moves.items():
        if table.law.policy == "ask" and any(move.lost) and not _answered(table, state):
            yield f"overwritten unasked: {state}"


def keeps_to_its_lane(table: Table) -> Broken:
    """No write against the direction, to a fixed side, or over silence; no question together with a write."""
    for state, move in table.moves.items():
        for number, side in enumerate(_SIDES):
            if move.writes[number] == NOTHING:
                continue
            if not table.law.direction.allows(side) or side in table.law.fixed or 0 in (state.external, state.flowtly):
                yield f"forbidden write: {state}"
        if move.contested and (move.writes != (NOTHING, NOTHING) or move.agreed):
            yield f"asks and acts: {state}"


def answers_count_once(table: Table) -> Broken:
    """An answer given for other values changes nothing; one given for these ends the question."""
    for state, move in table.moves.items():
        if table.answers[state.decision] is None:
            continue
        plain = table.moves[state._replace(decision=0)]
        if not _answered(table, state):
            if move != plain._replace(end=plain.end._replace(decision=state.decision)):
                yield f"an answer for other values counts: {state}"
        elif plain.contested and move.contested and not table.law.fixed:
            yield f"an answer is not taken: {state}"
        elif plain.contested and not move.contested and not _obeyed(table, state, move):
            yield f"an answer is not obeyed: {state}"


def lone_edits_travel(table: Table) -> Broken:
    """One side's edit alone arrives as it is, whatever was ever answered (two-way fields that nobody fixed)."""
    if table.law.direction is not Direction.BOTH or table.law.fixed:
        return
    for state, move in table.moves.items():
        for number in (0, 1):
            lone = edited(state, number) and not edited(state, 1 - number) and state.external != state.flowtly
            arrives = move.writes[1 - number] == state[_OFFSET + number] and move.writes[number] == NOTHING
            if lone and 0 not in (state.external, state.flowtly) and not arrives:
                yield f"an edit does not arrive: {state}"


def last_word_stays(table: Table) -> Broken:
    """The adversary edits once more after a plan was carried out (or half of it); then it is quiet.

    Its word is then on its side still, or it was told as lost; and the other side has it, or a person is asked, or
    it was no edit, or this field does not flow that way.
    """
    for start, move in table.moves.items():
        for entry in {move.end, move.half} - {None}:
            for number, code in product((0, 1), table.values):
                yield from _last_word(table, start, _with(entry, number, code), number)


def _last_word(table: Table, start: State, edit: State, number: int) -> Broken:
    state, lost = edit, False
    for _ in range(ENOUGH):
        move = table.moves[state]
        lost = lost or move.lost[number]
        if at_rest(move, state):
            break
        state = move.end
    code, other = edit[_OFFSET + number], _other(state, number)
    if code == 0 or not edited(edit, number) or lost:
        return
    if state[_OFFSET + number] != code:
        yield f"last word vanished: {start} then {edit}"
    elif other not in {code, 0} and not table.moves[state].contested:
        one_way = table.law.direction is not Direction.BOTH
        if not one_way or not (_fresh(edit) or _answered(table, state) or _answered(table, edit)):
            yield f"last word did not arrive and nobody is asked: {start} then {edit}"


def mirrors(table: Table, other: Table) -> Broken:
    """Exchanging the sides exchanges the outcome and nothing else."""
    for state, move in table.moves.items():
        turned = other.moves[table.mirrored(state)]
        writes = tuple(NOTHING if code == NOTHING else table.renamed(state, code) for code in reversed(move.writes))
        ours = (writes, move.lost[::-1], move.contested, move.agreed, table.mirrored(move.end))
        if ours != (turned.writes, turned.lost, turned.contested, turned.agreed, turned.end):
            yield f"not mirrored: {state}"


def _fresh(state: State) -> bool:
    return state.base_external in {0, NO_BASE} or state.base_flowtly in {0, NO_BASE}


def _with(state: State, number: int, code: int) -> State:
    return state._replace(external=code) if number == 0 else state._replace(flowtly=code)


def _other(state: State, number: int) -> int:
    return state[_OFFSET + 1 - number]


def _answered(table: Table, state: State) -> bool:
    """True where the answer is for these values: as they were judged, or one of them the typed value already."""
    judged = table.answers[state.decision]
    if judged is None:
        return False
    typed = judged.typed if judged.choice is None else NOTHING
    return state.external in {judged.external, typed} and state.flowtly in {judged.flowtly, typed}


def _obeyed(table: Table, state: State, move: Move) -> bool:
    """After the answer each side that may be written has the chosen value."""
    judged = table.answers[state.decision]
    assert judged is not None
    chosen = {None: judged.typed, Side.EXTERNAL: state.external, Side.FLOWTLY: state.flowtly}[judged.choice]
    return all(
        move.end[_OFFSET + number] == (chosen if table.law.direction.allows(side) else state[_OFFSET + number])
        for number, side in enumerate(_SIDES)
    )


THEOREMS: tuple[Callable[[Table], Broken], ...] = (
    writes_once,
    ends_equal_or_asked,
    differs_only_with_leave,
    invents_nothing,
    tells_what_is_lost,
    asks_before_it_overwrites,
    keeps_to_its_lane,
    answers_count_once,
    lone_edits_travel,
    last_word_stays,
)


# ---------------------------------------------------------------------- whole records: there, gone, not read


def sides(values: Sequence[int]) -> dict[str, Seen]:
    """Every way one side can answer."""
    present = {f"present {VALUES[code]}": Present({} if code == 0 else {FIELD: VALUES[code]}) for code in values}  # type: ignore[dict-item]
    return {"unread": Unread("down"), "gone": Gone(), **present}


def one_sided(law: Law, values: Sequence[int]) -> Iterator[tuple[Pair, Rules]]:
    """Every pair of which at least one side is gone or unread, with every base and every right to create."""
    documents = [{} if code == 0 else {FIELD: VALUES[code]} for code in values]
    bases = [None, *(Base(left, right) for left, right in product(documents, repeat=2))]  # type: ignore[arg-type]
    seen = sides(values)
    for creates in (frozenset(), frozenset({Side.EXTERNAL}), frozenset({Side.FLOWTLY}), frozenset(Side)):
        rules = Rules(law.rules.fields, creates)
        for (external, flowtly), base in product(product(seen.values(), repeat=2), bases):
            if not (isinstance(external, Present) and isinstance(flowtly, Present)):
                yield Pair(external, flowtly, base, {}), rules


def sides_hold(pair: Pair, rules: Rules) -> Broken:
    """Unread is never gone; an edit beats a delete; a create carries what it may and no more; and all of it mirrored."""
    outcome = reconcile(pair, rules)
    if isinstance(pair.external, Unread) or isinstance(pair.flowtly, Unread):
        if not isinstance(outcome, Hold):
            yield f"acts on what was not read: {pair}"
    elif isinstance(pair.external, Gone) and isinstance(pair.flowtly, Gone):
        if not isinstance(outcome, Forget):
            yield f"both gone: {pair} {outcome}"
    else:
        here = Side.EXTERNAL if isinstance(pair.external, Present) else Side.FLOWTLY
        if outcome != _expected(here, pair, rules):
            yield f"one side gone: {pair} {rules} {outcome}"
    mirrored_base = None if pair.base is None else Base(pair.base.flowtly, pair.base.external)
    turned = reconcile(Pair(pair.flowtly, pair.external, mirrored_base, {}), turned_rules(rules))
    if type(turned) is not type(outcome):
        yield f"not mirrored: {pair} {rules}"
    elif isinstance(outcome, Create | Remove) and isinstance(turned, Create | Remove):
        same_document = getattr(outcome, "document", 0) == getattr(turned, "document", 0)
        if outcome.side is not turned.side.other or not same_document:
            yield f"not mirrored: {pair} {rules}"


def _expected(here: Side, pair: Pair, rules: Rules) -> Outcome:
    """The table in words of its own: nothing is known of it, it was edited, or it is as it was."""
    seen = pair.of(here)
    assert isinstance(seen, Present)
    changed = pair.base is not None and any(
        not same(value, pair.base.of(here).get(name, ABSENT)) for name, value in seen.document.items()
    )
    if pair.base is not None and not changed:
        return Remove(here)
    if here.other not in rules.creates:
        return Hold("lives on one side only" if pair.base is None else "edited here, deleted there")
    carried = {
        name: value
        for name, value in seen.document.items()
        if value is not None and rules.fields[name].direction.allows(here.other)
    }
    return Create(here.other, carried, "only_here" if pair.base is None else "edit_beats_delete")


def turned_rules(rules: Rules) -> Rules:
    """The rules with the sides exchanged."""
    fields = {}
    for name, rule in rules.fields.items():
        fields[name] = Law(rule.policy, rule.direction, rule.fixed, 0).mirrored().rules.fields[FIELD]
    return Rules(fields, frozenset(side.other for side in rules.creates))


# ---------------------------------------------------------------------- two fields: neither holds back the other


def independent(first: tuple[Law, Table, State], second: tuple[Law, Table, State]) -> Broken:
    """A record of two fields is decided as its fields are, each for itself (law 5)."""
    parts = {"x": first, "y": second}
    documents: dict[Side, dict[str, object]] = {side: {} for side in Side}
    bases: dict[Side, dict[str, object]] = {side: {} for side in Side}
    decisions, fields = {}, {}
    for name, (law, table, state) in parts.items():
        fields[name] = law.rules.fields[FIELD]
        for number, side in enumerate(_SIDES):
            for target, code in ((documents, state[_OFFSET + number]), (bases, state[_BASES + number])):
                if code not in {0, NO_BASE}:
                    target[side][name] = VALUES[code]
        if table._decisions[state.decision]:
            decisions[name] = table._decisions[state.decision][FIELD]
    times = TIMES[first[0].times]
    pair = Pair(
        Present(documents[Side.EXTERNAL], times[0]),  # type: ignore[arg-type]
        Present(documents[Side.FLOWTLY], times[1]),  # type: ignore[arg-type]
        Base(bases[Side.EXTERNAL], bases[Side.FLOWTLY]),  # type: ignore[arg-type]
        decisions,
    )
    merge = reconcile(pair, Rules(fields))
    assert isinstance(merge, Merge)
    for name, (_, table, state) in parts.items():
        move = table.moves[state]
        for number, side in enumerate(_SIDES):
            codes = [VALUES.index(one.after) for one in merge.to(side) if one.field == name]
            if codes != [code for code in move.writes[number : number + 1] if code != NOTHING]:
                yield f"{name} is held back by its neighbour: {parts}"
        if (name in {one.field for one in merge.contests}) != move.contested or (name in merge.agreed) != move.agreed:
            yield f"{name} is judged by its neighbour: {parts}"


def judged_alike(table: Table) -> Broken:
    """The core's own ``applies`` says the same as these theorems do."""
    for state in table.moves:
        decision = next(iter(table._decisions[state.decision].values()), None)
        if decision is None or 0 in (state.external, state.flowtly):
            continue
        now: Mapping[Side, object] = {Side.EXTERNAL: VALUES[state.external], Side.FLOWTLY: VALUES[state.flowtly]}
        if applies(decision, now) != _answered(table, state):  # type: ignore[arg-type]
            yield f"applies: {state}"
