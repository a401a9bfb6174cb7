"""Parties for the matcher's tests: a firm with everything, and small vocabularies from which collisions come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from syncd.counterparties.census import count
from syncd.counterparties.decide import decide
from syncd.counterparties.decision import TIERS, Decision
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party

ALL = frozenset(TIERS)
TIN, OTHER_TIN, THIRD_TIN = "PL5261040828", "PL7740001454", "PL5252344078"
IBAN, OTHER_IBAN = "PL61109010140000071219812874", "PL10105000997603123456789123"

FIRM = Party(
    "a",
    name="Zielony Wiatrak Sp. z o.o.",
    tin=TIN,
    country="PL",
    accounts=(IBAN,),
    street="ul. Polna 7",
    postal="00-950",
    city="Warszawa",
    website="https://www.zielonywiatrak.pl",
    phone="+48 22 555 12 34",
    regno="0000123456",
)
BARE = Party("b", name=FIRM.name, country="PL")


def both(left: Party, right: Party, *others: Party, tiers: frozenset[str] = ALL, **known: Any) -> Decision:
    """The decision on two parties among others."""
    one, other = prepare(left), prepare(right)
    return decide(one, other, count([one, other, *map(prepare, others)]), tiers=tiers, **known)


def like(base: Party, **changes: Any) -> Party:
    """The same firm as another record has it."""
    return replace(base, **{"id": "b", **changes})


_NAMES = (
    "Zielony Wiatrak Sp. z o.o.",
    "Zielony Wiatrak",
    "ZIELONY WIATRAK SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ",
    "Wiatrak Zielony Sp. z o.o.",
    "Zielony Wiatrka Sp. z o.o.",
    "Zielony Wiatrak S.A.",
    "Zielony Wiatrak II Sp. z o.o.",
    "Zielony Wiatrak Holding Sp. z o.o.",
    "Zielony Wiatrak Sp. z o.o. - Gdańsk",
    "Zielony Wiatrak Gdańsk Sp. z o.o.",
    "Czarny Kot",
    "",
)
parties = st.builds(
    Party,
    id=st.just("?"),
    name=st.sampled_from(_NAMES),
    other_names=st.sampled_from(((), (), ("Zielony Wiatrak",), ("Czarny Kot S.A.",))),
    tin=st.sampled_from(("", TIN, TIN, "526-104-08-28", "5261040829", OTHER_TIN)),
    country=st.sampled_from(("", "PL", "PL", "DE")),
    accounts=st.sampled_from(((), (IBAN,), (IBAN,), (OTHER_IBAN,), (IBAN, OTHER_IBAN))),
    street=st.sampled_from(("", "ul. Polna 7", "Polna 7", "Leśna 3")),
    postal=st.sampled_from(("", "00-950", "80-001")),
    city=st.sampled_from(("", "Warszawa", "Gdańsk")),
    website=st.sampled_from(("", "zielonywiatrak.pl", "czarnykot.pl")),
    email=st.just(""),
    phone=st.sampled_from(("", "+48 22 555 12 34", "+48 58 444 43 21")),
    regno=st.sampled_from(("", "", "0000123456", "0000654321")),
    client=st.sampled_from(("", "", "", "/clients/1", "/clients/2")),
    supplier=st.sampled_from(("", "", "", "/suppliers/1", "/suppliers/2")),
    client_tin=st.sampled_from(("", "", TIN, OTHER_TIN)),
    supplier_tin=st.just(""),
    display=st.sampled_from((False, False, True)),
)


def numbered(found: list[Party]) -> list[Party]:
    """Parties with ids of their own."""
    return [replace(one, id=f"r{at}") for at, one in enumerate(found)]
