"""Tax numbers: one form where the check digits fit, else the reason. Asks no register and never guesses a country.

The record's country is tried first, then the prefix that is written; a number without both is not valid, whatever
country it would pass in. Checks accept placeholders (``0000000000`` is a correct Polish number), so those are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from importlib import import_module
from typing import Final

from stdnum.exceptions import ValidationError

from syncd.counterparties.countries import CODES
from syncd.counterparties.countries import country as country_code
from syncd.counterparties.party import TaxNumber

# Numbers with check digits only: where any digits pass, equality proves nothing.
_MODULES: Final = {
    "AR": "ar.cuit", "AT": "at.uid", "AU": "au.abn", "BE": "be.vat", "BG": "bg.vat", "BR": "br.cnpj", "BY": "by.unp",
    "CA": "ca.bn", "CH": "ch.uid", "CL": "cl.rut", "CN": "cn.uscc", "CO": "co.nit", "CY": "cy.vat", "CZ": "cz.dic",
    "DE": "de.vat", "DK": "dk.cvr", "EE": "ee.kmkr", "ES": "es.nif", "FI": "fi.alv", "FR": "fr.tva", "GB": "gb.vat",
    "GR": "gr.vat", "HR": "hr.oib", "HU": "hu.anum", "IE": "ie.vat", "IL": "il.hp", "IN": "in_.gstin",
    "IS": "is_.kennitala", "IT": "it.iva", "JP": "jp.cn", "KR": "kr.brn", "LI": "ch.uid", "LT": "lt.pvm",
    "LU": "lu.tva", "LV": "lv.pvn", "MC": "mc.tva", "MD": "md.idno", "ME": "me.pib", "MK": "mk.edb", "MT": "mt.vat",
    "MX": "mx.rfc", "NL": "nl.btw", "NO": "no.orgnr", "NZ": "nz.ird", "PL": "pl.nip", "PT": "pt.nif", "RO": "ro.cui",
    "RS": "rs.pib", "RU": "ru.inn", "SE": "se.vat", "SI": "si.ddv", "SK": "sk.dph", "TR": "tr.vkn", "TW": "tw.ubn",
    "UA": "ua.edrpou",
}  # fmt: skip
_AS_PREFIX: Final = {"EL": "GR", "XI": "GB", "UK": "GB"}
_AS_COUNTRY: Final = {"AX": "FI", "GF": "FR", "GP": "FR", "IM": "GB", "MQ": "FR", "RE": "FR", "SJ": "NO", "YT": "FR"}

_JUNK: Final = re.compile(r"[^0-9A-Z+*]+")
_DIGIT: Final = re.compile(r"[0-9]")
_NOT_A_DIGIT: Final = re.compile(r"[^0-9]+")
_LABEL: Final = re.compile(
    r"(?:NIPUE|NIP|VATREGNO|VATNUMBER|VATNO|VATID|VAT|TAXID|TAXNO|TIN|USTIDNR|USTID|MWSTNR|UID|CVRNR|CVR|ORGNR|ORGNUMMER|MOMSNR"
    r"|BTWNR|BTW|NTVA|TVAINTRACOM|TVA|PARTITAIVA|PIVA|CIF|NIF|ICDPH|DIC|ICO|OIB|SIRET|SIREN|YTUNNUS)(?=.*[0-9])"
)
CHECKED: Final = frozenset(_MODULES)
"""The countries whose numbers can be checked."""

PLACEHOLDER: Final = "a placeholder"
_NO_CHECK: Final = "no check is known"
_NO_COUNTRY: Final = "no country"
_NOT_JUDGED: Final = (_NO_CHECK, _NO_COUNTRY)
_LONGEST: Final = 20
_SHORT: Final = 8  # below this, the last digits are too large a part to be left out when a pattern is looked for
_CHECK_DIGITS: Final = 2
_RUN: Final = 6  # 123456 at the start: one genuine number in a million begins like that
_UP: Final = "01234567890123456789"
_DOWN: Final = _UP[::-1]


def tax_number(raw: str, country: str) -> TaxNumber:
    """The number as ``PL5261040828``, or why it is none. Greece is ``GR``, Northern Ireland ``GB``."""
    if not raw or raw.isspace():
        return TaxNumber(raw)
    home = country_code(country)
    home, text = _AS_COUNTRY.get(home, home), _cleaned(raw, labelled=home != "MX")
    if not _DIGIT.search(text):
        return TaxNumber(raw, "", "", "not a tax number: there is no digit in it")
    prefix = _prefix(text)
    tried = [one for one in dict.fromkeys((home, prefix)) if one in _MODULES]
    bare = _bare(text, prefix or home)
    if len(text) > _LONGEST:
        return TaxNumber(raw, "", bare[:_LONGEST], "too long for a tax number")
    if problem := placeholder(bare):
        return TaxNumber(raw, "", bare, problem)
    for code in tried:
        if passed := _checked(code, _bare(text, code) if prefix in {code, ""} else text):
            problem = placeholder(passed)  # once more: a leading zero may have been put back
            return TaxNumber(raw, "" if problem else code + passed, passed, problem)
    return TaxNumber(raw, "", bare, _complaint(home, prefix or _foreign(text), tried))


def at_home(raw: str, country: str) -> str:
    """A number that names no country with the prefix of this one, where it is valid there; any other as it is."""
    if not country or not tax_number(raw, "").problem.startswith(_NO_COUNTRY):
        return raw
    return tax_number(raw, country).valid or raw


def fault(raw: str, country: str) -> str:
    """Why a number is bad; empty for one that passes, and for one that no check can judge."""
    problem = tax_number(raw, country).problem
    return "" if problem.startswith(_NOT_JUDGED) else problem


def placeholder(number: str) -> str:
    """Why nobody was ever given such a number: one digit over and over, or counting. Empty for others."""
    digits = _NOT_A_DIGIT.sub("", number)
    if not digits:
        return ""
    body = digits[:-_CHECK_DIGITS] if len(digits) >= _SHORT else digits
    if len(set(body)) == 1:
        return f"{PLACEHOLDER}: one digit over and over"
    if digits in _UP or digits in _DOWN or digits[:_RUN] in {"123456", "012345", "987654"}:
        return f"{PLACEHOLDER}: digits that count up or down"
    return ""


def _cleaned(raw: str, *, labelled: bool) -> str:
    """Capitals and digits, without what people write in front. A Mexican number begins with letters of its own."""
    text = _JUNK.sub("", (raw if raw.isascii() else unicodedata.normalize("NFKD", raw)).upper())
    while labelled and (found := _LABEL.match(text)):
        text = text[found.end() :]
    return text


def _prefix(text: str) -> str:
    """The country a number's own first two letters name; empty when they name none."""
    code = _AS_PREFIX.get(text[:2], text[:2])
    return code if code in _MODULES and _DIGIT.search(text, 2) else ""


