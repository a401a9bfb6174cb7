"""Scans of directories, against a real ERP table, the sandbox Flowtly and a real store: what is found, and what is not lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import psycopg
import pytest

from syncd.counterparties.decision import Band
from syncd.counterparties.normalise import prepare
from syncd.counterparties.scan import scan as in_memory
from syncd.engine.dedupe import deciding
from syncd.engine.dedupe.scan import Scanner, ScanReport
from syncd.errors import Later, Refused
from syncd.ports import Record
from syncd.ports.parties import Case, CaseState
from syncd.wiring import limits_of, silent
from syncd.wiring_dedupe import directory
from tests.engine.world import MAPPING, SETTINGS, World
from tests.store.kit import TTL
from tests.store.parties_kit import firms, nip

ERP = """
dedupe:
  erp:
    system: erp
    resource: customers
    key: customer_no
    fields: {name: company_name, tin: vat_no, country: country_code, city: city, phone: phone}
"""
FLOWTLY = "dedupe:\n  parties: {resource: counterparties}\n"
IBAN = "PL61109010140000071219812874"


def configured(world: World, section: str) -> World:
    world.configure(MAPPING, SETTINGS.replace("limits:", f"{section.strip()}\nlimits:"))
    return world


@pytest.fixture
def erp(world: World) -> World:
    """An ERP whose customers are a directory: two that are one, and a third."""
    configured(world, ERP)
    world.customer("C1", company_name="Nordhavn Kraner A/S", vat_no="DK13585628", city="Aarhus")
    world.customer("C2", company_name="Nordhavn Kraner A/S", vat_no="13585628", city="Aarhus")
    world.customer("C3", company_name="Østre Lamper ApS", vat_no="", city="Odense")
    return world


def scan(
    world: World, name: str = "erp", *, store: Any = None, peer: Any = None, stop: Event | None = None, **kw: Any
) -> ScanReport:
    app = world.app
    assert app is not None
    spec = directory(app, name)
    scanner = Scanner(
        store or world.store,
        app.clock,
        limits_of(app.settings),
        world.note,
        silent,
        f"test-{id(world)}",
        kw.pop("facts", None),
    )
    return scanner.scan(name, spec, peer or app.connector(spec.system), stop or Event(), **kw)


def cases(world: World, *states: CaseState, name: str = "erp") -> dict[tuple[str, str], Case]:
    found = world.store.cases(name, states or tuple(CaseState), limit=100_000)
    return {(one.left, one.right): one for one in found}


def rows(world: World) -> list[tuple[Any, ...]]:
    """Every row of every table of ours as it lies on the disk."""
    tables = ("directory", "party", "party_block", "party_fact", "party_token", "party_case", "case_answer")
    return [
        row
        for table in tables
        for row in world.erp_store(f"SELECT '{table}', ctid::text, xmin::text FROM {table} ORDER BY 2")
    ]


def bulk(world: World, number: int, seed: int = 7) -> None:
    """Made-up firms in the ERP."""
    parties = firms(number, seed)
    values = [(one.id, one.name, one.tin, one.country, one.city, one.phone) for one in parties]
    with psycopg.connect(world.erp_url, autocommit=True) as connection:
        connection.cursor().executemany(
            "INSERT INTO customers (customer_no, company_name, vat_no, country_code, city, phone) VALUES (%s, %s, %s, %s, %s, %s)",
            values,
        )


def memory(world: World, name: str = "erp", cap: int = 120) -> dict[tuple[str, str], dict[str, Any]]:
    """What the search in memory says of the parties in the store."""
    keys = list(world.store.party_keys(name))
    parties = [prepare(one.party) for one in world.store.parties(name, keys).values()]
    return {(one.left, one.right): one.as_json() for one in in_memory(parties, cap=cap)}


# ---------------------------------------------------------------- what is found


def test_two_customers_that_are_one_are_a_case_with_its_evidence(erp: World) -> None:
    report = scan(erp)
    assert (report.outcome, report.read, report.changed, report.opened, report.closed, report.gone) == (
        "done",
        3,
        3,
        1,
        0,
        (),
    )
    ((pair, case),) = cases(erp).items()
    assert pair == ("C1", "C2")
    assert (case.state, case.band, case.tier) == (CaseState.OPEN, Band.AUTO, "T1")
    assert "tin" in case.decision["blocks"]
    assert case.decision["why"].startswith("AUTO T1")
    (told,) = erp.said("dedupe.scanned")
    assert (told["directory"], told["read"], told["opened"], told["whole"]) == ("erp", 3, 1, True)
    (opened,) = erp.said("dedupe.case_opened")
    assert (opened["left"], opened["right"], opened["tier"]) == ("C1", "C2", "T1")


def test_counterparties_of_flowtly_are_read_with_what_their_clients_say(world: World) -> None:
    configured(world, FLOWTLY)
    one = world.client(
        name="Żółw sp. z o.o.",
        country="PL",
        tinCountry="PL",
        tin=nip(1),
        addressStreetLine="Długa",
        addressBuildingNumber="7",
        addressPostCode="00-001",
        addressCity="Warszawa",
    )
    world.in_flowtly(
        "POST", "counterparties", {"displayName": "ZOLW SP ZOO 4711", "client": one, "bankAccounts": [IBAN]}
    )
    world.in_flowtly(
        "POST",
        "counterparties",
        {
            "displayName": "Żółw sp. z o.o.",
            "tin": nip(1),
            "bankAccounts": [{"iban": IBAN}],
            "corporateWebsiteUrl": "https://zolw.example",
        },
    )
    report = scan(world, "parties")
    assert (report.outcome, report.read, report.opened) == ("done", 2, 1)
    keys = list(world.store.party_keys("parties"))
    assert keys == ["/api/counterparties/1", "/api/counterparties/2"]
    first, second = (world.store.parties("parties", keys)[key].party for key in keys)
    assert (first.name, first.display, first.tin, first.country, first.client) == (
        "Żółw sp. z o.o.",
        False,
        nip(1),
        "PL",
        one,
    )
    assert (first.street, first.postal, first.city, first.accounts) == ("Długa 7", "00-001", "Warszawa", (IBAN,))
    assert (second.name, second.display, second.accounts, second.website) == ("Żółw sp. z o.o.", True, (IBAN,), "")
    (case,) = cases(world, name="parties").values()
    assert {"tin", "account"} <= set(case.decision["blocks"])


def test_a_country_of_records_that_name_none_reads_their_tax_numbers_and_says_nothing_else(world: World) -> None:
    here, pair = nip(1), ("/api/counterparties/1", "/api/counterparties/2")
    configured(world, FLOWTLY)
    numbers = (here, f"{here[:3]}-{here[3:]}", f"DK{here}", "13585628", "1111111111")
    for number in numbers:
        world.in_flowtly("POST", "counterparties", {"displayName": "Lampa Sp. z o.o.", "tin": number})
    dane = world.client(name="Lampa Sp. z o.o.", tinCountry="DK", tin=here, country="DK")
    world.in_flowtly("POST", "counterparties", {"displayName": "Lampa Sp. z o.o.", "client": dane, "tin": here})
    scan(world, "parties")
    assert cases(world, name="parties")[pair].tier != "T1"
    configured(world, FLOWTLY.replace("counterparties}", "counterparties, country: PL}"))
    assert scan(world, "parties").changed == 2
    found = [one.party for one in world.store.parties("parties", list(world.store.party_keys("parties"))).values()]
    by_key = {one.id: (one.tin, one.country) for one in found}
    written = [f"PL{here}", f"PL{here}", *numbers[2:]]
    assert by_key == {
        **{f"/api/counterparties/{at}": (tin, "") for at, tin in enumerate(written, 1)},
        "/api/counterparties/6": (here, "DK"),
    }
    levels = {one["field"]: one["level"] for one in cases(world, name="parties")[pair].decision["levels"]}
    assert levels["tin"] == "equal" and "country" not in levels


def test_a_client_that_changes_changes_its_counterparty(world: World) -> None:
    configured(world, FLOWTLY)
    one = world.client(name="Ada ApS", tin="13585628", tinCountry="DK")
    world.in_flowtly("POST", "counterparties", {"client": one, "displayName": "Ada"})
    assert scan(world, "parties").changed == 1
    assert scan(world, "parties").changed == 0
    world.edit(one, name="Ada og Bo ApS")
    assert scan(world, "parties").changed == 1
    assert (
        world.store.parties("parties", ["/api/counterparties/1"])["/api/counterparties/1"].party.name == "Ada og Bo ApS"
    )


def test_clients_of_flowtly_are_a_directory_by_themselves(world: World) -> None:
    configured(world, "dedupe:\n  clients: {resource: clients}")
    for _ in range(2):
        world.client(name="Ada ApS", tin="13585628", tinCountry="DK")
    report = scan(world, "clients")
    assert (report.opened, report.read) == (1, 2)
    (case,) = cases(world, name="clients").values()
    assert case.tier == "T1"


def test_only_records_in_scope_are_parties(erp: World) -> None:
    configured(erp, ERP.replace("key:", "where: {city: [Aarhus, Aalborg]}\n    key:"))
    assert scan(erp).read == 2
    erp.erp("UPDATE customers SET city = 'Odense' WHERE customer_no = 'C2'")
    scan(erp, shrunk_is_right=True)
    assert scan(erp, shrunk_is_right=True).gone == ("C2",)


def test_the_same_as_the_search_in_memory(erp: World) -> None:
    bulk(erp, 250)
    report = scan(erp)
    wanted = memory(erp)
    found = cases(erp)
    assert len(wanted) > 80
    assert {one["band"] for one in wanted.values()} == {"auto", "review", "no"}
    assert {pair: case.decision for pair, case in found.items()} == wanted
    assert report.opened == sum(one["band"] != "no" for one in wanted.values())
    assert {pair: case.state is CaseState.OPEN for pair, case in found.items()} == {
        pair: one["band"] != "no" for pair, one in wanted.items()
    }


def test_capped_blocks_are_told(erp: World) -> None:
    configured(erp, f"{ERP.rstrip()}\n    block_cap: 8\n")
    bulk(erp, 200)
    report = scan(erp)
    told = erp.said("dedupe.block_capped")
    assert report.capped > 0
    assert len(told) == min(report.capped, 50)
    assert all(one["members"] > 8 for one in told)
    assert {pair: case.decision for pair, case in cases(erp).items()} == memory(erp, cap=8)


# ---------------------------------------------------------------- only what changed


def test_an_idle_scan_writes_nothing(erp: World) -> None:
    bulk(erp, 100)
    scan(erp)
    before = rows(erp)
    erp.events.clear()
    report = scan(erp)
    assert (report.changed, report.pairs, report.opened, report.whole) == (0, 0, 0, False)
    assert rows(erp) == before
    assert [name for name, _ in erp.events] == ["dedupe.scanned"]


def test_a_changed_record_has_its_own_pairs_decided(erp: World) -> None:
    bulk(erp, 300)
    whole = scan(erp)
    erp.erp("UPDATE customers SET company_name = 'Nordhavn Kraner A/S', vat_no = 'DK13585628' WHERE customer_no = 'C3'")
    report = scan(erp)
    assert (report.changed, report.whole, report.opened) == (1, False, 2)
    assert 2 <= report.pairs < whole.pairs / 10
    assert {("C1", "C3"), ("C2", "C3")} <= set(cases(erp, CaseState.OPEN))
    erp.erp("UPDATE customers SET company_name = 'Zirkel Papir ApS', vat_no = '' WHERE customer_no = 'C3'")
    assert scan(erp).closed == 2
    assert cases(erp)["C1", "C3"].state is CaseState.WITHDRAWN


def test_a_third_record_changes_what_two_others_were_and_back(erp: World) -> None:
    """Another name on their tax number is a doubt about both, although neither changed."""
    scan(erp)
    before = cases(erp)["C1", "C2"]
    assert (before.band, before.tier) == (Band.AUTO, "T1")
    erp.erp("UPDATE customers SET vat_no = 'DK13585628' WHERE customer_no = 'C3'")
    scan(erp)
    doubted = cases(erp)["C1", "C2"]
    assert doubted.tier != "T1" or doubted.band is not Band.AUTO
    assert {pair: case.decision for pair, case in cases(erp).items()} == memory(erp)
    erp.erp("UPDATE customers SET vat_no = '' WHERE customer_no = 'C3'")
    scan(erp)
    assert cases(erp)["C1", "C2"].decision == before.decision


def test_many_small_changes_end_where_one_whole_search_ends(erp: World) -> None:
    bulk(erp, 200)
    scan(erp)
    dice = random.Random(3)
    others = {one.id: one for one in firms(200, seed=8)}
    for _ in range(6):
        for key in dice.sample(sorted(others), 4):
            one = others[key]
            erp.erp(
                "UPDATE customers SET company_name = %s, vat_no = %s, phone = %s WHERE customer_no = %s",
                one.name,
                one.tin,
                one.phone,
                key,
            )
        report = scan(erp)
        assert 1 <= report.changed <= 4
        assert report.whole is False

    def bands() -> dict[tuple[str, str], tuple[str, Band, str]]:
        return {pair: (one.state, one.band, one.tier) for pair, one in cases(erp, CaseState.OPEN).items()}

    step_by_step = bands()
    report = scan(erp, whole=True)
    assert report.whole
    assert bands() == step_by_step
    assert {pair for pair, one in memory(erp).items() if one["band"] != "no"} == set(step_by_step)


def test_a_directory_that_grew_is_decided_as_a_whole(erp: World) -> None:
    bulk(erp, 100)
    scan(erp)
    erp.customer("D1", company_name="Ny ApS")
    assert scan(erp).whole is False
    erp.events.clear()
    for number in range(25):
        erp.customer(f"E{number}", company_name=f"Ny {number} ApS")
    assert scan(erp).whole is True
    (told,) = erp.said("dedupe.rekeyed")
    assert told["reason"] == "103 parties have become 129"


def test_other_tiers_are_other_rules(erp: World) -> None:
    scan(erp)
    configured(erp, f"{ERP.rstrip()}\n    proposed: []\n")
    assert scan(erp).whole is True
    assert cases(erp)["C1", "C2"].band is Band.REVIEW
    assert cases(erp)["C1", "C2"].tier == "T1"


# ---------------------------------------------------------------- people's words


def test_a_no_is_never_asked_again_and_not_even_decided(erp: World) -> None:
    scan(erp)
    case = cases(erp)["C1", "C2"]
    erp.store.answer_case(case.id, "no", "Ada", "", None)
    for name in ("Nordhavn Kraner", "Nordhavn Kraner A/S"):
        erp.erp("UPDATE customers SET company_name = %s WHERE customer_no = 'C2'", name)
        assert scan(erp).opened == 0
    assert scan(erp, whole=True).opened == 0
    assert cases(erp)["C1", "C2"].state is CaseState.NO


def test_a_yes_is_asked_again_when_a_record_changed(erp: World) -> None:
    scan(erp)
    case = cases(erp)["C1", "C2"]
    erp.store.answer_case(case.id, "yes", "Ada", "", None)
    assert scan(erp, whole=True).opened == 0
    erp.erp("UPDATE customers SET phone = '+45 33120001' WHERE customer_no = 'C2'")
    assert scan(erp).opened == 1
    assert cases(erp)["C1", "C2"].state is CaseState.OPEN


# ---------------------------------------------------------------- readings that prove nothing


def test_a_record_is_gone_after_two_complete_readings(erp: World) -> None:
    bulk(erp, 20)
    scan(erp)
    erp.erp("DELETE FROM customers WHERE customer_no = 'C2'")
    assert scan(erp).gone == ()
    assert cases(erp)["C1", "C2"].state is CaseState.OPEN
    report = scan(erp)
    assert report.gone == ("C2",)
    assert erp.said("dedupe.gone") == [{"directory": "erp", "key": "C2"}]
    assert cases(erp)["C1", "C2"].state is CaseState.GONE
    assert scan(erp).gone == ()


class Cut:
    """A connector whose walk of one resource ends in trouble after some pages."""

    def __init__(self, real: Any, resource: str = "customers") -> None:
        self._real, self._resource = real, resource

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def pages(self, query: Any, cursor: str | None) -> Iterator[Any]:
        if query.resource != self._resource:
            yield from self._real.pages(query, cursor)
            return
        for page in self._real.pages(query, cursor):
            yield page
            raise Later("the line went dead before the end was certain")


def connector(world: World, system: str = "erp") -> Any:
    assert world.app is not None
    return world.app.connector(system)


def test_a_cut_reading_closes_nothing_and_what_it_saw_counts(erp: World) -> None:
    scan(erp)
    erp.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    erp.customer("C4", company_name="Østre Lamper ApS", vat_no="")
    for _ in range(3):
        report = scan(erp, peer=Cut(connector(erp)))
        assert (report.outcome, report.gone, report.reason) == (
            "incomplete",
            (),
            "Later: the line went dead before the end was certain",
        )
    assert cases(erp)["C1", "C2"].state is CaseState.OPEN
    assert ("C3", "C4") in cases(erp)
    assert len(erp.said("dedupe.incomplete")) == 3


def test_an_empty_or_shrunken_reading_closes_nothing_unless_a_person_says_so(erp: World) -> None:
    bulk(erp, 17)
    scan(erp)
    erp.erp("DELETE FROM customers WHERE customer_no LIKE 'f%%'")
    for _ in range(3):
        assert scan(erp).gone == ()
    assert erp.said("dedupe.uncertified")[0]["reason"] == "saw 3 where 20 were known"
    erp.erp("DELETE FROM customers")
    for _ in range(3):
        assert (scan(erp).outcome, scan(erp).gone) == ("done", ())
    assert cases(erp)["C1", "C2"].state is CaseState.OPEN
    scan(erp, shrunk_is_right=True)
    assert len(scan(erp, shrunk_is_right=True).gone) == 20
    assert cases(erp, CaseState.OPEN) == {}


def test_a_reference_that_cannot_be_read_changes_no_party(world: World) -> None:
    configured(world, FLOWTLY)
    one = world.client(name="Ada ApS", tin="13585628", tinCountry="DK")
    world.in_flowtly("POST", "counterparties", {"client": one, "displayName": "A"})
    scan(world, "parties")
    before = rows(world)
    report = scan(world, "parties", peer=Cut(connector(world, "flowtly"), "clients"))
    assert (report.outcome, report.read) == ("incomplete", 0)
    assert rows(world) == before


def test_two_records_under_one_key_close_nothing(erp: World) -> None:
    scan(erp)

    class Twice(Cut):
        def pages(self, query: Any, cursor: str | None) -> Iterator[Any]:
            for page in self._real.pages(query, cursor):
                (first, *_) = page.records
                yield type(page)((*page.records[:2], Record(first.key, {**first.raw, "company_name": "Other"})))

    erp.erp("DELETE FROM customers WHERE customer_no = 'C3'")
    for _ in range(3):
        assert scan(erp, peer=Twice(connector(erp))).gone == ()
    assert erp.said("dedupe.duplicate_key")[0]["key"] == "C1"
    assert erp.store.parties("erp", ["C1"])["C1"].party.name == "Nordhavn Kraner A/S"


def test_fields_that_do_not_exist_are_refused_before_anything_is_read(erp: World) -> None:
    configured(erp, ERP.replace("company_name", "compny_name"))
    with pytest.raises(Refused, match=r"compny_name.*did you mean 'company_name'"):
        scan(erp)
    configured(erp, "dedupe:\n  erp: {resource: counterparties, fields: {name: client.nam}}")
    with pytest.raises(Refused, match=r"client\.nam: clients has no field 'nam' \(did you mean 'name'"):
        scan(erp)
    configured(erp, "dedupe:\n  erp: {resource: counterparties, fields: {name: tin.name}}")
    with pytest.raises(Refused, match="no field 'tin' that refers to other records"):
        scan(erp)
    assert erp.store.party_count("erp") == 0


def test_a_name_that_means_another_resource_by_now_is_refused(erp: World) -> None:
    scan(erp)
    configured(erp, "dedupe:\n  erp: {resource: clients}")
    with pytest.raises(Refused, match="was about erp customers by customer_no and is about flowtly clients now"):
        scan(erp)


def test_texts_that_no_database_keeps_and_endless_ones_do_not_stop_a_scan(erp: World) -> None:
    class Odd(Cut):
        def pages(self, query: Any, cursor: str | None) -> Iterator[Any]:
            for page in self._real.pages(query, cursor):
                odd = [
                    {"company_name": "A\x00B \ud800"},
                    {"company_name": "x" * 9000},
                    {"company_name": " ".join(f"w{n}" for n in range(5000)), "city": "y" * 9000},
                    {"company_name": None, "vat_no": 13585628},
                ]
                more = [Record(f"O{number}", {**page.records[0].raw, **fields}) for number, fields in enumerate(odd)]
                yield type(page)((*page.records, *more, Record("bad\x00key", page.records[0].raw)))

    assert scan(erp, peer=Odd(connector(erp))).outcome == "done"
    assert erp.store.parties("erp", ["O0"])["O0"].party.name == "A\ufffdB \ufffd"
    assert erp.store.parties("erp", ["O3"])["O3"].party.tin == "13585628"
    assert "no database can hold" in erp.said("dedupe.uncertified")[0]["reason"]


# ---------------------------------------------------------------- two at once, and dying between any two steps


def test_one_scans_at_a_time(erp: World) -> None:
    lease = erp.store.acquire("dedupe:erp", "another", TTL)
    assert lease is not None
    assert scan(erp).outcome == "busy"
    erp.store.release(lease)
    assert scan(erp).outcome == "done"


def test_a_scan_that_is_stopped_goes_on_with_the_next_one(erp: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_BATCH", 20)
    bulk(erp, 60)
    stop = Event()

    class Stopping:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            if name == "keep_decisions":
                stop.set()
            return getattr(self._real, name)

    report = scan(erp, store=Stopping(erp.store), stop=stop)
    assert report.outcome == "stopped"
    assert erp.store.keying("erp") is None
    assert scan(erp).outcome == "done"
    assert {pair: case.decision for pair, case in cases(erp).items()} == memory(erp)


class Died(BaseException):
    """The process is no more. Not an Exception: nothing that handles trouble may swallow it."""


class Mortal:
    """A store that dies right before or right after its n-th step."""

    def __init__(self, real: Any, life: int, *, after: bool) -> None:
        self._real, self._life, self._after = real, life, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in {"acquire", "renew", "release", "close"}:
            return found
        return self._step(found)

    def _step(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            if not self._after:
                self._count()
            answer = call(*arguments, **named)
            if self._after:
                self._count()
            return answer

        return step

    def _count(self) -> None:
        self._life -= 1
        if self._life < 0:
            raise Died


@pytest.mark.slow
def test_dying_between_any_two_steps_loses_no_pair(erp: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_BATCH", 15)
    bulk(erp, 40)
    scan(erp)
    deaths = 0
    for after in (False, True):
        for life in range(40):
            # A change that opens one case and ends another, whichever state the last death left.
            other = "Uld Vinge ApS" if life % 2 else "Østre Lamper ApS"
            erp.erp(
                "UPDATE customers SET company_name = %s, vat_no = %s WHERE customer_no = 'f00001'",
                other,
                nip(life + 100),
            )
            erp.erp(
                "UPDATE customers SET company_name = %s WHERE customer_no = 'C2'",
                "Nordhavn Kraner" + " A/S" * (life % 2),
            )
            try:
                scan(erp, store=Mortal(erp.store, life, after=after))
            except Died:
                deaths += 1
            else:
                break
            scan(erp)
            wanted = {pair: (one["band"], one["tier"]) for pair, one in memory(erp).items() if one["band"] != "no"}
            assert {pair: (one.band.value, one.tier) for pair, one in cases(erp, CaseState.OPEN).items()} == wanted, (
                life,
                after,
            )
            assert erp.store.due_parties("erp") == type(erp.store.due_parties("erp"))()
    assert deaths > 12


# ---------------------------------------------------------------- registers


class Fact:
    """A register that knows a number under the names it was asked about."""

    reference = "test register: valid"

    def confirms(self, names: Any) -> bool | None:
        return True


def test_registers_are_asked_only_about_pairs_that_somebody_would_look_at(erp: World) -> None:
    erp.erp("UPDATE customers SET company_name = 'Nordhavn Kraner' WHERE customer_no = 'C2'")
    asked: list[str] = []

    def facts(parties: Any) -> dict[str, Any]:
        asked.extend(one.id for one in parties)
        return {one.tin.valid: Fact() for one in parties if one.tin.valid}

    scan(erp)
    assert cases(erp)["C1", "C2"].tier == "T3"
    scan(erp, facts=facts, whole=True)
    assert sorted(asked) == ["C1", "C2"]
    case = cases(erp)["C1", "C2"]
    assert (case.tier, case.decision["registers"]) == ("T1", ["test register: valid"])
