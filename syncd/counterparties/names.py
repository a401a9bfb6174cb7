"""Company names taken apart: stem, legal form, numerals. Never drops a word that could tell two companies apart.

What is noise goes: a customer code in front, *trading as*, a status such as *in liquidation*. What may be noise or
identity stays: a city at the end goes only when it is the record's own (:func:`without_city`), a city or a number
inside the name never does.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from syncd.counterparties import forms
from syncd.counterparties.addresses import city as plain_city
from syncd.counterparties.folding import fold
from syncd.counterparties.forms import Token
from syncd.counterparties.party import Name

# A word with its inner apostrophes, letters between dots or slashes (S.p.A., A/S), or an and-sign.
_TOKEN: Final = re.compile(
    r"(?<![^\W_])[^\W\d_](?:(?:[./]+[^\W\d_])+(?![^\W_])|\.)"
    r"|[^\W_]+(?:['\u2019\u2018`\u00b4][^\W_]+)*"
    r"|[&+]"
)
_SEGMENTS: Final = re.compile(r"\s+[-\u2013\u2014|/]+\s+|\s*[,;()\[\]{}]+\s*")
_TRADING_AS: Final = re.compile(
    r"\s(?:t/a|d/b/a|dba|trading as|doing business as|formerly|vormals|dawniej)\s.*$", re.IGNORECASE
)
_SOLE_TRADER: Final = re.compile(r"(?:^I\.\s?I\.\s|\sI\.\s?I\.?\s*$)")
_CODE: Final = re.compile(r"^\W*(?P<code>\d{4,})\W+(?=\S)")
_DIGITS: Final = re.compile(r"\d+")
_ROMAN: Final = re.compile(r"(?:x{0,3})(?:ix|iv|v?i{0,3})")
_VALUE: Final = {"i": 1, "v": 5, "x": 10}

_AND: Final = frozenset(("&", "+", "and", "und", "et", "och", "og", "oraz", "ja"))
_FILLERS: Final = _AND | {"the", "of"}
_NUMBER_WORDS: Final = frozenset(("nr", "no", "num", "numero", "number"))
_PARTNERSHIPS: Final = frozenset(("snc", "sas", "ss"))
_PARTNERS: Final = frozenset(("co", "cie", "cia", "company", "c"))
# A number in front that is the name: companies named by their number, by their house, by a year or a round figure.
_NUMBERED: Final = frozenset(
    ("canada", "quebec", "ontario", "alberta", "bc", "manitoba", "street", "st", "avenue", "ave", "road", "rd", "drive",
     "dr", "lane", "boulevard", "blvd", "north", "south", "east", "west", "n", "s", "e", "w")
)  # fmt: skip
# Words that are short in one system and spelled out, or spelled the other way, in the next.
_WORDS: Final = {
    "intl": "international", "mfg": "manufacturing", "mgmt": "management", "svc": "service", "svcs": "services",
    "assn": "association", "assoc": "association", "bros": "brothers", "natl": "national", "univ": "university",
    "gebr": "gebruder", "flli": "fratelli", "centre": "center", "organisation": "organization",
}  # fmt: skip
# The activities of small Polish firms, spelled out in one system and short in the other.
_SHORT: Final = (
    ("przedsiebiorstwo produkcyjno handlowo uslugowe", "pphu"),
    ("przedsiebiorstwo handlowo uslugowe", "phu"),
    ("przedsiebiorstwo uslugowo handlowe", "puh"),
    ("przedsiebiorstwo wielobranzowe", "pw"),
    ("firma handlowo uslugowa", "fhu"),
    ("firma uslugowo handlowa", "fuh"),
    ("zaklad uslugowo handlowy", "zuh"),
)


@lru_cache(maxsize=8_192)
def take_apart(raw: str, city: str = "") -> Name:
    """A name's stem, form and numerals; ``city`` is the record's own, taken off the end of the name where it stands."""
    text = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
    text = _TRADING_AS.sub("", text)
    sole = _SOLE_TRADER.search(text)
    if sole and sole.group().strip() != text.strip():
        text = text[: sole.start()] + " " + text[sole.end() :]
    text = _without_code(text)
    tokens, tail = _tokens(text)
    tokens, tail = _off_the_end(tokens, tail, city)
    tokens, codes = _without_forms(tokens)
    if not codes and 0 < tail < len(tokens):
        before, codes = _without_forms(tokens[:-tail])
        tokens = [*before, *tokens[-tail:]] if codes else tokens
    if not codes:
        tokens, codes = _partnership(tokens)
    if sole:
        codes.append("iind")
    stem = _stem(tokens)
    return Name(raw, stem, forms.joined(codes), _numerals(stem))


def without_city(name: Name, city: str) -> Name:
    """The name without a city at its end, when it is this one: ``ACME - Köln`` of a record in Köln is ACME."""
    own = plain_city(city)
    if own and any(plain_city(" ".join(name.tokens[-width:])) == own for width in range(1, _CITY_WORDS + 1)):
        return take_apart(name.raw, city)
    return name


def cut_short(short: str, whole: str) -> bool:
    """Whether the first raw name may be the second, cut off by a field that was too small."""
    left, right = forms.compact(short), forms.compact(whole)
    return len(short.strip()) >= _CUT_FROM and len(left) < len(right) and right.startswith(left)


_CITY_WORDS: Final = 3  # at most, in the name of a city
_CUT_FROM: Final = 17  # characters; nobody's name field is smaller


def _without_code(text: str) -> str:
    found = _CODE.match(text)
    if found is None:
        return text
    code, rest = found["code"], text[found.end() :]
    words = [fold(one) for one in re.findall(r"[^\W_]+", rest)[:4]]
    # A single letter is a point of the compass in front only: 957 W Grace Street, not 44214 Foo S.r.l.
    words = words[:1] + [one for one in words[1:] if len(one) > 1]
    if not any(len(one) > 1 and not one.isdigit() for one in words) or forms.is_form(rest):
        return text
    if not _NUMBERED.isdisjoint(words):
        return text
    year_or_round = len(code) == 4 and (code[:2] in ("19", "20") or code.endswith("00"))  # noqa: PLR2004
    return text if year_or_round else rest


def _tokens(text: str) -> tuple[list[Token], int]:
    """The tokens, and how many of them stand behind the last separator (0 without one)."""
    mixed = not (text.isupper() or text.islower())
    tokens: list[Token] = []
    tail = 0
    for segment in _SEGMENTS.split(text):
        words = [token for written in _TOKEN.findall(segment) if (token := _token(written, mixed)).text]
        if words:
            tail = len(words) if tokens else 0
            tokens += words
    return tokens, tail


@lru_cache(maxsize=32_768)
def _token(written: str, mixed: bool) -> Token:
    """A word as written, in a name of capitals and small letters or not, folded; without dots and slashes."""
    folded = fold(written)
    tight = "." in written or "/" in written
    if tight:
        folded = "".join(letter for letter in folded if letter.isalnum())
    return Token(folded, tight or (mixed and len(written) > 1 and written[1:].isupper()), tight)


def _off_the_end(tokens: list[Token], tail: int, city: str) -> tuple[list[Token], int]:
    """Without the record's own city behind a separator or behind a legal form."""
    words = plain_city(city).split()
    if not words:
        return tokens, tail
    for width in {tail, len(city.split()), len(words)}:
        if 0 < width < len(tokens) and plain_city(" ".join(one.text for one in tokens[-width:])).split() == words:
            rest = tokens[:-width]
            if width == tail or forms.at_end(rest) is not None:
                return rest, 0
    return tokens, tail


