"""A party becomes its prepared form: the same each time, whatever order and spelling it came in."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.normalise import VERSION, inputs_hash, prepare, registration
from syncd.counterparties.party import Party

PARTY = Party(
    id="7",
    name="Żółw Nord Sp. z o.o.",
    other_names=("Turtle Nord", "ŻÓŁW NORD SP Z O O", ""),
    tin="PL 856-734-62-15",
    country="Polska",
    accounts=("61 1090 1014 0000 0712 1981 2874", "nonsense"),
    street="ul. Słoneczna 12a",
    postal="00-950",
    city="Warszawa",
    website="https://www.zolw-nord.pl/kontakt",
    email="jan@gmail.com",
    phone="+48 22 183 45 67",
    regno="KRS 0000123987",
    client=" /api/clients/3 ",
    supplier_tin="8567346215",
    client_tin="8567346216",
)


def test_every_part_arrives_in_its_own_field() -> None:
    ready = prepare(PARTY)
    assert (ready.id, ready.version, ready.inputs) == ("7", VERSION, inputs_hash(PARTY))
    assert ready.name.raw == PARTY.name
    assert [name.stem for name in ready.names][1:] == ["turtle nord"]
    assert (ready.tin.valid, ready.supplier_tin.valid, ready.client_tin.valid) == ("PL8567346215", "PL8567346215", "")
    assert ready.country == "PL"
    assert ready.accounts == ("PL61109010140000071219812874",)
    assert (ready.domain, ready.phone, ready.regno) == ("zolw-nord.pl", "221834567", "123987")
    assert (ready.client, ready.supplier) == ("/api/clients/3", "")
    assert ready.house
    assert ready.street
    assert ready.postal
    assert ready.city


def test_a_party_without_anything_has_one_name_without_tokens() -> None:
    ready = prepare(Party("1"))
    assert len(ready.names) == 1
    assert ready.name.tokens == ()
    assert ready.tin == type(ready.tin)()


def test_another_name_is_the_main_one_where_there_is_none() -> None:
    assert prepare(Party("1", name=" - ", other_names=("Turtle Nord",))).name.stem == "turtle nord"


def test_an_accountants_mail_stays_and_free_mail_does_not() -> None:
    assert prepare(Party("1", email="x@biuro-rachunkowe.pl")).domain == "biuro-rachunkowe.pl"
    assert prepare(replace(PARTY, website="")).domain == ""


@pytest.mark.parametrize("name", [one.name for one in fields(Party) if one.name != "id"])
def test_the_hash_changes_with_every_input(name: str) -> None:
    was = getattr(PARTY, name)
    other = replace(
        PARTY, **{name: (*was, "x") if isinstance(was, tuple) else not was if name == "display" else was + "x"}
    )
    assert inputs_hash(other) != inputs_hash(PARTY)
    assert prepare(other).inputs != prepare(PARTY).inputs


def test_the_hash_is_not_of_the_id_and_keeps_fields_apart() -> None:
    assert inputs_hash(replace(PARTY, id="8")) == inputs_hash(PARTY)
    assert inputs_hash(Party("1", street="ab", city="c")) != inputs_hash(Party("1", street="a", city="bc"))


TEXT = st.text(max_size=30)


@given(
    st.builds(
        Party,
        id=TEXT, name=TEXT, other_names=st.tuples(TEXT, TEXT), tin=TEXT, country=TEXT, accounts=st.tuples(TEXT),
        street=TEXT, postal=TEXT, city=TEXT, website=TEXT, email=TEXT, phone=TEXT, regno=TEXT, client=TEXT,
        supplier=TEXT, client_tin=TEXT, supplier_tin=TEXT, display=st.booleans(),
    )
)  # fmt: skip
def test_any_party_is_prepared_and_the_same_each_time(party: Party) -> None:
    ready = prepare(party)
    assert ready == prepare(party)
    assert ready.names
    assert ready.id == party.id


@given(st.permutations([PARTY.accounts[0], "DE89370400440532013000", "", "x"]))
def test_the_order_of_accounts_says_nothing(order: list[str]) -> None:
    assert prepare(replace(PARTY, accounts=tuple(order))).accounts == (
        "DE89370400440532013000",
        "PL61109010140000071219812874",
    )


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("0000123987", "123987"),
        ("HRB 123 987 B", "HRB123987B"),
        ("556188-8404", "5561888404"),
        ("000000000", ""),
        ("123456789", ""),
        ("12", ""),
        ("n/a - none", ""),
    ],
)
def test_a_register_number_is_its_letters_and_digits(raw: str, wanted: str) -> None:
    assert registration(raw) == wanted
