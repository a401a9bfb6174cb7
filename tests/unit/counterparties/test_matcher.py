"""Tiers, vetoes, doubts and bands, one by one."""

from __future__ import annotations

import pytest

from syncd.counterparties.blocking import keys
from syncd.counterparties.census import MANY, count
from syncd.counterparties.decision import Band
from syncd.counterparties.likeness import Alike, compare
from syncd.counterparties.names import take_apart
from syncd.counterparties.normalise import prepare
from syncd.counterparties.party import Party
from syncd.counterparties.scan import scan, survey
from syncd.counterparties.weights import of_places, total
from tests.unit.counterparties.matcher_kit import BARE, FIRM, IBAN, OTHER_IBAN, OTHER_TIN, THIRD_TIN, TIN, both, like

ONLY_TIN = {"accounts": (), "website": "", "phone": "", "street": "", "regno": ""}
NO_NUMBERS = {"tin": "", "accounts": (), "regno": ""}


class TestTiers:
    @pytest.mark.parametrize(
        ("changes", "tier"),
        [
            ({}, "T1"),
            ({"name": "Wiatrak Zielony, spółka z o.o."}, "T1"),
            ({"name": "Zielony Wiatrka Sp. z o.o."}, "T1"),
            ({"name": "ZielonyWiatrak Sp. z o.o."}, "T1"),
            ({"tin": ""}, "T2"),
            ({"tin": "", "name": "Zielony Wiatrak"}, "T2b"),
            ({"accounts": (), "name": "Zielony Wiatrak"}, "T3"),
            ({"accounts": (), "tin": ""}, "T4"),
            ({"accounts": (), "tin": "", "name": "Zielony Wiatrak"}, "T6"),
            ({**NO_NUMBERS, "website": ""}, "T4"),
        ],
    )
    def test_of_one_firm_recorded_twice(self, changes: dict[str, object], tier: str) -> None:
        decision = both(FIRM, like(FIRM, **changes))
        assert (decision.tier, decision.band) == (tier, Band.AUTO)
        off = both(FIRM, like(FIRM, **changes), tiers=frozenset())
        assert (off.tier, off.band, off.bits) == (tier, Band.REVIEW, decision.bits)

    def test_a_tax_number_that_another_name_carries_too_is_weaker(self) -> None:
        other = Party("c", name="Czarny Kot S.A.", tin=TIN, country="PL")
        twin = like(FIRM, accounts=())
        assert both(FIRM, twin, other).tier == "T4"  # by the soft keys
        decision = both(FIRM, like(FIRM, **ONLY_TIN), other)
        assert decision.tier == "T5"
        assert decision.guards == ("1 unlike name of others carry this tax number",)
        assert decision.counts["other names on the tin"] == 1

    def test_names_that_differ_by_an_error_do_not_share_a_number_with_strangers(self) -> None:
        other = Party("c", name="Zielony Wiatrakk sp z oo", tin=TIN, country="PL")
        assert both(FIRM, like(FIRM), other).tier == "T1"

    def test_a_number_on_very_many_names_is_nobodys(self) -> None:
        crowd = [Party(f"c{at}", name=f"Firma {word}", tin=TIN, country="PL") for at, word in enumerate(_words(MANY))]
        assert both(FIRM, like(FIRM), *crowd).counts["other names on the tin"] == MANY

    def test_soft_keys_merge_nobody_without_any_number(self) -> None:
        bare = {**NO_NUMBERS}
        decision = both(like(FIRM, id="a", **bare), like(FIRM, **bare))
        assert (decision.tier, decision.band) == ("", Band.REVIEW)

    def test_a_groups_number_says_nothing_about_a_record_without_a_form(self) -> None:
        other = Party("c", name="Czarny Kot S.A.", tin=TIN, country="PL")
        decision = both(FIRM, like(FIRM, **ONLY_TIN, name="Zielony Wiatrak"), other)
        assert (decision.tier, decision.band) == ("", Band.REVIEW)

    @pytest.mark.parametrize("changes", [{"tin": "5261040829"}, {"tin": "5261049828"}])
    def test_soft_keys_are_enough_unless_numbers_disagree(self, changes: dict[str, str]) -> None:
        near = both(FIRM, like(FIRM, accounts=(), **changes))
        assert near.tier == "T4"
        assert both(FIRM, like(FIRM, accounts=(), tin="5261949728")).tier == ""
        assert both(FIRM, like(FIRM, tin="", accounts=(OTHER_IBAN,))).tier == ""

    def test_a_domain_that_others_share_is_no_soft_key(self) -> None:
        twin = like(FIRM, **NO_NUMBERS, phone="")
        assert both(FIRM, twin).tier == "T4"
        assert both(FIRM, twin, Party("c", name="Czarny Kot", website="zielonywiatrak.pl")).tier == ""

    def test_what_a_system_shows_is_a_name_only_beside_a_number(self) -> None:
        assert both(FIRM, like(FIRM, display=True)).tier == "T1"
        soft = both(FIRM, like(FIRM, **NO_NUMBERS, display=True))
        assert soft.tier == "" and soft.levels[0].bits == 0