def _without_forms(tokens: list[Token]) -> tuple[list[Token], list[str]]:
    """The tokens without legal forms at the end, or else in front, and the codes from the inside out."""
    codes: list[str] = []
    while (found := forms.at_end(tokens, inner=any(codes))) is not None:
        rest = tokens[: -found.width]
        tokens = rest
        codes.insert(0, found.code)
        if tokens[-1].text in _AND and len(tokens) > 1:
            tokens = tokens[:-1]
    if any(codes):
        tokens = _without_partners(tokens)
    codes = [code for code in codes if code]
    if codes == ["kg"]:
        tokens, codes = _with_partner(tokens)
    front = forms.in_front(tokens, codes)
    if front is not None:
        tokens = tokens[front.width :]
        codes.insert(0, front.code)
    return tokens, codes


def _without_partners(tokens: list[Token]) -> list[Token]:
    """Without *& C.*, *& Co.* at the end: there are partners, which the form says as well."""
    if len(tokens) > 2 and tokens[-1].text in _PARTNERS and tokens[-2].text in _AND:  # noqa: PLR2004
        return tokens[:-2]
    return tokens


def _with_partner(tokens: list[Token]) -> tuple[list[Token], list[str]]:
    """*Foo GmbH & Co. Betriebs KG*: the words between the two halves of the form are the name's."""
    texts = [one.text for one in tokens]
    for at in range(1, len(texts) - 1):
        if texts[at] in {"gmbh", "mbh"}:
            after = at + 2 if texts[at + 1] in _AND else at + 1
            if texts[after : after + 1] == ["co"]:
                return [*tokens[:at], *tokens[after + 1 :]], ["gmbhcokg"]
    return tokens, ["kg"]


