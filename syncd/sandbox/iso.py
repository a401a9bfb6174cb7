"""Countries and currencies: the ISO codes a server accepts, and the shorter list an administrator has set up.

Source: ISO 3166-1 alpha-2 and the active ISO 4217 codes. Must never grow into a place for business rules.
"""

from __future__ import annotations

from typing import Final

from syncd.sandbox.config import IRI_PREFIX

_COUNTRY_TEXT: Final = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV
    TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""

_CURRENCY_TEXT: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""

COUNTRY_CODES: Final = frozenset(_COUNTRY_TEXT.split())
CURRENCY_CODES: Final = frozenset(_CURRENCY_TEXT.split())

COUNTRIES: Final[tuple[tuple[str, str], ...]] = (
    ("PL", "Poland"),
    ("DK", "Denmark"),
    ("SE", "Sweden"),
    ("DE", "Germany"),
    ("NO", "Norway"),
    ("FI", "Finland"),
    ("NL", "Netherlands"),
    ("BE", "Belgium"),
    ("FR", "France"),
    ("ES", "Spain"),
    ("PT", "Portugal"),
    ("IT", "Italy"),
    ("AT", "Austria"),
    ("CH", "Switzerland"),
    ("CZ", "Czechia"),
    ("SK", "Slovakia"),
    ("HU", "Hungary"),
    ("RO", "Romania"),
    ("BG", "Bulgaria"),
    ("GR", "Greece"),
    ("HR", "Croatia"),
    ("SI", "Slovenia"),
    ("EE", "Estonia"),
    ("LV", "Latvia"),
    ("LT", "Lithuania"),
    ("IE", "Ireland"),
    ("GB", "United Kingdom"),
    ("LU", "Luxembourg"),
    ("MT", "Malta"),
    ("CY", "Cyprus"),
    ("IS", "Iceland"),
    ("UA", "Ukraine"),
    ("US", "United States"),
    ("CA", "Canada"),
    ("JP", "Japan"),
)
"""What this tenant has: more than one default page, fewer than ISO knows. The id of each is its place, from 1."""

CURRENCIES: Final[tuple[tuple[str, str], ...]] = (
    ("PLN", "Polish zloty"),
    ("DKK", "Danish krone"),
    ("SEK", "Swedish krona"),
    ("EUR", "Euro"),
    ("NOK", "Norwegian krone"),
    ("CHF", "Swiss franc"),
    ("CZK", "Czech koruna"),
    ("HUF", "Hungarian forint"),
    ("GBP", "Pound sterling"),
    ("USD", "US dollar"),
    ("CAD", "Canadian dollar"),
    ("JPY", "Japanese yen"),
)
"""The same for currencies."""


def country_iri(code: str) -> str:
    """The IRI of a country of this tenant. Raises KeyError for one it does not have."""
    return _COUNTRY_IRIS[code]


def currency_iri(code: str) -> str:
    """The IRI of a currency of this tenant. Raises KeyError for one it does not have."""
    return _CURRENCY_IRIS[code]


_COUNTRY_IRIS: Final = {code: f"{IRI_PREFIX}/countries/{place}" for place, (code, _) in enumerate(COUNTRIES, 1)}
_CURRENCY_IRIS: Final = {code: f"{IRI_PREFIX}/currencies/{place}" for place, (code, _) in enumerate(CURRENCIES, 1)}
