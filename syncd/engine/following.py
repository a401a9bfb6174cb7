"""Was what is gone merged by people? Follow it, ask, or leave it a loss. Never undone, and never made again.

Looked at before any loss counts as proven, so that no rule for deletes acts on a record that lives on in another one.
Writes to no peer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from syncd.core.following import Fate, Finding, fate_of
from syncd.core.match import Candidate, primary
from syncd.core.model import Side
from syncd.engine.alias_ends import promoted
from syncd.engine.context import Context
from syncd.engine.read import Reading
from syncd.engine.telling import settle
from syncd.engine.traces import Traces
from syncd.engine.trouble import describe
from syncd.engine.whoiswho import LINK_ANSWER, PAIR_MARK
from syncd.errors import BadAnswer, Denied, Later, NotFound, ReadCut, Refused, Stale
from syncd.ports import APART, Absent, ConflictRow, Link, NewConflict, Settlement
from syncd.ports.merges import Redirect

MERGED: Final = "merged"
"""The kind of its questions."""
FLOWTLY: Final = "flowtly"

_PEER_TROUBLE: Final = (Denied, Later, BadAnswer, Refused, ReadCut)
_NAMED: Final = 5
_ASKED: Final = "it may have been merged: a question is open"


class Losses:
    """What is known in one run about records that are gone, and what people said of them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._acting = ctx.options.write and not ctx.options.strict
        self._traces = Traces.of(ctx)
        self._rows = ctx.store.merge_questions(ctx.name)

    def settle_questions(self, readings: Mapping[Side, Reading]) -> None:
        """What people answered since is carried out, and what asked about a record that is there again is over.

        Nothing flows over a link as long as a person is asked about it.
        """
        ctx = self._ctx
        asked = [row for row in self._rows if row.resolution is None]
        ctx.contested.update(row.external_key or "" for row in asked)
        if not self._acting:
            return
        for row in ctx.store.answers(ctx.name, MERGED):
            link = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [row.external_key or ""]).get(row.external_key or "")
            if link is None or link.flowtly_key != row.flowtly_key or self._carried_out(row, link):
                ctx.store.finish_answer(row.id, ctx.lease)
        missing = ctx.store.missing(ctx.name, [row.external_key or "" for row in asked])
        whole = readings[Side.EXTERNAL].full and readings[Side.EXTERNAL].error is None
        for row in asked:
            key, several = row.external_key or "", len(row.named(Side.EXTERNAL)) > 1
            # One that an ERP keeps as merged was never missing: only a reading of everything shows that it is not.
            if key not in missing and not (several and (not whole or key in ctx.successors)):
                ctx.store.end_question(row.id, "agreed", ctx.lease)
                ctx.contested.discard(key)
            elif key in missing and several:  # what it was merged into may be in sight now
                ctx.store.look_again(ctx.name, Side.EXTERNAL, key, ctx.lease)

    def _carried_out(self, row: ConflictRow, link: Link) -> bool:
        ctx, answer = self._ctx, row.resolution or ""
        if not answer.startswith(LINK_ANSWER):
            for side in Side:
                ctx.store.look_again(ctx.name, side, link.key(side), ctx.lease)
            return True
        external, _, flowtly = answer.removeprefix(LINK_ANSWER).partition(PAIR_MARK)
        if external == link.external_key:
            finding = Finding(Fate.MERGED, (flowtly,), f"said in answer to question {row.id}")
            return self._is_there(flowtly) and self._follow(link, finding)
        why = f"{link.external_key} is {external} by now, said in answer to question {row.id}"
        moved = ctx.store.move_link(ctx.name, link.external_key, external, why, ctx.run_id, ctx.lease)
        if moved:
            ctx.events("link.moved", before=link.external_key, external=external, flowtly=link.flowtly_key)
        else:
            ctx.events("answer.waiting", external=external, flowtly=flowtly, detail="it is linked, or being created")
        return moved

    def _is_there(self, flowtly: str) -> bool:
        """True when the peer has the record that a person named: it would be believed for ever."""
        ctx = self._ctx
        try:
            ctx.peers[Side.FLOWTLY].read(ctx.queries[Side.FLOWTLY], flowtly)
        except (NotFound, *_PEER_TROUBLE) as error:
            ctx.events("answer.waiting", external="", flowtly=flowtly, detail=describe(error))
            return False
        return True

    def explained(self, absent: Absent) -> bool | None:
        """True when the loss is none, or waits for a person; False for a loss like any other; None: nobody can tell."""
        ctx = self._ctx
        link = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [absent.external_key]).get(absent.external_key)
        if link is None or link.flowtly_key != absent.flowtly_key:
            return False
        if absent.side is Side.EXTERNAL and self._has_alias(link):
            took_over = promoted(ctx, absent) if self._acting else True
            if took_over is not False:
                return took_over
        if absent.side is Side.FLOWTLY and absent.key in ctx.store.held_by_merges():
            return True  # a merge of ours is on its way: its own recovery finds out what became of it
        keys = link.external_key, link.flowtly_key
        rows = [row for row in self._rows if (row.external_key, row.flowtly_key) == keys]
        if any(row.resolution is None or row.resolution.startswith(LINK_ANSWER) for row in rows):
            return self._hold(absent)
        return False if rows else self._looked_at(absent, link)  # with an answer: a person said it was not merged

    def _looked_at(self, absent: Absent, link: Link) -> bool | None:
        try:
            finding = self._finding(absent, link)
        except _PEER_TROUBLE as error:
            self._ctx.events("missing.unread", side=absent.side, key=absent.key, detail=describe(error))
            return None
        if finding.fate is Fate.GONE:
            return False
        if not self._acting:
            return True
        if finding.fate is Fate.MERGED and self._in_scope(finding.survivors[0]):
            return self._follow(link, finding) or None
        return self._ask(absent, link, finding)

    def _finding(self, absent: Absent, link: Link) -> Finding:
        ctx = self._ctx
        if absent.side is Side.EXTERNAL:
            return _found_in_erp(ctx, link)
        known = ctx.store.redirect(FLOWTLY, ctx.mapping.resource(Side.FLOWTLY), link.flowtly_key)
        if known is not None:
            return Finding(Fate.MERGED, (known.survivor,), f"known to be merged by {known.by}")
        if self._traces is None:
            return Finding(Fate.GONE)
        had = self._traces.had(link)
        return fate_of(had, self._traces.suspects(link.flowtly_key, had, absent.first_certificate))

    def _in_scope(self, survivor: str) -> bool:
        """A link to a record that the mapping's filter leaves out would be followed by nobody."""
        ctx = self._ctx
        raw = None if self._traces is None else self._traces.raw(survivor)
        return raw is not None and ctx.mapping.projection(Side.FLOWTLY).in_scope(raw)

    def _follow(self, link: Link, finding: Finding) -> bool:
        """Let the link follow to the survivor; False when what is known speaks against it."""
        ctx, (survivor,) = self._ctx, finding.survivors
        evidence = {"reason": finding.reason, "marks": {key: list(told) for key, told in finding.evidence.items()}}
        resource = ctx.mapping.resource(Side.FLOWTLY)
        redirect = Redirect(FLOWTLY, resource, link.flowtly_key, survivor, "people", ctx.now(), evidence)
        try:
            known = ctx.store.redirect(FLOWTLY, resource, link.flowtly_key)
            followed = ctx.store.follow(known or redirect, ctx.lease, ctx.around.referring)
        except Stale as error:
            ctx.events("merge.not_followed", loser=link.flowtly_key, survivor=survivor, detail=str(error))
            return False
        for one in followed:
            ctx.tally.add("followed")
            ctx.events(
                "merge.followed",
                loser=link.flowtly_key,
                survivor=one.flowtly_key,
                external=one.external_key,
                alias=one.alias,
                primary=one.primary,
                lost=list(one.lost),
                reason=finding.reason,
            )
        return True

    def _ask(self, absent: Absent, link: Link, finding: Finding) -> bool:
        marks = "; ".join(f"{key}: {', '.join(told)}" for key, told in list(finding.evidence.items())[:_NAMED])
        said = marks or ", ".join(finding.survivors[:_NAMED])
        detail = f"{absent.key} is gone in {absent.side}; {finding.reason} ({said})"
        named = {side: [link.key(side)] for side in Side}
        for key in finding.survivors:
            named[absent.side].append(key)
            if absent.side is Side.EXTERNAL:
                named[Side.FLOWTLY].extend(_partner(self._ctx, key))
        # The log gets the records only: what they share may be a bank account.
        told = f"{absent.key} is gone in {absent.side}; {finding.reason} ({', '.join(finding.survivors[:_NAMED])})"
        ask(self._ctx, link, named, detail, told)
        return self._hold(absent)

    def _hold(self, absent: Absent) -> bool:
        """Nothing follows from the loss while a person is asked."""
        if self._acting:
            self._ctx.store.excuse(absent, self._ctx.name, _ASKED, self._ctx.lease)
        return True

    def _has_alias(self, link: Link) -> bool:
        return bool(self._ctx.store.aliases_of(self._ctx.name, [link.external_key]))


