"""A pair's tier, and the doubts that other records raise about it. Never says whether a tier is switched on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from syncd.counterparties.census import Census
from syncd.counterparties.compare import Comparison
from syncd.counterparties.party import Prepared

_TWO: Final = 2


def soft_keys(found: Comparison) -> int:
    """How many of web domain, phone and whole address agree, on nobody else. A register number stands for two."""
    place = found.level("street") in {"equal", "near"} and "different" not in {
        found.level("postal"),
        found.level("city"),
    }
    whole = place and bool({found.level("postal"), found.level("city")} & {"equal", "near"})
    single = sum(found.level(field) == "equal" for field in ("domain", "phone"))
    return single + whole + _TWO * (found.level("regno") == "equal")


def tier(left: Prepared, right: Prepared, found: Comparison, *, confirmed: bool) -> str:
    """The strongest tier of two parties with the same name; empty for none."""
    if found.form == "different":
        return ""
    formed = found.form == "equal"
    soft = soft_keys(found)
    tin, account = found.level("tin"), found.level("account")
    if tin == "equal" and (formed or confirmed):
        return "T1"
    if account == "equal":
        return "T2" if formed else "T2b"
    if tin == "equal":
        return "T3"
    # Soft keys merge nothing that carries no number at all, there would be nothing to check the result against; and
    # nothing whose numbers disagree, were it by a wrong digit.
    numbered = any(one.tin.valid or one.accounts or one.regno for one in (left, right))
    disagree = tin == "apart" or "different" in {tin, account, found.level("regno")}
    enough = soft >= _TWO and numbered and not disagree
    if enough and formed:
        return "T4"
    # A number that several names carry is a group's: without a form the record may be any of its companies.
    if tin == "shared" and formed:
        return "T5"
    return "T6" if enough else ""


def doubts(left: Prepared, right: Prepared, found: Comparison, census: Census) -> tuple[str, ...]:
    """What other records of these names say that the two leave open."""
    clauses = []
    for one, compared in zip((left, right), found.names, strict=True):
        if compared.tokens != one.name.tokens and census.forms_of(one.name.sorted) - {one.name.form}:
            clauses.append(f"others are named '{one.name.stem}' in full, with the city")
    keys = sorted({left.name.sorted, right.name.sorted})
    if not left.name.form or not right.name.form:
        others = {form for key in keys for form in census.forms_of(key)} - {left.name.form, right.name.form}
        if others:
            clauses.append(f"others of this name have another legal form ({_listed(others)}), and one here says none")
    if not left.tin.valid or not right.tin.valid:
        others = {tin for key in keys for tin in census.tins_of(key)} - {left.tin.valid, right.tin.valid}
        if others:
            clauses.append(f"others of this name have another tax number ({_listed(others)}), and one here has none")
    return tuple(clauses)


def sharing(found: Comparison) -> tuple[str, ...]:
    """The numbers and addresses in common that unlike names carry as well."""
    words = {"tin": "tax number", "account": "bank account", "domain": "web domain", "phone": "phone"}
    return tuple(
        f"{count} unlike {'name' if count == 1 else 'names'} of others carry this {words[kind]}"
        for kind, count in sorted(found.strangers.items())
        if count and kind in words
    )


def _listed(values: Collection[str]) -> str:
    shown: Sequence[str] = sorted(values)
    return ", ".join(shown[:3]) + (" and more" if len(shown) > 3 else "")  # noqa: PLR2004 - three are enough to look at