def _bare(text: str, code: str) -> str:
    """Without its prefix and in the short form of its country, whether or not it passes."""
    if text[:2] == code or _AS_PREFIX.get(text[:2]) == code:
        text = text[2:]
    return _SHORTER[code](text) if code in _SHORTER else text


def _foreign(text: str) -> str:
    """The country of a prefix whose numbers nobody can check, ``EU`` for the one-stop shop; empty for none."""
    return text[:2] if text[:2] in CODES | {"EU"} and text[:2] not in _MODULES and _DIGIT.search(text, 2) else ""


def _complaint(home: str, prefix: str, tried: list[str]) -> str:
    if tried and (not prefix or prefix in tried):
        return f"not a number of {' or '.join(tried)}: length, letters or check digits do not fit"
    if home or prefix:
        return f"{_NO_CHECK} for numbers of {prefix or home}"
    return f"{_NO_COUNTRY}: neither the record nor the number names one"


def _checked(code: str, number: str) -> str:
    """The canonical form in its country, empty when it does not pass."""
    for form in (number, *_longer(code, number)):
        try:
            passed = _validate(code)("CH" + form if _MODULES[code] == "ch.uid" else form)
        except ValidationError:
            continue
        return _bare(passed, "CH" if _MODULES[code] == "ch.uid" else code)
    return ""


_loaded: Final[dict[str, Callable[[str], str]]] = {}


def _validate(code: str) -> Callable[[str], str]:
    """The library's check, loaded when first asked for: most firms meet a handful of countries."""
    if code not in _loaded:
        _loaded[code] = import_module("stdnum." + _MODULES[code]).validate
    return _loaded[code]


def _longer(code: str, number: str) -> tuple[str, ...]:
    """Other numbers of the same legal person from which the tax number follows, as that number."""
    if not number.isdigit():
        return ()
    return tuple(made for made in (rule(number) for rule in _FOLLOWS.get(code, ())) if made)


def _french(number: str) -> str:
    """SIREN, or SIRET of an establishment: the key of a French number is computed from the SIREN."""
    lengths = {9: "fr.siren", 14: "fr.siret"}
    if len(number) not in lengths:
        return ""
    try:
        import_module("stdnum." + lengths[len(number)]).validate(number)
    except ValidationError:
        return ""
    return f"{(12 + 3 * (int(number[:9]) % 97)) % 97:02}{number[:9]}"


def _padded(length: int) -> Callable[[str], str]:
    """One leading zero, which spreadsheets eat."""
    return lambda number: "0" + number if len(number) == length - 1 else ""


def _swedish(number: str) -> str:
    return number + "01" if len(number) == 10 else ""  # noqa: PLR2004 - an organisation number


def _austrian(number: str) -> str:
    return "U" + number if len(number) == 8 else ""  # noqa: PLR2004 - ATU is often written AT


_FOLLOWS: Final[dict[str, tuple[Callable[[str], str], ...]]] = {
    "AT": (_austrian,), "CZ": (_padded(8),), "FI": (_padded(8),), "FR": (_french,), "IT": (_padded(11),),
    "SE": (_swedish,),
}  # fmt: skip


def _swiss(text: str) -> str:
    found = re.fullmatch(r"E?([0-9]{9})(?:MWST|TVA|IVA|TPV|VAT|HR)?", text)
    return "E" + found[1] if found else text


def _norwegian(text: str) -> str:
    return text.removesuffix("MVA")


def _first(length: int, *, of: int) -> Callable[[str], str]:
    """The part that names the legal person; what follows names its branch or its office."""
    return lambda text: text[:length] if len(text) == of and text.isdigit() else text


_SHORTER: Final[dict[str, Callable[[str], str]]] = {
    "CH": _swiss, "LI": _swiss, "GB": _first(9, of=12), "HU": _first(8, of=11), "NO": _norwegian,
}  # fmt: skip
