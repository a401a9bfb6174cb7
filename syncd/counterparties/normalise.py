"""A party as given to a party that can be compared, once per version of its record. Decides nothing about two of them.

The result depends on the party and on ``VERSION`` alone. Whoever changes what any of the parts makes of a record raises
``VERSION``, so that stored results are made again.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import fields
from operator import attrgetter
from typing import Final

from syncd.counterparties import addresses
from syncd.counterparties.accounts import accounts
from syncd.counterparties.contacts import domain, phone
from syncd.counterparties.countries import country
from syncd.counterparties.names import take_apart
from syncd.counterparties.party import Name, Party, Prepared
from syncd.counterparties.tins import placeholder, tax_number

VERSION: Final = 1

_DIGEST_BYTES: Final = 16
_contents: Final = attrgetter(*(one.name for one in fields(Party) if one.name != "id"))
_JSON: Final = json.JSONEncoder(ensure_ascii=True, check_circular=False)
_NOT_OF_A_NUMBER: Final = re.compile(r"[^0-9A-Z]+")
_REGISTER: Final = re.compile(r"^(?:KRS|REGON|ORGNR|SIREN|KVK|CVR|ICO|NR|NO)(?=[0-9])")
_SHORTEST_REGNO: Final = 5


def prepare(party: Party) -> Prepared:
    """The party, normalised."""
    street, house = addresses.street(party.street)
    home = country(party.country)
    return Prepared(
        id=party.id,
        inputs=inputs_hash(party),
        version=VERSION,
        names=_names(party),
        tin=tax_number(party.tin, home),
        client_tin=tax_number(party.client_tin, home),
        supplier_tin=tax_number(party.supplier_tin, home),
        country=home,
        accounts=accounts(party.accounts),
        domain=domain(party.website, party.email),
        phone=phone(party.phone, home),
        house=house,
        street=street,
        postal=addresses.postal(party.postal, home),
        city=addresses.city(party.city),
        regno=registration(party.regno),
        client=party.client.strip(),
        supplier=party.supplier.strip(),
        display=party.display,
    )


def inputs_hash(party: Party) -> str:
    """The digest of everything ``prepare`` reads; not of the id, which says whose it is."""
    content = _JSON.encode(_contents(party))
    return hashlib.blake2b(content.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def registration(raw: str) -> str:
    """A number in a register of companies, without separators and leading zeros; empty for a placeholder."""
    if not raw:
        return ""
    text = _NOT_OF_A_NUMBER.sub("", unicodedata.normalize("NFKD", raw).upper())
    text = _REGISTER.sub("", text)
    if len(text) < _SHORTEST_REGNO or not any(letter.isdigit() for letter in text) or placeholder(text):
        return ""
    return text.lstrip("0")


def _names(party: Party) -> tuple[Name, ...]:
    """The main name and, once each, the others that say something."""
    unlike: dict[tuple[tuple[str, ...], str], Name] = {}
    for raw in (party.name, *party.other_names):
        name = take_apart(raw)
        if name.tokens:
            unlike.setdefault((name.tokens, name.form), name)
    return tuple(unlike.values()) or (Name(party.name),)
