"""Streets, postal codes and cities as comparable texts. Compares only: what comes out is never written to a system."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from syncd.counterparties.folding import fold

_WORD: Final = re.compile(r"[^\W_]+")
_BOX: Final = re.compile(
    r"\b(?:p\.?\s?o\.?\s?box|postboks|postbus|postfach|skr(?:ytka)?\.?\s*poczt\w*\.?|bp|boks|box)\s*(\d+)"
)
# A floor, a flat, a staircase: two records of one company rarely agree on it.
_INSIDE: Final = re.compile(
    r"(?:,\s*|\s+)(?:\d+(?:st|nd|rd|th)?\.?\s+(?:floor|fl|etage|pietro|tr|sal|krs|og)\b|(?:floor|suite|ste|unit|apt|"
    r"apartment|room|flat|m\.|lok\.?|lokal|lgh\.?|pok\.?|int\.?|interno|piso|etage|top)\s*\.?\s*(?:[\w-]*\d[\w-]*|[a-z]\b)|[ivx]+\s+tr\b).*$"
)
_LAST: Final = re.compile(
    r"^(?P<street>.*?[^\W\d_].*?)[\s,.]*(?:\b(?:nr|no|num|numero|n)\.?\s*)?\b(?P<house>\d+)\s?(?P<letter>[a-z](?![^\W_]))?(?:\s?[-/].*)?$"
)
_FIRST: Final = re.compile(
    r"^(?P<house>\d+)(?P<letter>[a-z](?![^\W_]))?(?:\s?[-/]\s?\d+[a-z]?)?(?:\s(?:bis|ter|quater)\b)?[\s,]+(?P<street>.*[^\W\d_].*)$"
)
_LAST_OPEN: Final = re.compile(
    r"^(?P<street>.*?[^\W\d_]{2,}.*?)[\s,.]+(?P<house>\d+)\s?(?P<letter>[a-z](?![^\W_]))?\b.*$"
)

# What a street is called without saying which one: kept, in one spelling, where it tells two apart.
_KINDS: Final = """
ul ulica al aleja aleje os osiedle calle c cl cll carrer rue r rua street str st strasse strase straat strada utca u
iela g gatve the de la le les du des del della di dei el los las of v via =
pza = piazza pzza p plaza pza | viale = viale vle | corso = corso cso | av = avenida avda avenue ave av aven
paseo = paseo | bd = boulevard bd bld blvd bvd bulevardul bulevar | ch = chemin ch | pl = plac place pl platz plein
rte = route rte | allee = allee all | rd = road rd | ln = lane ln | dr = drive dr | sq = square sq | ct = court ct
pkwy = parkway pkwy | hwy = highway hwy | saint = saint sankt sint | ter = terrace ter | n = north | s = south
e = east | w = west
"""
# Compound names with their endings in one spelling: Kungsgatan is Kungsg.
_ENDINGS: Final = tuple(
    (ending, short)
    for short, endings in {
        "": "strasse straat str",  # also written apart, where it goes as a word
        "g": "gatan gata gaten gade gate",
        "v": "vagen veien vej veg vag",
        "k": "katu",
        "weg": "weg",
        "pl": "platz",
        "allee": "allee alle",
    }.items()
    for ending in endings.split()
)
_COMPOUND: Final = 4  # letters a compound must have before its ending: Hauptstr, not Astr

_FIVE: Final = "DE FR IT ES FI EE PL CZ SK SE GR HR TR LT UA RS ME MK MC SM VA MX"
_FOUR: Final = "AT CH LI NO DK BE HU LU SI BG CY LV AU"
_DIGITS: Final = {
    **dict.fromkeys(_FIVE.split(), 5),
    **dict.fromkeys(_FOUR.split(), 4),
    "RO": 6, "RU": 6, "US": 5, "IN": 6, "IS": 3, "FO": 3,
}  # fmt: skip
_PREFIX: Final = re.compile(r"^(?:[a-z]{1,2})[\s-]*(?=\d{3})")
_PIN: Final = {"GB", "IE", "CA", "NL", "MT", "JE", "GG", "IM"}

_CITIES: Final = """
warszawa=warsaw;warschau;varsovie|krakow=cracow;krakau|gdansk=danzig|wroclaw=breslau|poznan=posen|szczecin=stettin
munchen=munich;monachium|koln=cologne;keulen;kolonia|nurnberg=nuremberg|hannover=hanover|frankfurt=frankfurt am main
kobenhavn=copenhagen;kopenhagen|goteborg=gothenburg|helsinki=helsingfors|turku=abo|tampere=tammerfors|espoo=esbo
praha=prague;prag|brno=brunn|plzen=pilsen|wien=vienna|geneve=geneva;genf;ginevra|zurich=zurigo|basel=bale;basilea
bern=berne|bruxelles=brussels;brussel;brussel hoofdstad|antwerpen=antwerp;anvers|gent=ghent;gand|liege=luik;luttich
brugge=bruges|leuven=louvain|den haag=the hague;s gravenhage;sgravenhage|milano=milan;mailand|roma=rome;rom
torino=turin|firenze=florence;florenz|venezia=venice;venedig|napoli=naples;neapel|genova=genoa|padova=padua
lisboa=lisbon;lissabon|porto=oporto|sevilla=seville|zaragoza=saragossa|coruna=a coruna;la coruna|athina=athens;athen
thessaloniki=salonica|bucuresti=bucharest;bukarest|sofia=sofiya|beograd=belgrade|kyiv=kiev;kijow|lviv=lvov;lwow;lemberg
moskva=moscow;moskau|luxembourg=luxemburg;luxembourg ville|strasbourg=strassburg|nice=nizza|london=londres
"""
_SAME_CITY: Final = {
    fold(other): fold(name)
    for entry in _CITIES.strip().replace("\n", "|").split("|")
    for name, _, others in [entry.partition("=")]
    for other in others.split(";")
}


def _kinds() -> dict[str, str]:
    dropped, _, rest = _KINDS.partition("=")
    table = dict.fromkeys(dropped.split(), "")
    for entry in rest.strip().replace("\n", "|").split("|"):
        short, _, words = entry.partition("=")
        table |= dict.fromkeys(words.split(), short.strip())
    return table


_KIND: Final = _kinds()


@lru_cache(maxsize=8_192)
def street(raw: str) -> tuple[str, str]:
    """The street's name as comparable text, and the house number with its letter; each empty when there is none.

    Flats and floors go: two systems rarely agree on them. The number may stand in front or behind.
    """
    text = " ".join(fold(raw).replace("\n", ", ").split())
    if box := _BOX.search(text):
        return "pobox", box[1]
    text = _INSIDE.sub("", text)
    found = _LAST.match(text) or _FIRST.match(text) or _LAST_OPEN.match(text)
    if found is None:
        return _plain_street(text), ""
    return _plain_street(found["street"]), found["house"].lstrip("0") + (found["letter"] or "")


def _plain_street(text: str) -> str:
    words = _WORD.findall(text)
    kept = [short for word in words if (short := _KIND.get(word, _compound(word)))]
    return " ".join(kept) or " ".join(words)


def _compound(word: str) -> str:
    for ending, short in _ENDINGS:
        if word.endswith(ending) and len(word) >= len(ending) + _COMPOUND:
            return word[: -len(ending)] + short
    return word


@lru_cache(maxsize=8_192)
def postal(raw: str, country: str = "") -> str:
    """A postal code without country prefix and separators; leading zeros that a spreadsheet ate are put back."""
    text = fold(raw).strip()
    if country not in _PIN:
        text = _PREFIX.sub("", text)
    if country == "US":
        text = text.partition("-")[0]
    text = "".join(letter for letter in text if letter.isalnum())
    digits = _DIGITS.get(country, 0)
    if text.isdigit() and 0 < digits - len(text) <= _EATEN:
        return text.zfill(digits)
    return text


@lru_cache(maxsize=8_192)
def city(raw: str) -> str:
    """A city's own name, folded: without postal code, district number and brackets; Munich is munchen."""
    text = _BRACKETS.sub(" ", fold(raw))
    words = [word for word in _WORD.findall(text) if not any(letter.isdigit() for letter in word) and word != "cedex"]
    words = ["saint" if word in {"st", "ste", "sankt"} else word for word in words]
    while len(words) > 1 and len(words[-1]) == 1:  # a district of Copenhagen
        words.pop()
    text = " ".join(words)
    return _SAME_CITY.get(text, text)


_BRACKETS: Final = re.compile(r"\([^)]*\)")
_EATEN: Final = 2  # leading zeros at most