class TestVetoes:
    @pytest.mark.parametrize(
        ("changes", "clause"),
        [
            ({"tin": OTHER_TIN}, "both tax numbers are valid and they differ"),
            ({"country": "DE", "tin": TIN}, "the countries differ"),
            ({"name": "Zielony Wiatrak II Sp. z o.o."}, "the numbers in the names differ"),
            ({"name": "Zielony Wiatrak S.A."}, "the legal forms differ"),
            ({"name": "Zielony Wiatrak Holding Sp. z o.o."}, "only one name says 'holding'"),
            ({"name": "Zielony Wiatrak Gdańsk Sp. z o.o."}, "only one name says 'gdansk'"),
            ({"regno": "0000654321"}, "the register numbers differ"),
            ({"client_tin": OTHER_TIN}, "b carries different tax numbers itself"),
            ({"supplier_tin": OTHER_TIN}, "b carries different tax numbers itself"),
        ],
    )
    def test_stop_what_would_be_automatic(self, changes: dict[str, object], clause: str) -> None:
        decision = both(FIRM, like(FIRM, **changes))
        assert decision.band is Band.REVIEW
        assert clause in decision.vetoes
        assert clause in decision.why

    @pytest.mark.parametrize("field", ["client", "supplier"])
    def test_two_clients_or_suppliers_are_never_even_asked_about(self, field: str) -> None:
        left = like(FIRM, id="a", **{field: f"/{field}s/1"})
        decision = both(left, like(FIRM, **{field: f"/{field}s/2"}))
        assert (decision.band, decision.vetoes) == (Band.NO, (f"they are two different {field}s",))
        assert both(left, like(FIRM, **{field: f"/{field}s/1"})).band is Band.AUTO

    def test_a_city_behind_the_name_is_noise_only_when_it_is_the_records_own(self) -> None:
        assert both(FIRM, like(FIRM, name="Zielony Wiatrak Sp. z o.o. - Warszawa")).band is Band.AUTO
        assert both(FIRM, like(FIRM, name="Zielony Wiatrak Sp. z o.o. - Gdańsk")).band is Band.REVIEW

    def test_register_numbers_of_two_registers_do_not_contradict(self) -> None:
        assert both(FIRM, like(FIRM, regno="HRB 4711-9")).band is Band.AUTO