def ask(ctx: Context, link: Link, named: dict[Side, list[str]], detail: str, told: str = "") -> None:
    """Open a question about a link whose record may have been merged, once; told once as well.

    ``told`` is for the log, where ``detail`` says more than belongs there.
    """
    ctx.contested.add(link.external_key)
    keys = link.external_key, link.flowtly_key
    several = {side: tuple(dict.fromkeys(listed)) for side, listed in named.items()}
    known = [row for row in ctx.store.merge_questions(ctx.name) if (row.external_key, row.flowtly_key) == keys]
    if any(row.resolution == APART and _same_records(row, several) for row in known):
        ctx.contested.discard(link.external_key)
        return
    if any(row.resolution is None and row.detail == detail for row in known):
        return
    question = NewConflict(MERGED, *keys, external=several[Side.EXTERNAL], flowtly=several[Side.FLOWTLY], detail=detail)
    settle(ctx, [Settlement(None, None, opened=(question,))])
    ctx.tally.add("conflicts")
    ctx.events("conflict.merged", external=keys[0], flowtly=keys[1], detail=told or detail)


def _same_records(row: ConflictRow, several: dict[Side, tuple[str, ...]]) -> bool:
    return all(row.named(side) == frozenset(several[side]) for side in Side)


def _found_in_erp(ctx: Context, link: Link) -> Finding:
    """A record that the ERP deleted, and exactly one other with its match key: the ERP may have merged them."""
    projection = ctx.mapping.projection(Side.EXTERNAL)
    strongest = primary(Candidate(link.external_key, projection.match_keys(link.base.external)))
    if strongest is None:
        return Finding(Fate.GONE)
    level, text = strongest
    fitting = {
        other.external_key
        for other in ctx.store.links(ctx.name)
        if other.external_key != link.external_key and _fits(projection.match_keys(other.base.external), level, text)
    }
    strangers = ctx.store.strangers(ctx.name, Side.EXTERNAL)
    fitting |= {seen.key for seen in strangers if _fits(seen.match_keys, level, text)}
    if len(fitting) != 1:
        return Finding(Fate.GONE)
    what = " + ".join(ctx.mapping.match[level])
    return Finding(Fate.UNCLEAR, tuple(fitting), f"another record has the same {what}: the ERP may have merged them")


def _fits(keys: Iterable[str | None], level: int, text: str) -> bool:
    return list(keys)[level : level + 1] == [text]


def _partner(ctx: Context, external: str) -> list[str]:
    return list(ctx.store.partners(ctx.name, Side.EXTERNAL, [external]).values())
