"""Web site, e-mail and telephone as keys: whose they are, and nobody's left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.contacts import domain, phone
from syncd.counterparties.countries import country


@pytest.mark.parametrize(
    ("website", "email", "wanted"),
    [
        ("https://www.Żółw-Nord.co.uk:443/x?y=1", "", "żółw-nord.co.uk"),
        ("zolw.pl/kontakt", "a@other.pl", "zolw.pl"),
        ("WWW.Zolw.de.", "", "zolw.de"),
        ("http:/zolw.no", "", "zolw.no"),
        ("https://user@zolw.fr/", "", "zolw.fr"),
        ("sklep.zolw.com.pl", "", "zolw.com.pl"),
        ("http://xn--w-uga1v8h.pl", "", "żółw.pl"),
        ("zolw.github.io/home", "", "zolw.github.io"),
        ("", "Jan <jan@biuro.zolw.pl>; x@y.pl", "zolw.pl"),
        ("", "x@gmail.com, jan@zolw.pl", "zolw.pl"),
        ("https://facebook.com/zolw", "a@zolw.com", "zolw.com"),
        ("https://facebook.com/zolw", "a@wp.pl", ""),
        ("https://pl.linkedin.com/company/zolw", "", ""),
        ("", "zolw@hotmail.co.uk", ""),
        ("example.com", "", ""),
        ("localhost", "", ""),
        ("192.168.1.4", "", ""),
        ("brak", "nie ma", ""),
        ("co.uk", "", ""),
        ("", "", ""),
    ],
)
def test_the_domain_is_the_part_somebody_registered(website: str, email: str, wanted: str) -> None:
    assert domain(website, email) == wanted


@pytest.mark.parametrize(
    ("raw", "home", "wanted"),
    [
        ("+48 22 183 45 67", "PL", "221834567"),
        ("0048 (22) 183-45-67", "", "221834567"),
        ("22 183 45 67 wew. 12", "PL", "221834567"),
        ("tel. 48 22 183 45 67", "PL", "221834567"),
        ("+45 12 34 56 79", "DK", "12345679"),
        ("12345679", "DK", "12345679"),
        ("+49 (0) 30 923457-0", "DE", "309234570"),
        ("030/9234570", "DE", "309234570"),
        ("+33602345678", "FR", "602345678"),
        ("06 02 34 56 78", "France", "602345678"),
        ("601 234 567, 602 345 678", "PL", "601234567"),
        ("22 183 45 67 x5", "", "221834567"),
        ("00229872571", "", "229872571"),
        ("000000000", "", ""),
        ("123456789", "", ""),
        ("123 456", "", ""),
        ("brak", "PL", ""),
    ],
)
def test_a_telephone_number_is_its_own_last_digits(raw: str, home: str, wanted: str) -> None:
    assert phone(raw, home) == wanted


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_gets_an_answer(one: str, two: str) -> None:
    found = domain(one, two)
    assert found == "" or "." in found
    digits = phone(one, two)
    assert digits == "" or 7 <= len(digits) <= 9


@given(st.text(max_size=30))
def test_a_country_stays_the_same_when_it_is_read_twice(raw: str) -> None:
    assert country(country(raw)) == country(raw)


def test_countries_are_known_by_code_and_name_and_an_unknown_one_equals_no_code() -> None:
    assert {country(raw) for raw in ("PL", "pl", "POL", "Polska", "Poland ")} == {"PL"}
    assert {country(raw) for raw in ("EL", "GR", "Ελλάδα")} == {"GR"}
    assert {country(raw) for raw in ("España", "espana", "ESP")} == {"ES"}
    assert country("Freedonia") == "FREEDONIA"
    assert country("") == ""