class TestDoubts:
    def test_a_missing_form_where_the_name_has_two(self) -> None:
        twin = like(FIRM, name="Zielony Wiatrak", accounts=(), regno="")
        assert both(FIRM, twin).band is Band.AUTO
        other = Party("c", name="Zielony Wiatrak S.A.", country="PL")
        decision = both(FIRM, twin, other)
        assert decision.band is Band.REVIEW and "another legal form (sa)" in decision.guards[0]

    def test_a_missing_tax_number_where_the_name_has_two(self) -> None:
        twin = like(FIRM, tin="")
        other = Party("c", name=FIRM.name, country="PL", tin=OTHER_TIN)
        decision = both(FIRM, twin, other)
        assert decision.band is Band.REVIEW and OTHER_TIN in decision.guards[0]
        neither = both(like(FIRM, id="a", tin=""), twin, other)
        assert neither.band is Band.REVIEW and OTHER_TIN in neither.guards[0]

    def test_a_city_taken_off_the_name_where_another_firm_is_named_so(self) -> None:
        twin = like(FIRM, name="Zielony Wiatrak - Warszawa", accounts=(), regno="")
        assert both(FIRM, twin).tier == "T3"
        assert both(FIRM, twin).band is Band.AUTO
        decision = both(FIRM, twin, Party("c", name="Zielony Wiatrak Warszawa S.A.", country="PL"))
        assert decision.band is Band.REVIEW and "'zielony wiatrak warszawa' in full" in decision.guards[0]

    def test_an_account_of_a_factoring_company_proves_nothing(self) -> None:
        twin = like(FIRM, tin="", website="", phone="", street="", regno="")
        assert both(FIRM, twin).tier == "T2"
        strangers = [
            Party("c", name="Czarny Kot S.A.", accounts=(IBAN,)),
            Party("d", name="Biały Pies S.A.", accounts=(IBAN,)),
        ]
        decision = both(FIRM, twin, *strangers)
        assert decision.tier == "" and decision.guards == ("2 unlike names of others carry this bank account",)

    def test_one_account_of_several_is_enough_when_nobody_else_has_it(self) -> None:
        ours = like(FIRM, id="a", tin="", accounts=(IBAN, OTHER_IBAN))
        stranger = Party("c", name="Czarny Kot S.A.", accounts=(IBAN,))
        assert both(ours, like(FIRM, tin="", accounts=(IBAN, OTHER_IBAN)), stranger).tier == "T2"


class TestBands:
    def test_equal_names_and_nothing_else_are_for_a_person_at_most(self) -> None:
        decision = both(Party("a", name=FIRM.name, country="PL"), BARE)
        assert (decision.band, decision.tier) == (Band.REVIEW, "")

    def test_an_equal_number_on_unlike_names_is_asked_about(self) -> None:
        decision = both(FIRM, Party("b", name="Czarny Kot", tin=TIN, country="PL"))
        assert decision.band is Band.REVIEW

    def test_unlike_names_without_a_number_are_no(self) -> None:
        assert both(FIRM, Party("b", name="Czarny Kot S.A.", country="PL", city="Warszawa")).band is Band.NO

    def test_a_wrong_digit_speaks_for_one_firm_and_another_valid_number_against(self) -> None:
        near = both(FIRM, like(FIRM, **{**ONLY_TIN, "tin": "5261040829"}))
        far = both(FIRM, like(FIRM, **{**ONLY_TIN, "tin": THIRD_TIN}))
        assert [one.level for one in near.levels if one.field == "tin"] == ["one digit off"]
        assert [one.level for one in far.levels if one.field == "tin"] == ["different"]
        assert near.band is Band.REVIEW and near.bits - far.bits > 5

    def test_a_word_that_many_have_says_less(self) -> None:
        few = both(Party("a", name=FIRM.name), BARE)
        crowd = [Party(f"c{at}", name=f"Zielony Wiatrak {word}") for at, word in enumerate(_words(70))]
        assert both(Party("a", name=FIRM.name), BARE, *crowd).bits < few.bits

    def test_parts_of_an_address_are_not_counted_as_if_they_were_independent(self) -> None:
        assert of_places([2.0, 1.5, 0.9]) == pytest.approx(2.0 + 2.4 / 3)
        assert of_places([2.0, -2.6]) == pytest.approx(-2.6 + 2 / 3)
        assert total([("name", 3.0), ("street", 2.0), ("city", 0.9)]) == 5.3
        assert of_places([]) == 0


