"""VAT numbers: one text such as ``DK 10 00 79 19``, or country prefix and number in two fields. Checks no checksum."""

from __future__ import annotations

import re
from random import Random
from typing import ClassVar, Final

from syncd.core.model import Side, Value
from syncd.mapping.lenses.base import TEXTS, Lens, LensSpec, Place, as_text, single
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import Unfit

_JUNK: Final = re.compile(r"[\s.\-/_,:\u00a0\u2013\u2014]+")
_NUMBER: Final = re.compile(r"[0-9A-Z+*]{1,40}")

_SPECIAL: Final = "EL EU XI XU"
_ISO_3166: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
PREFIXES: Final = frozenset((_ISO_3166 + " " + _SPECIAL).split())
"""Country prefixes: ISO 3166-1 two-letter codes, EL (Greece), EU (one-stop shop), XI (Northern Ireland)."""


class VatNumber(LensSpec):
    """A VAT number, compared without blanks, dots, dashes and case: ``DK10007919``.

    Where a side has two fields they are the prefix and the number; a number without a known prefix goes there with an
    empty prefix. Flowtly's fields are ``[tinCountry, tin]`` unless the mapping names others. Prefixes are kept as they
    are: Greece may say EL or GR.
    """

    word: ClassVar[str] = "vat_number"
    example: ClassVar[str] = "tin: {external: vat_no, through: vat_number}"

    def on_side(self, side: Side, place: Place) -> Lens | None:
        """Joined where there is one raw name, split where there are two."""
        if place.arity[side] == 2:  # noqa: PLR2004 - prefix and number
            return Lens(_read_pair, _write_pair, lambda rng, lookups: split(_sample(rng, lookups)[0]), 2, TEXTS)
        return single(normal, normal, _sample, TEXTS)


def normal(value: Value) -> str | None:
    """One spelling of a VAT number; null when nothing is left of it. Raises Unfit."""
    text = _JUNK.sub("", as_text(value)).upper()
    if not text:
        return None
    if _NUMBER.fullmatch(text) is None:
        raise Unfit("not a VAT number: it has characters other than letters and digits, or is too long")
    return text


def split(value: Value) -> tuple[str | None, str | None]:
    """Prefix and number; the prefix is None when the number starts with no known one followed by a number."""
    if value is None:
        return None, None
    text = as_text(value)
    prefix, rest = text[:2], text[2:]
    if prefix in PREFIXES and any(letter.isdigit() for letter in rest):
        return prefix, rest
    return None, text


def _read_pair(raw: tuple[Value, ...], _: Lookups) -> Value:
    prefix, number = (None if part is None else normal(part) for part in raw)
    if number is None:
        return None
    if prefix is None or (number.startswith(prefix) and split(number)[0] == prefix):
        return number
    return prefix + number


def _write_pair(value: Value, _: Lookups) -> tuple[Value, ...]:
    return split(None if value is None else normal(value))


def _sample(rng: Random, _: Lookups) -> tuple[Value, ...]:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(8, 11)))
    prefix = rng.choice(("", "DK", "PL", "EL", "XI", "CHE", "ATU", "GB"))
    return (prefix + digits,)
