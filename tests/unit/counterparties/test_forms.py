"""Legal forms: many spellings, one code; and what only looks like one."""

# ruff: noqa: RUF001 - names in other scripts

import pytest

from syncd.counterparties import forms
from syncd.counterparties.forms_table import COUNTRY_TWINS, FRONT, SPELLINGS
from syncd.counterparties.names import take_apart

SAME = {
    "spzoo": "Sp. z o.o.|sp.z.o.o.|SP Z O O|Sp. z o. o.|spzoo|Spółka z o.o.|SPÓŁKA Z OGRANICZONĄ ODPOWIEDZIALNOŚCIĄ|Spolka z ograniczona odpowiedzialnoscia",
    "spzoosk": "Sp. z o.o. Sp.k.|sp. z o.o. sp. k.|Spółka z ograniczoną odpowiedzialnością Spółka komandytowa|sp. z o.o. S.K.",
    "spk": "sp.k.|Spółka komandytowa",
    "spj": "sp. j.|Spółka Jawna",
    "psa": "P.S.A.|Prosta Spółka Akcyjna",
    "sa": "S.A.|SA|s. a.|Spółka Akcyjna|Sociedad Anónima|Société Anonyme|S/A",
    "ab": "AB|Aktiebolag|Ab|AB (publ)|Aktieboalg",
    "as": "AS|A/S|a.s.|Aktieselskab|Aksjeselskap|akciová společnost|Anonim Şirketi",
    "aps": "ApS|APS|Anpartsselskab",
    "oy": "Oy|OY|Oy Ab|Osakeyhtiö",
    "oyj": "Oyj|Oyj Abp",
    "gmbh": "GmbH|G.m.b.H.|mbH|Ges.m.b.H.|Gesellschaft mit beschränkter Haftung|Gesellschaft mit beschraenkter Haftung|Geselschaft mit beschränkter Haftung",
    "gmbhcokg": "GmbH & Co. KG|GmbH & Co KG|GmbH u. Co. KG|mbH & Co KG|GmbH + Co. KG|GmbH und Co. KG",
    "ug": "UG|UG (haftungsbeschränkt)|Unternehmergesellschaft (haftungsbeschränkt)",
    "ek": "e.K.|e. K.|e.Kfm.|eingetragener Kaufmann",
    "ev": "e.V.|e. V.|eV|eingetragener Verein",
    "kg": "KG|& Co. KG|Kommanditgesellschaft",
    "ltd": "Co., Ltd.|Company Limited|Ltd|Ltd.|LIMITED|Limtied",
    "plc": "plc|P.L.C.|Public Limited Company",
    "sarl": "SARL|S.à r.l.|S.à.r.l.|Sàrl|S. a r. l.|Société à responsabilité limitée",
    "sas": "SAS|S.A.S.|SASU|Société par actions simplifiée",
    "srl": "Srl|S.r.l.|s r l|Società a responsabilità limitata|Societa' a responsabilita' limitata|SOCIETA A RESPONSABILITA LIMITATA",
    "spa": "SpA|S.p.A.|s p a|Società per azioni",
    "sl": "S.L.|SL|s l|S.L.U.|Sociedad Limitada|SSOCIEDAD LIMITADA",
    "bv": "BV|B.V.|Besloten Vennootschap|besloten vennootschap met beperkte aansprakelijkheid",
    "lda": "Lda.|Limitada|Unipessoal Lda",
    "sro": "s.r.o.|s. r. o.|spol. s r.o.|společnost s ručením omezeným",
    "kft": "Kft.|KFT|korlátolt felelősségű társaság",
    "doo": "d.o.o.|DOO",
    "ou": "OÜ|OU|Osaühing",
    "ooo": "ООО|Общество с ограниченной ответственностью",
    "eood": "ЕООД|EOOD",
    "ae": "A.E.|Α.Ε.|Ανώνυμη Εταιρεία",
}  # fmt: skip


