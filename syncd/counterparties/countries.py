"""Country codes as people write them. A text it does not know stays what it is: it never agrees by guess."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Code, ISO 3166-1 alpha-3, English name, own names: those of the countries whose tax numbers are checked and their
# neighbours. Others are known by their two letters only.
_TABLE: Final = """
AD AND Andorra|AE ARE United Arab Emirates|AL ALB Albania;Shqipëria|AR ARG Argentina|AT AUT Austria;Österreich
AU AUS Australia|BA BIH Bosnia and Herzegovina;Bosna i Hercegovina|BE BEL Belgium;België;Belgique;Belgien
BG BGR Bulgaria;България|BR BRA Brazil;Brasil|BY BLR Belarus;Беларусь|CA CAN Canada
CH CHE Switzerland;Schweiz;Suisse;Svizzera|CL CHL Chile|CN CHN China|CO COL Colombia|CY CYP Cyprus;Κύπρος
CZ CZE Czechia;Czech Republic;Česko;Česká republika|DE DEU Germany;Deutschland;Niemcy;Tyskland|DK DNK Denmark;Danmark
EE EST Estonia;Eesti|ES ESP Spain;España|FI FIN Finland;Suomi|FO FRO Faroe Islands;Føroyar|FR FRA France
GB GBR United Kingdom;Great Britain;England;Scotland;Wales|GL GRL Greenland;Grønland|GR GRC Greece;Ελλάδα
HR HRV Croatia;Hrvatska|HU HUN Hungary;Magyarország|IE IRL Ireland;Éire|IL ISR Israel|IM IMN Isle of Man|IN IND India
IS ISL Iceland;Ísland|IT ITA Italy;Italia;Italien|JP JPN Japan|KR KOR South Korea;Republic of Korea
LI LIE Liechtenstein|LT LTU Lithuania;Lietuva|LU LUX Luxembourg;Luxemburg|LV LVA Latvia;Latvija|MC MCO Monaco
MD MDA Moldova|ME MNE Montenegro;Crna Gora|MK MKD North Macedonia;Macedonia|MT MLT Malta|MX MEX Mexico;México
NL NLD Netherlands;The Netherlands;Nederland;Holland|NO NOR Norway;Norge;Noreg|NZ NZL New Zealand|PL POL Poland;Polska
PT PRT Portugal|RO ROU Romania;România|RS SRB Serbia;Srbija;Србија|RU RUS Russia;Russian Federation;Россия
SE SWE Sweden;Sverige|SI SVN Slovenia;Slovenija|SK SVK Slovakia;Slovensko;Slovak Republic|SM SMR San Marino
TR TUR Turkey;Türkiye|UA UKR Ukraine;Україна|US USA United States;United States of America|ZA ZAF South Africa
"""
CODES: Final = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()  # noqa: SIM905 - a list of two hundred and fifty strings is harder to read
)
"""ISO 3166-1 alpha-2."""
_OTHER_CODES: Final = {"EL": "GR", "UK": "GB", "XI": "GB"}
_JUNK: Final = re.compile(r"[\W_]+")


def _plain(text: str) -> str:
    loose = unicodedata.normalize("NFKD", text.casefold())
    return _JUNK.sub("", "".join(letter for letter in loose if not unicodedata.combining(letter)))


def _words() -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _TABLE.strip().replace("\n", "|").split("|"):
        code, alpha3, names = row.split(" ", 2)
        found.update(dict.fromkeys(map(_plain, (code, alpha3, *names.split(";"))), code))
    return found | {_plain(other): code for other, code in _OTHER_CODES.items()}


_WORDS: Final = _words()


@lru_cache(maxsize=4096)
def country(raw: str) -> str:
    """ISO 3166-1 code of a code or name, ``GR`` for ``EL``. What it does not know comes back in plain letters."""
    plain = _plain(raw)
    return _WORDS.get(plain, plain.upper())