def _partnership(tokens: list[Token]) -> tuple[list[Token], list[str]]:
    """*Foo S.n.c. di Mario Rossi & C.*, *Foo s.c. Jan Nowak*: a partnership has its partners behind its form."""
    for at in range(1, len(tokens) - 1):
        one, after = tokens[at], tokens[at + 1].text
        if (one.text in _PARTNERSHIPS and after in {"di", "dei", "del"}) or (one.text == "sc" and one.firm):
            rest = [*tokens[:at], *tokens[at + 1 :]]
            return _without_partners(rest), [one.text]
    return tokens, []


def _stem(tokens: list[Token]) -> tuple[str, ...]:
    """The words that are the name: without *and*, *the* and *no.*, single letters in a row as one, numerals arabic."""
    words = [one.text for one in tokens]
    kept: list[str] = []
    run: list[str] = []
    for at, word in enumerate(words):
        if len(word) == 1 and word.isalpha():
            run.append(word)
            continue
        _close(kept, run)
        number_next = at + 1 < len(words) and _number(words[at + 1])
        if word not in _FILLERS and not (word in _NUMBER_WORDS and number_next):
            kept.append(_number(word) or _WORDS.get(word, word))
    last_letter = len(run) == 1 and bool(kept) and run[0] in _VALUE
    _close(kept, [str(_VALUE[run[0]])] if last_letter else run)
    return tuple(_shorter(kept)) or tuple(words)


def _close(kept: list[str], run: list[str]) -> None:
    if run:
        kept.append("".join(run))
        run.clear()


def _shorter(words: list[str]) -> list[str]:
    text = " ".join(words)
    if "owo" in text or "przedsieb" in text:
        for phrase, short in _SHORT:
            text = text.replace(phrase, short)
        return text.split()
    return words


@lru_cache(maxsize=32_768)
def _number(word: str) -> str:
    """A numeral in arabic digits without leading zeros; empty when the word is none. One letter alone is none."""
    if word.isdigit():
        return word.lstrip("0") or "0"
    if len(word) > 1 and word[0] in _VALUE and _ROMAN.fullmatch(word):
        values = [_VALUE[letter] for letter in word]
        return str(sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True)))
    return ""


def _numerals(stem: tuple[str, ...]) -> frozenset[str]:
    """The numbers in a stem, also those inside a word: Track24 is Track 24."""
    return frozenset(one.lstrip("0") or "0" for word in stem for one in _DIGITS.findall(word))
