"""Section: the decision core over its whole small domain. Counts what was enumerated; never samples in a full proof."""

from __future__ import annotations

from tests.proof.section import Ask, Section
from tests.unit.core.small_proof import Found, examine

TITLE = "The decision core, enumerated"
_PAIRS = 200_000
_TEXT = """\
One field of a record, in every state that there is: each side absent, null or one of {named} values, each side's base
likewise (or none), under every policy (with every order of trusted times where that matters), direction and set of
fixed sides, with no answer and with every answer of a person (up to renaming values; the core only asks whether two
are equal). Whole records besides: each side there, gone or unread, with every base and every right to create.

The domain is closed: carrying out a decision, dying between its two writes, and any edit by an adversary lead from one
of its states to another. What holds of every state therefore holds after any number of such moves.

| enumerated | |
|---|---:|
| rules (policy, times, direction, fixed sides) | {laws} |
| states of one field | {states:,} |
| adversary's edits after a plan, or half of it, was carried out | {moves:,} |
| records with a side gone or unread | {one_sided:,} |
| records of two fields, drawn with the seed | {pairs:,} |
| cycles until rest, at most | {longest} |
| failures | {failures} |

Proven of each: it comes to rest; what was carried out is not carried out again; at rest the sides are equal, or a
person is asked, or a rule that says so keeps the difference; no value is written that nobody wrote; every edit that is
overwritten is told as lost, and nothing else is; `ask` overwrites nothing without an answer for exactly these values;
no write against a direction, to a fixed side or over silence; an answer for other values changes nothing; one side's
lone edit always arrives; the adversary's last word stays, is told as lost, or is asked about; unread leads to nothing
but waiting; an edit beats a delete; exchanging the sides exchanges the outcome; a field is decided as if it were alone.
"""


def prove(ask: Ask) -> Section:
    """Full: everything (about two minutes of a core). Quick: fewer values and a seeded part of the rules."""
    if ask.quick:
        found = examine(range(4), share=0.2, pairs=5_000, seed=ask.seed, say=ask.say)
    else:
        found = examine(pairs=_PAIRS, seed=ask.seed, say=ask.say)
    return _section(found, 2 if ask.quick else 3, quick=ask.quick)


def _section(found: Found, named: int, *, quick: bool) -> Section:
    numbers = {
        "rules": found.laws,
        "states": found.states,
        "adversary edits": found.moves,
        "one-sided records": found.one_sided,
        "two-field records": found.pairs,
        "cycles until rest": found.longest,
        "failures": sum(found.broken.values()),
    }
    text = _TEXT.format(
        named="two" if named == 2 else "three",
        laws=f"{found.laws} of 84, drawn with the seed" if quick else found.laws,
        states=found.states,
        moves=found.moves,
        one_sided=found.one_sided,
        pairs=found.pairs,
        longest=found.longest,
        failures=numbers["failures"],
    )
    return Section(TITLE, text, numbers, tuple(found.failures))
