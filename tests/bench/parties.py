"""A made-up register of companies with known duplicates, for measuring. Seeded: the same seed gives the same register.

Half of the companies have one record, the others two to six. There are corporate families on one site, VAT groups on
one tax number, strangers with the same name, municipalities whose schools share a number, and franchises of one brand:
what makes people merge two companies into one. ``python -m tests.bench.parties FOLDER [COMPANIES] [SEED]`` writes it.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from tests.bench import party_noise as noise
from tests.bench import party_numbers as numbers
from tests.bench import party_words as words
from tests.bench.party_words import Land

COLUMNS = ("set", "rec_id", "cluster_id", "name", "alt_names", "tin", "country", "iban", "street", "postal", "city", "website", "email", "phone", "regno", "source")  # fmt: skip
PAIR_COLUMNS = ("set", "left_id", "right_id", "label", "kind")
_WEIGHTS = [land.weight for land in words.LANDS]
_POOL = 40_000  # coined words


@dataclass(frozen=True)
class Company:
    """One legal entity as it is; its records are noisy copies."""

    cluster: str
    stem: str
    form: tuple[str, ...]
    land: Land
    city: str
    street: tuple[str, ...]
    house: int
    letter: str
    postal: str
    tin: str
    iban: str
    domain: str
    phone: str
    regno: str
    role: str = "single"
    family: str = ""
    old: str = ""


class Maker:
    """Makes companies, and records of them."""

    def __init__(self, seed: int, companies: int) -> None:
        self.rng = Random(seed)
        self.companies = companies
        self.count = 0
        self.coined = sorted({self._coin() for _ in range(min(_POOL, companies * 2))})
        self.factors = {land.code: numbers.account(self.rng, land.code) for land in words.LANDS}

    def _coin(self) -> str:
        rng = self.rng
        return ("".join(rng.choices(words.SYLLABLES, k=rng.randint(2, 3))) + rng.choice(words.ENDINGS)).capitalize()

    def _stem(self, land: Land) -> str:
        rng = self.rng
        coin = self.coined[int(len(self.coined) * rng.random() ** 1.5)]
        trade, family = rng.choice(land.trades), rng.choice(land.family)
        chance = rng.random()
        if chance < 0.34:
            return f"{coin} {trade}"
        if chance < 0.48:
            return f"{coin} {rng.choice(self.coined)}"
        if chance < 0.6:
            return f"{rng.choice(self.coined)} {trade} {rng.choice(land.trades)}"
        if chance < 0.72:
            return f"{rng.choice(land.given)} {family} {rng.choice(self.coined)}"
        if chance < 0.82:
            return f"{family} & {rng.choice(land.family)} {coin}"
        if chance < 0.9:
            return f"{''.join(rng.choices('ABCDEFGHKLMNPRSTW', k=3))} {coin} {trade}"
        if chance < 0.96:
            return f"{coin} {rng.choice(words.SUFFIXES)}"
        return f"{coin} {rng.randint(2, 99)} {trade}"

    def company(self, land: Land | None = None, stem: str = "", **fixed: Any) -> Company:
        rng = self.rng
        land = land or rng.choices(words.LANDS, _WEIGHTS)[0]
        stem = stem or self._stem(land)
        self.count += 1
        slug = "".join(letter for letter in noise.without_diacritics(stem, Random(1)).lower() if letter.isalnum())[:20]
        made = Company(
            f"c{self.count:06d}", stem, rng.choices(land.forms, [8, 3, 2, 2, 1, 1][: len(land.forms)])[0], land,
            rng.choice(land.cities), rng.choice(land.streets), rng.randint(1, 180), rng.choice(("", "", "", "a", "b")),
            numbers.filled(rng, land.postal), numbers.tax_number(rng, land.code), numbers.account(rng, land.code),
            f"{slug}.{rng.choice(('com', 'eu', land.code.lower()))}", str(rng.randint(20, 99)) + numbers.digits(rng, 7),
            numbers.digits(rng, 9), old=self._stem(land) if rng.random() < 0.02 else "",
        )  # fmt: skip
        return replace(made, **fixed)

    def group(self) -> Iterator[Company]:
        """A company alone, or with those that are mistaken for it."""
        chance = self.rng.random()
        if chance < 0.80:
            yield self.company()
        elif chance < 0.937:
            yield from self._family()
        elif chance < 0.965:
            yield from self._homonyms()
        elif chance < 0.975:
            yield from self._municipality()
        else:
            yield from self._franchise()

    def _family(self) -> Iterator[Company]:
        rng = self.rng
        parent = self.company(role="parent")
        family = parent.cluster
        parent = replace(parent, family=family)
        yield parent
        vat_group = rng.random() < 0.15
        for kind in rng.sample(("suffix", "suffix2", "country", "city", "number", "form"), rng.randint(1, 3)):
            land = (
                rng.choice([one for one in words.LANDS if one is not parent.land]) if kind == "country" else parent.land
            )
            stem = {
                "suffix": f"{parent.stem} {rng.choice(words.SUFFIXES[:6])}",
                "suffix2": f"{parent.stem} {rng.choice(words.SUFFIXES[6:])}",
                "city": f"{parent.stem} {rng.choice(land.cities)}",
                "number": f"{parent.stem} {rng.choice(('II', 'III', '2', 'Nr 2'))}",
            }.get(kind, parent.stem)
            sister = self.company(land, stem, role=kind, family=family)
            if kind == "form":
                sister = replace(sister, form=rng.choice([one for one in land.forms if one != parent.form]))
            if rng.random() < 0.7:
                sister = replace(sister, domain=parent.domain)
            if land is parent.land and rng.random() < 0.6:
                sister = replace(sister, city=parent.city, street=parent.street, house=parent.house, letter=parent.letter, postal=parent.postal)  # fmt: skip
                if rng.random() < 0.7:
                    sister = replace(sister, phone=parent.phone)
            if land is parent.land and rng.random() < 0.1:
                sister = replace(sister, iban=parent.iban)
            if land is parent.land and vat_group:
                sister = replace(sister, tin=parent.tin, role="vatgroup")
            yield sister

    def _homonyms(self) -> Iterator[Company]:
        first = self.company(role="homonym")
        yield replace(first, family=first.cluster)
        same = self.rng.random() < 0.5
        other = self.company(first.land, first.stem, role="homonym", family=first.cluster)
        yield replace(other, form=first.form) if same else other

    def _municipality(self) -> Iterator[Company]:
        rng = self.rng
        land = words.LANDS[0]
        town = f"{rng.choice(words.TOWNS_START)} {rng.choice(words.TOWNS)}"
        seat = self.company(land, f"Gmina {town}", role="gmina", form=("",), old="")
        yield replace(seat, family=seat.cluster)
        units = (f"Szkoła Podstawowa nr {rng.randint(1, 3)} w {town}", f"Przedszkole nr {rng.randint(1, 3)} w {town}", f"Urząd Gminy {town}")  # fmt: skip
        for unit in rng.sample(units, 2):
            yield replace(seat, cluster=self.company(land).cluster, stem=unit, role="unit", family=seat.cluster, phone="2" + numbers.digits(rng, 8), regno=numbers.digits(rng, 9), street=rng.choice(land.streets))  # fmt: skip

    def _franchise(self) -> Iterator[Company]:
        rng = self.rng
        brand = rng.choice(words.BRANDS)
        land = rng.choices(words.LANDS, _WEIGHTS)[0]
        first = ""
        for _ in range(2):
            one = self.company(land, f"{brand} {rng.choice(self.coined)}", role="franchise", old="")
            first = first or one.cluster
            yield replace(one, family=first, domain=f"{brand.split()[0].lower()}-{land.code.lower()}.com")

    def record(self, one: Company, tins: list[str]) -> dict[str, str]:
        """One record of a company: a noisy copy with fields missing. ``tins`` are those of its family."""
        rng, land = self.rng, one.land
        said, _ = noise.name(one.stem, one.form, one.city, rng)
        has_tin = rng.random() < 0.72
        if one.old and rng.random() < 0.3:
            said, has_tin = noise.name(one.old, one.form, "", rng)[0], True
        elif rng.random() < 0.015:
            said, has_tin = noise.cased(f"{one.stem.split()[0]} {rng.choice(words.SUFFIXES)}", rng), True
        moved = rng.random() < 0.04
        street = rng.choice(rng.choice(land.streets) if moved else one.street)
        number = rng.randint(1, 180) if moved else one.house
        website, email = self._contacts(one)
        city = noise.without_diacritics(one.city, rng) if rng.random() < 0.25 else one.city
        return {
            "name": said,
            "alt_names": "",
            "tin": self._tin(one, tins) if has_tin else "",
            "country": land.code if rng.random() < 0.92 else "",
            "iban": noise.account(self.factors[land.code] if rng.random() < 0.02 else one.iban, rng)
            if rng.random() < 0.41
            else "",
            "street": noise.cased(noise.house(number, one.letter, street, first=land.house_first, rng=rng), rng).strip()
            if rng.random() < 0.71
            else "",
            "postal": noise.postal(one.postal, rng) if rng.random() < 0.71 and not moved else "",
            "city": city if rng.random() < 0.82 else "",
            "website": website,
            "email": email,
            "phone": noise.phone(one.phone, land.dial, rng) if rng.random() < 0.4 else "",
            "regno": one.regno if rng.random() < 0.2 else "",
            "source": rng.choice(("crm", "flowtly")),
        }

    def _tin(self, one: Company, tins: list[str]) -> str:
        rng = self.rng
        chance = rng.random()
        if chance < 0.012:
            return rng.choice(numbers.PLACEHOLDERS)
        if chance < 0.035:
            return noise.tax_number(noise.wrong_digit(one.tin, rng), one.land.code, rng)
        if chance < 0.042 and len(tins) > 1:
            return noise.tax_number(rng.choice(tins), one.land.code, rng)
        return noise.tax_number(one.tin, one.land.code, rng)

    def _contacts(self, one: Company) -> tuple[str, str]:
        rng = self.rng
        website = email = ""
        if rng.random() < 0.38:
            page = f"{rng.choice(words.PLATFORMS)}/{one.domain.split('.')[0]}" if rng.random() < 0.05 else one.domain
            website = rng.choice(("{}", "www.{}", "https://{}", "https://www.{}/contact")).format(page)
        if rng.random() < 0.56:
            chance = rng.random()
            host = one.domain if chance > 0.12 else rng.choice(words.FREE_MAIL)
            if chance < 0.04:
                host = f"office-{rng.randint(1, 1 + self.companies // 60)}.{one.land.code.lower()}"  # the accountant's
            email = f"{rng.choice(('info', 'office', 'invoices', 'sales', 'j.smith'))}@{host}"
        return website, email


def register(companies: int, seed: int) -> Iterator[tuple[dict[str, str], Company]]:
    """Records with the company each is of, in an order that says nothing."""
    maker = Maker(seed, companies)
    made: list[Company] = []
    while len(made) < companies:
        made.extend(maker.group())
    tins: defaultdict[str, list[str]] = defaultdict(list)
    for one in made:
        tins[one.family or one.cluster].append(one.tin)
    rows = [
        (maker.record(one, tins[one.family or one.cluster]), one)
        for one in made
        for _ in range(maker.rng.choices((1, 2, 3, 4, 6), (48, 31, 13, 5, 3))[0])
    ]
    maker.rng.shuffle(rows)
    for at, (row, one) in enumerate(rows):
        yield {"set": "made", "rec_id": f"m{at:07d}", "cluster_id": one.cluster, **row}, one


def pairs(rows: list[tuple[dict[str, str], Company]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Labelled pairs: all duplicates, and all records of two companies of one family."""
    families: defaultdict[str, list[tuple[str, Company]]] = defaultdict(list)
    for row, one in rows:
        families[one.family or one.cluster].append((row["rec_id"], one))
    for members in families.values():
        for (left, a), (right, b) in combinations(sorted(members, key=lambda member: member[0]), 2):
            same = a.cluster == b.cluster
            yield "made", left, right, str(int(same)), "duplicate" if same else f"family:{a.role}/{b.role}"


def write(folder: Path, companies: int, seed: int) -> tuple[int, int]:
    """``records.csv`` and ``pairs.csv`` in a folder; how many records and how many true pairs."""
    rows = list(register(companies, seed))
    with (folder / "records.csv").open("w", encoding="utf-8", newline="") as stream:
        out = csv.DictWriter(stream, COLUMNS)
        out.writeheader()
        out.writerows(row for row, _ in rows)
    labelled = list(pairs(rows))
    with (folder / "pairs.csv").open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(PAIR_COLUMNS)
        lines.writerows(labelled)
    return len(rows), sum(pair[3] == "1" for pair in labelled)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sizes = [int(one) for one in sys.argv[2:]]
    print(*write(target, *[*sizes, 1500, 1][:2] if len(sizes) < 2 else sizes))