@pytest.mark.parametrize(("code", "spelling"), [(code, one) for code, all_ in SAME.items() for one in all_.split("|")])
def test_a_spelling_at_the_end_is_its_form(code: str, spelling: str) -> None:
    name = take_apart(f"Northwind Pumps {spelling}")
    assert (name.form, name.stem) == (code, "northwind pumps")


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("Oy Northwind Ab", "oy"),
        ("UAB Northwind", "uab"),
        ("SIA Northwind", "sia"),
        ("AS Northwind", "as"),
        ("SARL Northwind", "sarl"),
        ("SARL Northwind SARL", "sarl"),
        ("Stichting Northwind", "stichting"),
        ("Fundacja Northwind", "fundacja"),
        ("Spółka z o.o. Northwind", "spzoo"),
        ("S.C. Northwind S.R.L.", "srl"),
        ("OJSC Northwind", "oao"),
        ("OJSC Northwind Corporation", "oao"),
        ("Northwind Corporation OJSC", "oao"),
    ],
)
def test_a_form_in_front(raw: str, form: str) -> None:
    name = take_apart(raw)
    assert (name.form, name.stem) == (form, "northwind")


@pytest.mark.parametrize(
    "raw",
    ["Northwind II", "Northwind III", "Northwind Is", "Marta Ek", "Jan de Vos", "Northwind Et", "Company of Wolves",
     "Studio 4 Limitless", "Northwind AI", "MB Northwind", "IK Northwind", "SC Northwind", "Partners For Life"],
)  # fmt: skip
def test_what_only_looks_like_a_form_is_none(raw: str) -> None:
    assert take_apart(raw).form == ""


def test_the_romanian_form_needs_its_dots() -> None:
    assert take_apart("Popescu Ion I.I.").form == "iind"
    assert take_apart("Popescu Ion II").form == ""
    assert take_apart("Popescu Ion II").numerals == {"2"}


def test_no_spelling_is_a_numeral() -> None:
    spellings = [one for line in SPELLINGS.strip().splitlines() for one in line.partition(" = ")[2].split(" | ")]
    assert not [one for one in spellings if set(forms.compact(one)) <= set("ivx0123456789")]


def test_the_table_is_sound() -> None:
    codes = [line.partition(" = ")[0] for line in SPELLINGS.strip().splitlines()]
    assert len(codes) == len(set(codes))
    assert set(FRONT.split()) <= set(codes)
    for groups in COUNTRY_TWINS.values():
        twins = [code for group in groups for code in group.split()]
        assert len(twins) == len(set(twins))
    for code, line in zip(codes, SPELLINGS.strip().splitlines(), strict=True):
        for one in line.partition(" = ")[2].split(" | "):
            assert forms.joined([code]) == code
            assert forms.compact(one), one


def test_two_forms_in_a_row_are_both_kept_unless_they_are_one() -> None:
    assert take_apart("Northwind AB AS").form == "ab+as"
    assert take_apart("Northwind Limited Ltd").form == "ltd"
    assert take_apart("Northwind Corporation Inc.").form == "inc"
    assert take_apart("Northwind SA/NV").form == "sa"
    assert take_apart("Northwind SARL Oddział w Polsce").form == "sarl+branch"
    assert take_apart("Northwind EU SARL").tokens == ("northwind", "eu")
    assert take_apart("Northwind Designated Activity Company Limited").form == "dac"


@pytest.mark.parametrize(
    ("left", "right", "country", "relation"),
    [
        ("sa", "sa", "PL", "equal"),
        ("sa", "", "PL", "missing"),
        ("", "", "PL", "missing"),
        ("sa", "spzoo", "PL", "different"),
        ("sa", "nv", "BE", "equal"),
        ("sa", "nv", "PL", "different"),
        ("sa", "nv", "", "different"),
        ("gmbh", "sarl", "CH", "equal"),
        ("oy", "ab", "FI", "equal"),
        ("oy", "oyj", "FI", "different"),
        ("gmbh", "gmbhcokg", "DE", "different"),
        ("amba", "amba+as", "DK", "missing"),
        ("ab+as", "as+ab", "NO", "equal"),
        ("sprl", "bv", "BE", "equal"),
        ("ivs", "aps", "DK", "equal"),
        ("ivs", "aps", "NO", "different"),
    ],
)
def test_how_two_forms_agree(left: str, right: str, country: str, relation: str) -> None:
    assert forms.relation(left, right, country) == relation
    assert forms.relation(right, left, country) == relation


@pytest.mark.parametrize(
    "pair", [("sa", "spa"), ("as", "ab"), ("gmbh", "gmbhcokg"), ("sl", "sll"), ("srl", "srls"), ("ltd", "plc")]
)
def test_forms_of_different_laws_never_share_a_code(pair: tuple[str, str]) -> None:
    assert forms.relation(*pair) == "different"
