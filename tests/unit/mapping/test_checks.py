"""``check:`` of a field: how it is written, what is refused, and what it changes of a mapping."""

from __future__ import annotations

import pytest

from syncd.mapping.checks import Bad
from syncd.mapping.problems import ConfigError
from tests.unit.mapping.helpers import compiled

TEXT = """\
mapping: clients
external: {resource: customers, key: id}
flowtly: {resource: clients}
match: [[name]]
fields:
  name: company
  country: country
  vat: {external: vat_no, through: vat_number%s}
"""


def test_a_check_is_a_word_or_a_block() -> None:
    short = compiled(TEXT % ", check: tin").checks
    long = compiled(TEXT % ", check: {kind: tin, bad: warn}").checks
    assert short == long
    assert (short["vat"].kind, short["vat"].bad, short["vat"].country) == ("tin", Bad.WARN, None)
    held = compiled(TEXT % ", check: {bad: hold_record, country: country}").checks["vat"]
    assert (held.bad, held.country) == (Bad.HOLD_RECORD, "country")
    assert compiled(TEXT % "").checks == {}


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("{bad: hold}", "hold_field"),
        ("iban", "tin"),
        ("{kind: tin, bda: warn}", "bda"),
        ("{country: contry}", "is not a field that is compared"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(check: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compiled(TEXT % f", check: {check}")
    assert words in str(refused.value)
    assert ":8:" in str(refused.value)


def test_a_constant_is_not_checked() -> None:
    with pytest.raises(ConfigError, match="check and constant exclude each other"):
        compiled(TEXT % "" + "  kind: {constant: {flowtly: x}, check: tin}\n")


def test_a_check_changes_the_fingerprint_and_its_absence_does_not() -> None:
    without, warns, holds = (
        compiled(TEXT % check).fingerprint for check in ("", ", check: tin", ", check: {bad: hold_field}")
    )
    assert len({without, warns, holds}) == 3
    assert compiled(TEXT % ", check: null").fingerprint == without