class TestNames:
    @pytest.mark.parametrize(
        ("left", "right", "alike"),
        [
            ("Acme Ltd", "ACME Limited", Alike.EQUAL),
            ("The Walt Disney Company", "Walt Disney Company", Alike.EQUAL),
            ("Nowak Jan", "Jan Nowak", Alike.REORDERED),
            ("Frito Lay", "Frito-Lay", Alike.EQUAL),
            ("Deutsche Pumpen Fabrik", "Deutsche Pumpenfabrik", Alike.JOINED),
            ("Micrsoft", "Microsoft", Alike.TYPO),
            ("Track 24", "Track 25", Alike.NEAR),
            ("LXC Aviation", "LXD Aviation", Alike.NEAR),
            ("Acme Tools", "Acme Tools Services", Alike.EXTRA),
            ("Przedsiębiorstwo Budowlane Wod", "Przedsiębiorstwo Budowlane Wodociągi", Alike.CUT),
            ("Acme", "Zenit", Alike.UNLIKE),
            ("", "Zenit", Alike.MISSING),
        ],
    )
    def test_are_laid_side_by_side(self, left: str, right: str, alike: Alike) -> None:
        names = take_apart(left), take_apart(right)
        assert compare(*names, lambda _: 1).alike is alike
        assert compare(*names[::-1], lambda _: 1) == compare(*names, lambda _: 1)

    def test_a_rare_word_in_common_says_more_than_a_common_one(self) -> None:
        frequency = {"services": 2000, "kwik": 2}.get
        names = take_apart("Kwik Services"), take_apart("Kwik Cleaning"), take_apart("Alma Services")
        rare = compare(names[0], names[1], lambda word: frequency(word, 1))
        common = compare(names[0], names[2], lambda word: frequency(word, 1))
        assert rare.share > common.share > 0


class TestBlocks:
    def test_every_kind_of_key(self) -> None:
        one = prepare(FIRM)
        kinds = {key.kind for key in keys(one, count([one]))}
        assert kinds == {
            "tin", "account", "regno", "domain", "phone", "house", "name", "letters", "word", "start"
        }  # fmt: skip

    @pytest.mark.parametrize(
        "changes",
        [
            {
                "tin": "",
                "accounts": (),
                "website": "",
                "phone": "",
                "street": "",
                "regno": "",
                "city": "",
                "postal": "",
            },
            {"name": "Czarny Kot", "accounts": (), "website": "", "phone": "", "street": "", "regno": ""},
            {"name": "Czarny Kot", "tin": "", "website": "", "phone": "", "street": "", "regno": ""},
            {"name": "Zielony Wiatrakk", "tin": "", "accounts": (), "website": "", "phone": "", "street": ""},
            {
                "name": "ZielonyWiatrak",
                "tin": "",
                "accounts": (),
                "website": "",
                "phone": "",
                "street": "",
                "regno": "",
            },
        ],
    )
    def test_one_thing_in_common_brings_two_records_together(self, changes: dict[str, object]) -> None:
        records = [prepare(FIRM), prepare(like(FIRM, **changes)), prepare(Party("z", name="Biały Pies"))]
        surveyed = survey(records)
        assert set(surveyed.candidates(0)) == {1}

    def test_a_block_with_too_many_records_is_left_out_and_told(self) -> None:
        crowd = [prepare(Party(f"c{at}", name=word, phone="225551234")) for at, word in enumerate(_words(6))]
        surveyed = survey(crowd, cap=5)
        assert [(one.key.kind, one.records) for one in surveyed.skipped] == [("phone", 6)]
        assert not any(surveyed.candidates(at) for at in range(6))
        assert survey(crowd, cap=6).candidates(0).keys() == {1, 2, 3, 4, 5}

    def test_a_placeholder_is_no_key(self) -> None:
        records = [
            prepare(Party(one, name=name, tin="0000000000", country="PL")) for one, name in (("a", "X"), ("b", "Y"))
        ]
        assert not survey(records).blocks

    def test_a_scan_keeps_a_no_only_where_a_number_is_shared(self) -> None:
        left = like(FIRM, id="a", client="/clients/1")
        two = [
            prepare(left),
            prepare(like(FIRM, client="/clients/2")),
            prepare(Party("c", name="Zielony Kot", city="Łódź")),
        ]
        assert [(one.left, one.right, one.band) for one in scan(two)] == [("a", "b", Band.NO)]


def _words(size: int) -> list[str]:
    """Names that are unlike each other."""
    letters = "bcdfghjklmnprstwz"
    return [f"{letters[at % 17] * 3}{letters[at // 17] * 5}{letters[(at * 7) % 17] * 4}" for at in range(size)]
