"""How one company's records come to look unlike: spelling, typing errors, fields that are too small, habits of people."""

from __future__ import annotations

import unicodedata
from random import Random

_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa", "æ": "ae"})  # fmt: skip
_PLAIN = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "Æ": "AE", "đ": "d"})
_FIELD = 30  # characters of a name field of old


def without_diacritics(text: str, rng: Random) -> str:
    """One of the two ways in which diacritics are lost."""
    if rng.random() < 0.3:
        text = text.translate(_GERMAN)
    loose = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(letter for letter in loose if not unicodedata.combining(letter))


def cased(text: str, rng: Random) -> str:
    chance = rng.random()
    if chance < 0.22:
        return text.upper()
    if chance < 0.27:
        return text.lower()
    if chance < 0.32:
        return f" {text.replace(' ', '  ', 1)} "
    return text


def mistyped(text: str, rng: Random) -> str:
    """One typing error, never in the first letter: a letter lost, doubled, changed, or two exchanged."""
    if len(text) < 5:
        return text
    at = rng.randrange(1, len(text) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2:
        return text[:at] + rng.choice("abcdefghijklmnoprstuwz") + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def name(stem: str, spellings: tuple[str, ...], city: str, rng: Random) -> tuple[str, str]:
    """The name as one system has it, and which noise it got (empty for none but case and spelling)."""
    form = spellings[0] if rng.random() < 0.55 else rng.choice(spellings)
    words = stem.split()
    chance = rng.random()
    noise = ""
    text = f"{stem} {form}".strip()
    if chance < 0.22:
        text, noise = stem, "noform"
        if rng.random() < 0.12:
            text, noise = mistyped(stem, rng), "noform+typo"
    elif chance < 0.32:
        text, noise = f"{mistyped(stem, rng)} {form}".strip(), "typo"
    elif chance < 0.365 and city:
        text = rng.choice(("{} - {}", "{} ({})", "{}, {}")).format(text if rng.random() < 0.6 else stem, city)
        noise = "city"
    elif chance < 0.395 and len(text) > 18:
        text, noise = text[: rng.randint(min(20, len(text) - 1), _FIELD)].rstrip(), "trunc"
    elif chance < 0.42:
        text, noise = f"{rng.randint(10000, 99999)} {text}", "code"
    elif chance < 0.44 and len(words) > 1:
        text, noise = f"{' '.join([words[-1], *words[:-1]])} {form}".strip(), "order"
    if rng.random() < 0.3:
        text = without_diacritics(text, rng)
    return cased(text, rng), noise


def tax_number(number: str, country: str, rng: Random) -> str:
    """A tax number with or without prefix and separators."""
    prefix = country if rng.random() < 0.45 else ""
    chance = rng.random()
    if chance < 0.12:
        number = " ".join(number[at : at + 3] for at in range(0, len(number), 3))
    elif chance < 0.18 and country == "PL":
        number = f"{number[:3]}-{number[3:6]}-{number[6:8]}-{number[8:]}"
    return f"{prefix} {number}" if prefix and rng.random() < 0.2 else prefix + number


def wrong_digit(number: str, rng: Random) -> str:
    places = [at for at, sign in enumerate(number) if sign.isdigit()]
    at = rng.choice(places)
    return number[:at] + str((int(number[at]) + rng.randint(1, 9)) % 10) + number[at + 1 :]


def account(iban: str, rng: Random) -> str:
    if iban.startswith("PL") and rng.random() < 0.3:
        return iban[2:]  # a Polish bank's NRB
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)) if rng.random() < 0.4 else iban


def phone(number: str, dial: str, rng: Random) -> str:
    chance = rng.random()
    if chance < 0.5:
        return f"+{dial}{number}"
    if chance < 0.7:
        return f"+{dial} {number[:3]} {number[3:6]} {number[6:]}"
    return f"00{dial}{number}" if chance < 0.8 else f"0{number}"


def house(number: int, letter: str, street: str, *, first: bool, rng: Random) -> str:
    """Street and house number, with a flat or a floor now and then."""
    door = f"{number}{letter if rng.random() < 0.8 else letter.upper()}"
    if first:
        return f"{door}{',' if rng.random() < 0.3 else ''} {street}"
    if rng.random() < 0.12:
        door += rng.choice(("/2", "/14", ", 2nd floor", " III tr", " m. 5"))
    return f"{street} {door}"


def postal(code: str, rng: Random) -> str:
    """A postal code, now and then with the leading zeros eaten by a spreadsheet or without its separator."""
    chance = rng.random()
    if chance < 0.15:
        return code.replace(" ", "").replace("-", "")
    if chance < 0.2 and code.replace("-", "").replace(" ", "").isdigit():
        return code.replace("-", "").replace(" ", "").lstrip("0")
    return code
