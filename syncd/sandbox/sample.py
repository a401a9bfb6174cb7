"""Invented companies, the same for the same seed. Must never name a real company, person, number or mailbox.

Each company depends on the seed and its own index only, so the first ones stay the same whatever the count.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.iso import COUNTRIES, CURRENCIES, country_iri, currency_iri
from syncd.sandbox.resources.clients import LANGUAGE
from syncd.sandbox.state import State
from syncd.sandbox.uuids import Keys

_FIRST: Final = (
    "Alder", "Amber", "Birk", "Bolder", "Brise", "Dorn", "Eske", "Falke", "Fjord", "Glim", "Granit", "Hagel", "Hede",
    "Iskra", "Jasny", "Jolle", "Kamien", "Kant", "Klit", "Lerke", "Linde", "Lotka", "Mosa", "Nebel", "Nyskov", "Olsza",
    "Perla", "Polana", "Ravn", "Rosla", "Silke", "Skarb", "Solna", "Storm", "Tarn", "Ulven", "Viken", "Wierzba",
    "Zorza", "Øster",
)  # fmt: skip
_SECOND: Final = (
    "bygg", "data", "design", "energi", "film", "foto", "glas", "handel", "hus", "kaffe", "kraft", "lager", "logistik",
    "maskin", "medier", "metal", "motor", "natur", "papir", "plast", "service", "smak", "stal", "studio", "system",
    "teknik", "tekstil", "trade", "trans", "værk",
)  # fmt: skip
_TITLES: Final = ("", " Nord", " Syd", " & Co", " Gruppe", " Invest", " Partner", " Plus")
_STREETS: Final = {
    "PL": ("ul. Brzozowa", "ul. Łąkowa", "ul. Młyńska", "al. Lipowa"),
    "DK": ("Bøgevej", "Søndergade", "Ålykken", "Møllevej"),
    "SE": ("Björkgatan", "Ängsvägen", "Kvarngatan", "Strandvägen"),
    "DE": ("Birkenweg", "Mühlstraße", "Am Anger", "Lindenallee"),
}
_CITIES: Final = {
    "PL": (("Łódź", "90-001"), ("Gdańsk", "80-002"), ("Kraków", "30-003"), ("Wrocław", "50-004")),
    "DK": (("Århus", "8000"), ("Odense", "5000"), ("Køge", "4600"), ("Ålborg", "9000")),
    "SE": (("Malmö", "211 11"), ("Göteborg", "411 01"), ("Växjö", "352 30"), ("Umeå", "903 20")),
    "DE": (("Köln", "50667"), ("Nürnberg", "90402"), ("Lübeck", "23552"), ("Kassel", "34117")),
}
_LAND: Final[Mapping[str, tuple[str, str, tuple[str, ...], int]]] = {
    "PL": ("PLN", "+48", ("Sp. z o.o.", "S.A."), 10),
    "DK": ("DKK", "+45", ("ApS", "A/S"), 8),
    "SE": ("SEK", "+46", ("AB",), 12),
    "DE": ("EUR", "+49", ("GmbH", "AG"), 9),
}
"""Currency, dialling code, legal forms, digits of a tax number."""

BANK_ACCOUNTS: Final = (
    ("Operating account", "DK0000000000000101", "DKK"),
    ("Euro account", "DK0000000000000202", "EUR"),
)
"""Name, number and currency. The numbers have the form of an IBAN and not its check digits: nobody has them."""

YEAR_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Of the year whose records there are. It is over, so that what is created now sorts after it."""

_DUE_DAYS: Final = (7, 14, 14, 14, 30, 30, 45, 60)
_ARCHIVED_SHARE: Final = 0.06


@dataclass(frozen=True, slots=True)
class Company:
    """One invented company. ``tin`` has no country prefix; ``status`` is active or archived."""

    name: str
    country: str
    tin: str
    currency: str
    city: str
    postcode: str
    street: str
    building: str
    phone: str
    email: str
    due_days: int
    status: str


def companies(seed: int, count: int) -> list[Company]:
    """The first ``count`` companies of a seed."""
    return [company(seed, index) for index in range(count)]


