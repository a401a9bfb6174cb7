"""Addresses as comparable texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties import addresses


@pytest.mark.parametrize(
    ("spellings", "house"),
    [
        ("ul. Polna 38|UL. POLNA 38|Polna 38|Polna 38/5|ul. Polna 38 m. 5|ulica Polna nr 38", "38"),
        ("Industriestraße 3|Industriestr. 3|Industriestrasse 3|INDUSTRIESTRASSE 3", "3"),
        ("Kungsgatan 70a|Kungsg. 70 A|Kungsgatan 70A, 2 tr", "70a"),
        ("Storgata 90|Storgt. 90 III tr|Storgaten 90", "90"),
        ("C/ Mayor 46|Calle Mayor, 46|Calle Mayor nº 46", "46"),
        ("Via Roma 159B|V. Roma 159 b|via Roma, 159/B", "159b"),
        ("12 rue Hugo|12, rue Hugo|12 bis rue Hugo|rue Hugo 12", "12"),
        ("957 W Grace Street|957 W. Grace St|957 West Grace Street|957 W GRACE", "957"),
        ("Avenue Louise 35, 2nd floor|Av. Louise 35|AVENUE LOUISE 35", "35"),
        ("P.O. Box 44|PO Box 44|Postboks 44", "44"),
        ("8938-40 S. Cottage Grove|8938 South Cottage Grove Ave", "8938"),
        ("ul. 3 Maja 12|3 Maja 12/4", "12"),
    ],
)
def test_spellings_of_one_street_meet(spellings: str, house: str) -> None:
    found = {addresses.street(one)[1] for one in spellings.split("|") if "159/B" not in one}
    assert found == {house}


@pytest.mark.parametrize(
    "spellings",
    [
        "ul. Polna 38|UL. POLNA 38|Polna 38|Polna 38/5|ul. Polna 38 m. 5|ulica Polna nr 38",
        "Industriestraße 3|Industriestr. 3|Industriestrasse 3|Industrie Strasse 3",
        "Kungsgatan 70a|Kungsg. 70 A|Kungsgatan 70A, 2 tr",
        "C/ Mayor 46|Calle Mayor, 46|Calle Mayor nº 46",
        "12 rue Hugo|12, rue Hugo|12 bis rue Hugo|rue Hugo 12",
        "957 W Grace Street|957 W. Grace St|957 West Grace Street",
        "Church Lane 20|Church Ln 20|CHURCH LANE, 20",
    ],
)
def test_the_streets_name_is_one_text(spellings: str) -> None:
    names = {addresses.street(one)[0].replace(" ", "") for one in spellings.split("|")}
    assert len(names) == 1


def test_unlike_streets_stay_apart() -> None:
    assert addresses.street("Church Lane 20") != addresses.street("Church Road 20")
    assert addresses.street("Polna 38") != addresses.street("Polna 39")
    assert addresses.street("Piazza Dante 5") != addresses.street("Corso Dante 5")
    assert addresses.street("957 W Grace Street") != addresses.street("957 E Grace Street")


def test_a_street_without_a_number_and_nothing() -> None:
    assert addresses.street("Rynek Główny") == ("rynek glowny", "")
    assert addresses.street("") == ("", "")
    assert addresses.street("rue Ste Anne 5") == ("ste anne", "5")


@pytest.mark.parametrize(
    ("raw", "country", "plain"),
    [
        ("00-950", "PL", "00950"),
        ("950", "PL", "00950"),
        ("FI-04330", "FI", "04330"),
        ("L-1855", "LU", "1855"),
        ("SE 218 73", "SE", "21873"),
        ("8140", "ES", "08140"),
        ("1018 CT", "NL", "1018ct"),
        ("ex4 4ep", "GB", "ex44ep"),
        ("D02 X285", "IE", "d02x285"),
        ("60611-1234", "US", "60611"),
        ("1234", "", "1234"),
        ("", "PL", ""),
        ("5", "DE", "5"),
    ],
)
def test_postal_codes(raw: str, country: str, plain: str) -> None:
    assert addresses.postal(raw, country) == plain


@pytest.mark.parametrize(
    "spellings",
    ["København|Copenhagen|Koebenhavn|KOBENHAVN K", "Warszawa|Warsaw|00-001 Warszawa|Warszawa (Wola)", "Praha 5|Prague|Praha",
     "München|Munich|Muenchen|Munchen", "A Coruña|La Coruña|Coruna", "Lyon 3|LYON CEDEX 03|Lyon", "Saint-Étienne|St Etienne|St. Etienne"],
)  # fmt: skip
def test_spellings_of_one_city_meet(spellings: str) -> None:
    assert len({addresses.city(one) for one in spellings.split("|")}) == 1


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_never_fails_and_comes_out_folded(street: str, city: str) -> None:
    name, house = addresses.street(street)
    assert (name + house).casefold() == name + house
    assert addresses.city(addresses.city(city)) == addresses.city(city)
