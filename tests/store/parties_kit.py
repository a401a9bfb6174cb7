"""Short ways to say what tests of parties need: made-up firms, a store with a directory, decisions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncd.counterparties import blocking
from syncd.counterparties.decision import Band, Decision, Level
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party, Prepared
from syncd.ports import Lease
from syncd.ports.parties import Case, Decided, Kept, StoredParty
from syncd.store.postgres import PostgresStore
from tests.store.kit import TTL

SUPPLIERS = "suppliers"
SOURCE = "erp suppliers"
_WORDS = [
    "Bryg",
    "Havn",
    "Kran",
    "Lampe",
    "Mejeri",
    "Nord",
    "Olie",
    "Papir",
    "Rulle",
    "Stål",
    "Tegl",
    "Uld",
    "Vinge",
    "Ydun",
    "Ærø",
    "Østre",
    "Åby",
    "Zink",
    "Glas",
    "Korn",
]
_FORMS = ("ApS", "A/S", "sp. z o.o.", "GmbH", "")
_CITIES = (("8000", "Aarhus"), ("00-001", "Warszawa"), ("10115", "Berlin"))


def firms(number: int, seed: int = 7) -> list[Party]:
    """Made-up firms in which names, tax numbers, accounts, domains and phones repeat."""
    dice = random.Random(seed)
    tins = [nip(one) for one in range(1, number // 4 + 2)]
    found = [
        Party(
            f"f{one:05}",
            name=" ".join([*dice.sample(_WORDS, dice.choice((1, 2, 2))), dice.choice(_FORMS)]).strip(),
            tin=dice.choice(tins) if dice.random() < 0.5 else "",
            country=dice.choice(("PL", "DK", "")),
            website=f"www.{dice.choice(_WORDS).lower()}{dice.randrange(9)}.example.dk" if dice.random() < 0.3 else "",
            phone=f"+45 3312{dice.randrange(40):04}" if dice.random() < 0.3 else "",
            **dict(zip(("postal", "city"), dice.choice(_CITIES), strict=True)),
        )
        for one in range(number)
    ]
    for place in range(number // 3, number):
        if dice.random() < 0.3:
            found[place] = _again(found[dice.randrange(place)], found[place].id, dice)
    return found


def _again(one: Party, key: str, dice: random.Random) -> Party:
    """The same firm as somebody else typed it."""
    name = one.name.rpartition(" ")[0] if " " in one.name and dice.random() < 0.3 else one.name
    return replace(one, id=key, name=name, tin=one.tin if dice.random() < 0.8 else "", phone="")


def nip(number: int) -> str:
    """A Polish tax number that passes its check."""
    weights = (6, 5, 7, 2, 3, 4, 5, 6, 7)
    while True:
        digits = f"{521000000 + number * 13:09}"
        check = sum(w * int(d) for w, d in zip(weights, digits, strict=True)) % 11
        if check < 10:
            return f"{digits}{check}"
        number += 1000


def stored(party: Party, *keys: str) -> StoredParty:
    """A party as it is stored."""
    return StoredParty(party, prepare(party), keys)


def decided(left: str, right: str, band: Band = Band.REVIEW, bits: float = 5.0, **kw: Any) -> Decided:
    """A decision about two parties."""
    hashes = kw.pop("hashes", ("l1", "r1"))
    return Decided(Decision(left, right, band, kw.pop("tier", ""), bits, f"because {bits}", **kw), *hashes)


def hard(level: str = "equal") -> tuple[Level, ...]:
    """The evidence of a number in common."""
    return (Level("tin", level, 4.0, "PL1", "PL1"),)


@dataclass
class Desk:
    """A store with a directory under its lease."""

    store: PostgresStore
    lease: Lease
    name: str = SUPPLIERS

    @classmethod
    def on(cls, store: PostgresStore, name: str = SUPPLIERS) -> Desk:
        lease = store.acquire(f"dedupe:{name}", "first", TTL)
        assert lease is not None
        store.begin_directory(name, SOURCE, lease)
        return cls(store, lease, name)

    def keep(self, *parties: Party | StoredParty) -> None:
        found = [one if isinstance(one, StoredParty) else stored(one) for one in parties]
        self.store.keep_parties(self.name, found, self.lease)

    def based(self) -> None:
        """As after a first whole scan: nothing is due."""
        from syncd.ports.parties import Keying

        self.store.settle_parties(self.name, None, self.lease)
        self.store.keep_keying(self.name, Keying(self.store.party_count(self.name), "v1"), self.lease)

    def key(self, keys: Mapping[str, Iterable[str]]) -> None:
        self.store.key_parties(self.name, {key: list(blocks) for key, blocks in keys.items()}, self.lease)

    def key_all(self, prepared: Iterable[Prepared], census: Any) -> None:
        self.key({one.id: [f"{key.kind}={key.value}" for key in blocking.keys(one, census)] for one in prepared})

    def decide(self, *decisions: Decided) -> Kept:
        return self.store.keep_decisions(self.name, decisions, self.lease)

    def case(self, left: str, right: str) -> Case:
        found = self.store.case_of(self.name, left, right)
        assert found is not None
        return found

    def due(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = self.store.due_parties(self.name)
        return found.changed, found.around

    def forget(self, *seen: str) -> list[str]:
        return self.store.forget_parties(self.name, seen, self.lease)