def company(seed: int, index: int) -> Company:
    """One company. Names and tax numbers are unique within a seed."""
    rng = random.Random(f"{seed}:{index}")  # noqa: S311 - sample data
    land = rng.choice(tuple(_LAND))
    currency, dialling, forms, digits = _LAND[land]
    city, postcode = rng.choice(_CITIES[land])
    stem = _stem(seed, index)
    return Company(
        name=f"{stem} {rng.choice(forms)}",
        country=land,
        tin=_tin(seed, index, digits),
        currency=currency,
        city=city,
        postcode=postcode,
        street=rng.choice(_STREETS[land]),
        building=str(rng.randint(1, 199)),
        phone=f"{dialling} 555 {rng.randint(0, 999):03d} {rng.randint(0, 999):03d}",
        email=f"office{index + 1}@example.com",
        due_days=rng.choice(_DUE_DAYS),
        status="archived" if rng.random() < _ARCHIVED_SHARE else "active",
    )


def _stem(seed: int, index: int) -> str:
    """A name that no other index has: the index in mixed digits, shuffled by the seed."""
    total = len(_FIRST) * len(_SECOND) * len(_TITLES)
    # 7919 is prime and shares no factor with the number of names, so every place is visited once a round.
    place = ((index + seed * 101) * 7919) % total
    rest, title = divmod(place, len(_TITLES))
    first, second = divmod(rest, len(_SECOND))
    round_number = index // total
    numbered = f" {round_number + 1}" if round_number else ""
    return f"{_FIRST[first]}{_SECOND[second]}{_TITLES[title]}{numbered}"


def _tin(seed: int, index: int, digits: int) -> str:
    """Digits no other index has; not made to pass any country's check sum."""
    number = 10_000_000 + (index * 7919 + seed * 104_729) % 89_999_993
    return str(number).ljust(digits, "0")[:digits]


def seed_reference_data(config: SandboxConfig, state: State) -> None:
    """What an organization has set up before it keeps any records: there in an empty sandbox too."""
    for code, name in COUNTRIES:
        state.insert("Country", {"code": code, "name": name})
    for code, name in CURRENCIES:
        state.insert("Currency", {"code": code, "name": name})
    people = (("Sync", "Service", config.user), ("Vera", "Viewer", config.reader), ("Ola", "Owner", "ola@example.com"))
    for first, last, email in people:
        state.insert("Employee", {"firstName": first, "lastName": last, "email": email})
    for name, number, currency in BANK_ACCOUNTS:
        spelled = currency_iri(currency) if config.references == "iri" else currency
        state.insert("BankAccount", {"name": name, "number": number, "currency": spelled, "bankName": "Sandbox Bank"})
    for name in ("General costs", "Subcontractors"):
        state.insert("Cost", {"name": name})
    for kind in ("standard", "income", "dividend", "internal"):
        state.insert("CostGroup", {"name": kind.capitalize(), "type": kind})
    organization = {"name": "Demo Organization", "slug": "demo-organization", "instance": "k3v9x2"}
    state.insert("Organization", organization, "k3v9x2")


def seed_clients(config: SandboxConfig, state: State) -> None:
    """The sample clients; every third has a contact, every tenth a note."""
    keys = Keys(config.seed, "notes")
    for index in range(config.clients):
        row = state.insert("Client", client_values(company(config.seed, index), config))
        iri = state.resources["Client"].iri(row["id"])
        for name, values in _attached(config.seed, index, iri):
            state.insert(name, values, keys.at(YEAR_START) if name == "ClientNote" else None)


def client_values(source: Company, config: SandboxConfig) -> dict[str, Any]:
    """A company as the values of a client."""
    by_iri = config.references == "iri"
    country = country_iri(source.country) if by_iri else source.country
    return {
        "name": source.name,
        "country": country,
        "currency": currency_iri(source.currency) if by_iri else source.currency,
        "status": source.status,
        "dueDays": source.due_days,
        "tinCountry": source.country,
        "tin": source.tin,
        "documentsLanguage": LANGUAGE,
        "addressPhoneNumber": source.phone,
        "addressCity": source.city,
        "addressPostCode": source.postcode,
        "addressStreetLine": source.street,
        "addressBuildingNumber": source.building,
        "addressCountry": country,
    }


def _attached(seed: int, index: int, iri: str) -> Iterator[tuple[str, dict[str, Any]]]:
    number = index + 1
    if number % 3 == 0:
        contact = {"client": iri, "type": "billing", "name": f"Contact {number}", "email": f"bill{number}@example.com"}
        yield "ClientContact", contact
    if number % 10 == 0:
        yield "ClientNote", {"client": iri, "employee": "/api/employees/1", "note": f"Call back, offer {seed}-{number}"}
