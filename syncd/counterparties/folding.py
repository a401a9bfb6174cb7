"""Texts as plain lower-case letters and digits, so that one word written two ways is one. Never drops a letter unread.

Diacritics are lost in two ways: Göteborg becomes Goteborg in one system and Goeteborg in the next. Both must meet, and
the only way is to take ``oe`` for ``o``. The price is that Boeing becomes boing; it does so on both sides.
Greek and Cyrillic letters are spelled with latin ones; letters of other scripts stay as they are.
"""

# ruff: noqa: RUF001 - the tables are of letters that look like others

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LATIN: Final = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t",
    "ŋ": "n", "ĸ": "k", "ə": "a", "ƒ": "f",
}  # fmt: skip
# Apostrophes are not in a word: D'Or and DOr are one. An ordinal mark and a soft hyphen say nothing.
_NOTHING: Final = "'`\u2019\u2018\u00b4\u02bc\u2032\u02b9\u02ba\u00ad\u200b\u200c\u200d\ufeff\u00ba\u00aa\u00b0"
_CYRILLIC: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "к": "k",
    "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh",
    "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
    "і": "i", "є": "ye", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "dj", "џ": "dz", "ѓ": "gj", "ќ": "kj",
    "ѕ": "dz",
}  # fmt: skip
_GREEK: Final = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_LETTERS: Final = str.maketrans({**_LATIN, **_CYRILLIC, **_GREEK})
_SILENT: Final = str.maketrans(dict.fromkeys(_NOTHING, ""))
_MARKS: Final = re.compile("[\u0300-\u036f\u0483-\u0489]+")

# A written-out umlaut stands after a consonant, or at the start of a word: Bauer, Neue and Marques have none. Words of
# three letters keep theirs (Joe, Mae), and so does -ue at the end (Blue); Scandinavian aa is å anywhere.
_WRITTEN_OUT: Final = re.compile(
    r"(?<![aeioquy])(?:(?P<ae>ae)(?!\b)|(?P<oe>oe)|(?P<ue>ue)(?!\b))|(?P<aa>(?<!a)aa(?!a))",
)
_WORD: Final = re.compile(r"[^\W\d_]{4,}")


@lru_cache(maxsize=32_768)
def fold(text: str) -> str:
    """The text in plain lower-case letters; its spaces and punctuation stay, but for apostrophes.

    Folding twice gives what folding once gives.
    """
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain.translate(_SILENT))
        plain = _MARKS.sub("", plain).casefold().translate(_LETTERS).translate(_SILENT)
    elif "'" in plain or "`" in plain:
        plain = plain.translate(_SILENT)
    if "ae" in plain or "oe" in plain or "ue" in plain or "aa" in plain:
        plain = _WORD.sub(_one_letter, plain)
    return plain


def _one_letter(word: re.Match[str]) -> str:
    """One word with its written-out umlauts taken back, until none is left."""
    text = word.group()
    while True:
        shorter = _WRITTEN_OUT.sub(lambda found: found.group()[0], text)
        if shorter == text or len(shorter) < 4:  # noqa: PLR2004 - as _WORD
            return shorter
        text = shorter
