"""``syncd check`` of the shipped budgets: how many rules there are, and what the ERP does not have."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.budget_company import opened


def test_check_tells_the_rules_and_finds_a_field_that_the_erp_does_not_have(
    tmp_path: Path, pg_url: str, store_url: str
) -> None:
    with opened(tmp_path, pg_url, store_url, 0) as company:
        said = company.syncd("check")
        assert "ok     allocation costs: rules: 9, match: first, tables: 1, default: 6990:{year}" in said
        assert "all good" in said
        company.configure("cost_centre: cost_centre_no, employee: employee_email, text", "cost_centre: kst, text")
        said = company.syncd("check", code=1)
        assert "costs.yaml:16:25: external has no field 'kst' in postings" in " ".join(said.split())
