"""Legal forms in names: found at both ends, brought to one code, compared. Never read from a numeral.

The table is our own. A ready-made one was measured and took the roman II for a Romanian form: two companies became one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from syncd.counterparties.folding import fold
from syncd.counterparties.forms_table import BOTH, COUNTRY_TWINS, FRAMES, FRONT, LOOSE, SPELLINGS, STATUS, WORDS

Relation = Literal["equal", "missing", "different"]

_LONG: Final = 7  # letters from which a spelling may have one typing error
_SHORT: Final = 2  # letters of a word that a typing error may have eaten: it never is the start of a mistyped form
_WIDEST: Final = 9  # tokens: the longest spelling


class Token(NamedTuple):
    """A word of a name, folded. ``dotted``: with dots or a slash. ``firm``: that, or capitals among small letters."""

    text: str
    firm: bool = False
    dotted: bool = False


class Found(NamedTuple):
    """A form at one end of a name: its code, empty for a mere status such as *in liquidation*, and its tokens."""

    code: str
    width: int


def compact(text: str) -> str:
    """Letters, digits and and-signs only."""
    return "".join(letter for letter in fold(text) if letter.isalnum() or letter in "&+")


_SIGNS: Final = ("&", "+", "und", "u", "and", "")


def _spellings() -> dict[str, str]:
    table: dict[str, str] = dict.fromkeys(
        (compact(one) for one in STATUS.replace("\n", "|").split("|") if one.strip()), ""
    )
    for line in SPELLINGS.strip().splitlines():
        code, _, written = line.partition(" = ")
        for one in written.split(" | "):
            for sign in _SIGNS if "&" in one else "&":
                table.setdefault(compact(one.replace("&", sign)), code)
    return table


def _shortened(text: str) -> set[str]:
    return {text[:at] + text[at + 1 :] for at in range(len(text))}


def _nearly(table: Mapping[str, str]) -> dict[str, str]:
    near: dict[str, set[str]] = {}
    for written, code in table.items():
        if len(written) >= _LONG and code:
            for one in (*_shortened(written), written):
                near.setdefault(one, set()).add(code)
    return {one: codes.pop() for one, codes in near.items() if len(codes) == 1}


_TABLE: Final = _spellings()
_NEAR: Final = _nearly(_TABLE)
_NEAR_ENDS: Final = frozenset(one[-2:] for one in _NEAR)
_WORDS: Final = frozenset(WORDS.split())
_FRONT: Final = frozenset(FRONT.split())
_FRAMES: Final = frozenset(FRAMES.split())
_LOOSE: Final = frozenset(LOOSE.split())
_TWINS: Final = {
    country: {code: group.split()[0] for group in groups for code in group.split()}
    for country, groups in COUNTRY_TWINS.items()
}


def at_end(tokens: Sequence[Token], *, inner: bool = False) -> Found | None:
    """The widest form or status at the end, leaving at least one token; None without one.

    ``inner``: another form stands behind it already, so capitals make no form of a word (Northwind EU SARL).
    """
    written = ""
    best: Found | None = None
    for width in range(1, min(_WIDEST, len(tokens) - 1) + 1):
        first = tokens[-width]
        written = first.text + written
        code = _TABLE.get(written)
        if code is not None and (
            written not in _WORDS or all(one.dotted if inner else one.firm for one in tokens[-width:])
        ):
            best = Found(code, width)
        elif (
            len(written) >= _LONG
            and len(first.text) > _SHORT
            and code is None
            and written[-2:] in _NEAR_ENDS
            and (guess := _mistyped(written))
        ):
            # A wide spelling with an error beats the narrow one at its end: "beschrankter haftung".
            best = Found(guess, width)
    return best


def is_form(text: str) -> bool:
    """Whether a text is a legal form and nothing else."""
    return bool(_TABLE.get(compact(text)))


def in_front(tokens: Sequence[Token], codes: Sequence[str]) -> Found | None:
    """The widest form in front of a name with these forms at its end, leaving at least one token; None without one.

    With another form at the end it counts only when both are one (Oy ... Ab) or the one at the end is loose.
    """
    written = ""
    best: Found | None = None
    for width in range(1, min(_WIDEST, len(tokens) - 1) + 1):
        written += tokens[width - 1].text
        code = _TABLE.get(written)
        if code in _FRONT and (written not in _WORDS or (code in _FRAMES and tokens[0].firm)):
            best = Found(code, width)
    if best is None or (not codes and best.code in _FRAMES):
        return None
    alone = "+" not in joined([best.code, *codes]) or _LOOSE.issuperset(codes)
    return best if alone else None


@lru_cache(maxsize=16_384)
def _mistyped(written: str) -> str:
    """The code of a long spelling that is one typing error away; empty without one."""
    if written in _NEAR:
        return _NEAR[written]
    return next((_NEAR[one] for one in sorted(_shortened(written)) if one in _NEAR), "")


def joined(codes: Sequence[str]) -> str:
    """Codes from the inside out as one: a frame and a form are the form, the same twice is once, others keep both."""
    kept: list[str] = []
    for code in codes:
        if not code or code in kept:
            continue
        if kept and (one := BOTH.get(f"{kept[-1]}+{code}")):
            kept[-1] = one
        else:
            kept.append(code)
    firm = [code for code in kept if code not in _LOOSE]
    return "+".join(firm or kept[-1:])


def canonical(form: str, country: str) -> str:
    """The form by the law of a country: one code where its languages have several (S.A. and N.V. in Belgium)."""
    twins = _TWINS.get(country)
    if not twins or not form:
        return form
    return "+".join(dict.fromkeys(twins.get(code, code) for code in form.split("+")))


def relation(left: str, right: str, country: str = "") -> Relation:
    """How two forms agree. ``missing``: one side says nothing, or less than the other, and nothing against it."""
    if left == right:
        return "equal" if left else "missing"
    ours = frozenset(filter(None, canonical(left, country).split("+")))
    theirs = frozenset(filter(None, canonical(right, country).split("+")))
    if ours == theirs:
        return "equal"
    return "missing" if ours <= theirs or theirs <= ours else "different"
