"""Names taken apart: what is noise, what is identity, and that the two are not confused."""

# ruff: noqa: RUF001 - names in other scripts

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.counterparties.folding import fold
from syncd.counterparties.names import cut_short, take_apart, without_city


@pytest.mark.parametrize(
    "spellings",
    [
        ("Göteborg", "Goteborg", "Goeteborg", "GOETEBORG", "Go\u0308teborg"),
        ("Sørensen", "Sorensen", "Soerensen"),
        ("Århus", "Aarhus", "Arhus"),
        ("Straße", "Strasse", "STRASSE"),
        ("Łódź", "Lodz"),
        ("Ærø Færge", "Aero Faerge"),
        ("D'Or", "D\u2019Or", "DOr"),
        ("Ромашка", "Romashka"),
        ("Αθήνα", "Athina"),
        ("İzmir", "Izmir", "IZMIR"),
    ],
)
def test_spellings_of_one_word_meet(spellings: tuple[str, ...]) -> None:
    assert len({fold(one) for one in spellings}) == 1


@pytest.mark.parametrize("word", ["Neue", "Bauer", "Marques", "Joe", "Blue", "Quaestor"])
def test_letters_that_are_no_written_out_umlaut_stay(word: str) -> None:
    assert fold(word) == word.casefold()


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("raw", "stem"),
    [
        ("Northwind Spółka z o.o.", "northwind"),
        ("The Northwind Trading Company", "northwind trading"),
        ("Smith & Sons Ltd", "smith sons"),
        ("Smith and Sons Limited", "smith sons"),
        ("Müller und Söhne GmbH", "muller sohne"),
        ("J.L.M. van Houten Beheer B.V.", "jlm van houten beheer"),
        ("J L M van Houten Beheer BV", "jlm van houten beheer"),
        ("B & Q plc", "b q"),
        ("Materials Mfg. of America, Inc.", "materials manufacturing america"),
        ("Plan B S.A.", "plan b"),
        ("Hutten Nr. 2 BV", "hutten 2"),
        ("Northwind (Ireland) Ltd.", "northwind ireland"),
        ("Northwind Ltd t/a The Corner Shop", "northwind"),
        ("Northwind GmbH i.L.", "northwind"),
        ("Northwind AB (publ)", "northwind"),
        ("Foo S.n.c. di Mario Rossi & C.", "foo di mario rossi"),
        ("Foo GmbH & Co. Betriebs KG", "foo betriebs"),
        ("Foo s.c. Jan Nowak, Ewa Nowak", "foo jan nowak ewa nowak"),
        ("Przedsiębiorstwo Handlowo-Usługowe Kowal", "phu kowal"),
        ("P.H.U. KOWAL", "phu kowal"),
        ("ООО «Ромашка»", "romashka"),
        ("三菱商事", "三菱商事"),
    ],
)
def test_the_stem_is_the_name_without_form_and_filler(raw: str, stem: str) -> None:
    assert take_apart(raw).stem == stem


@pytest.mark.parametrize("raw", ["AB", "Sp. z o.o.", "The", "&", "GmbH & Co. KG", "SE", "and", "S.A. S.A."])
def test_a_name_of_nothing_but_a_form_keeps_its_words(raw: str) -> None:
    assert take_apart(raw).tokens


def test_a_name_without_letters_has_no_tokens() -> None:
    assert take_apart(" - ").tokens == ()
    assert take_apart("").tokens == ()


@pytest.mark.parametrize(
    ("raw", "numerals"),
    [
        ("Northwind II AB", {"2"}),
        ("Northwind 2 AB", {"2"}),
        ("Northwind 02 AB", {"2"}),
        ("Partners Fund XIV L.P.", {"14"}),
        ("Partners Fund V L.P.", {"5"}),
        ("Track24 AB", {"24"}),
        ("Track 24 AB", {"24"}),
        ("Northwind AB", set()),
        ("V. Garibaldi Srl", set()),
        ("Mix Vivid SA", set()),
        ("8488 Northwind 4 Aktiebolag", {"4"}),
    ],
)
def test_numerals_are_arabic_and_never_part_of_a_form(raw: str, numerals: set[str]) -> None:
    assert take_apart(raw).numerals == numerals


def test_a_roman_numeral_is_the_number() -> None:
    assert take_apart("Northwind II AB").tokens == take_apart("Northwind 2 AB").tokens
    assert take_apart("Northwind II AB").tokens != take_apart("Northwind AB").tokens


@pytest.mark.parametrize(
    "raw",
    [
        "44214 Northwind AB",
        "44214 - Northwind AB",
        "(44214) Northwind AB",
        "#044214 Northwind AB",
        "4421 Northwind AB",
        "44214 Northwind S Pumps AB",
    ],
)
def test_a_customer_code_in_front_is_noise(raw: str) -> None:
    name = take_apart(raw)
    assert (name.tokens[0], name.form, name.numerals) == ("northwind", "ab", frozenset())


@pytest.mark.parametrize(
    "raw",
    [
        "9876543 Canada Inc.",
        "1000 Miglia Srl",
        "1984 Records Ltd",
        "3421 Lake Street LLC",
        "360 Grad GmbH",
        "44214",
        "12345 Ltd",
    ],
)
def test_a_number_that_is_the_name_stays(raw: str) -> None:
    assert take_apart(raw).numerals


@pytest.mark.parametrize(
    "raw", ["Northwind AB - Malmö", "Northwind AB, MALMO", "Northwind AB (Malmoe)", "Northwind AB Malmö"]
)
def test_the_records_own_city_at_the_end_is_noise(raw: str) -> None:
    name = without_city(take_apart(raw), "Malmö")
    assert (name.stem, name.form) == ("northwind", "ab")


def test_another_city_at_the_end_stays() -> None:
    name = without_city(take_apart("Northwind AB - Malmö"), "Lund")
    assert (name.stem, name.form) == ("northwind malmo", "ab")
    assert without_city(name, "") is name


@pytest.mark.parametrize("raw", ["Northwind Malmö AB", "Malmö Northwind AB", "Northwind Malmö", "Malmö AB"])
def test_a_city_inside_the_name_is_identity(raw: str) -> None:
    assert "malmo" in without_city(take_apart(raw), "Malmö").tokens


def test_a_name_cut_off_by_a_small_field_is_known_by_its_start() -> None:
    whole = "Northwind Asset Management International AS"
    assert cut_short("NORTHWIND ASSET MANAGEMEN", whole)
    assert cut_short("Northwind Asset Management International", whole)
    assert not cut_short("Northwind Asset Managers", whole)
    assert not cut_short("Northwind", whole)
    assert not cut_short(whole, whole)


_WORDS = st.lists(
    st.sampled_from(["Nord", "Wind", "II", "7", "Öl", "Holding", "&", "S.", "van", "AB", "GmbH", "Kft."]), min_size=1
)


@given(_WORDS)
def test_taking_apart_loses_no_number(words: list[str]) -> None:
    raw = " ".join(words)
    assert {"2" for one in words if one == "II"} | {"7" for one in words if one == "7"} <= take_apart(raw).numerals


@given(_WORDS)
def test_case_never_changes_who_it_is(words: list[str]) -> None:
    raw = " ".join(words)
    assert take_apart(raw.upper()).sorted == take_apart(raw.lower()).sorted
