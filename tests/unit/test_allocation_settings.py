"""``allocations:`` of syncd.yaml: files become allocations and mappings, or every fault is told at its place."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from syncd.cli.app import app as commands
from syncd.core.model import Side
from syncd.engine.allocating.compiling import doubts
from syncd.engine.allocating.fitting import misfits, plan_misfits
from syncd.mapping.problems import ConfigError
from syncd.settings import allocation_schema, settings_schema
from syncd.wiring import App
from tests.unit.test_settings import BASE

ALLOCATION = """\
allocation: costs
postings: {of: transactions, amount: amount, currency: currency, date: booked, sign: negative}
links: {target: {mapping: budgets}}
rules:
  - {rule: all, budget: "{cost_centre}:{year}"}
"""
MAPPING = """\
mapping: {name}
external: {{resource: {table}, key: id}}
flowtly: {{resource: {name}}}
match: [[name]]
fields: {{name: name}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mappings", "allocations"):
        (tmp_path / name).mkdir()
    for name, table in (("transactions", "postings"), ("budgets", "centres")):
        (tmp_path / "mappings" / f"{name}.yaml").write_text(MAPPING.format(name=name, table=table))
    (tmp_path / "allocations" / "costs.yaml").write_text(ALLOCATION)
    (tmp_path / "syncd.yaml").write_text(f"{BASE}allocations: [allocations/*.yaml]\n")
    return tmp_path


def opened(folder: Path) -> App:
    return App(folder / "syncd.yaml", {"URL": f"sqlite:///{folder}/erp.db"})


def problems(folder: Path, old: str = "", new: str = "", file: str = "allocations/costs.yaml") -> list[str]:
    text = (folder / file).read_text()
    assert not old or text.count(old) == 1
    (folder / file).write_text(text.replace(old, new) if old else text + new)
    with pytest.raises(ConfigError) as raised:
        opened(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def test_an_allocation_is_there_by_name_and_as_a_mapping_after_those_it_refers_to(folder: Path) -> None:
    with opened(folder) as app:
        assert list(app.allocations) == ["costs"]
        assert [spec.allocation for spec, _ in app.settings.allocations] == ["costs"]
        assert app.in_order() == ["budgets", "transactions", "costs"]
        assert app.children("transactions") == ["costs"]
        made = app.mappings["costs"].spec.external
        assert made.options == {"allocation": "costs", "rules": app.allocations["costs"].fingerprint}
        assert Path(app.mappings["costs"].file).name == "costs.yaml"


def test_one_may_stand_inline_and_none_is_needed(folder: Path) -> None:
    (folder / "syncd.yaml").write_text(BASE)
    assert opened(folder).allocations == {}
    inline = "  - " + ALLOCATION.replace("\n", "\n    ").rstrip()
    (folder / "syncd.yaml").write_text(f"{BASE}allocations:\n{inline}\n")
    assert opened(folder).allocations["costs"].rules.rules[0].place.line == 10


def test_faults_of_several_files_are_told_at_once(folder: Path) -> None:
    (folder / "mappings" / "budgets.yaml").write_text(MAPPING.format(name="budgets", table="t") + "oops: 1\n")
    assert problems(folder, "budget:", "budgt:") == [
        "mappings/budgets.yaml:6:1: unknown key 'oops'",
        "allocations/costs.yaml:5:17: unknown key 'budgt' (did you mean 'budget'?)",
    ]


def test_a_mapping_that_cannot_be_read_is_not_said_to_be_missing(folder: Path) -> None:
    assert problems(folder, new="oops: 1\n", file="mappings/budgets.yaml") == [
        "mappings/budgets.yaml:6:1: unknown key 'oops'"
    ]


NAMED = {
    "of": ("of: transactions", "of: transaction", "2:16: postings.of: there is no mapping 'transaction' (did you"),
    "target": ("mapping: budgets", "mapping: budget", "3:27: links.target.mapping: there is no mapping 'budget' (did"),
    "name": ("allocation: costs", "allocation: budgets", "1:13: mapping 'budgets' is there twice (first in mappings/"),
    "rules": ("rules:\n", "rules:\n  - {rule: x, budget: y}\n", "6:5: rule all can never match: rule x ("),
}


@pytest.mark.parametrize(("old", "new", "wanted"), NAMED.values(), ids=NAMED)
def test_what_does_not_fit_the_rest_is_told_in_the_allocations_file(
    folder: Path, old: str, new: str, wanted: str
) -> None:
    (found,) = problems(folder, old, new)
    assert found.startswith(f"allocations/costs.yaml:{wanted}")


def test_a_pattern_without_a_file_is_a_problem(folder: Path) -> None:
    (found,) = problems(folder, "allocations/*.yaml", "allocation/*.yaml", "syncd.yaml")
    assert found.startswith("syncd.yaml:5:15: no allocation file matches 'allocation/*.yaml' (looked in ")


def test_doubts_are_told_and_refuse_nothing(folder: Path) -> None:
    path = folder / "allocations" / "costs.yaml"
    split = "split: [{budget: a, amount: 500}, {budget: b, rest: true}]"
    path.write_text(ALLOCATION.replace('budget: "{cost_centre}:{year}"', split))
    with opened(folder) as app:
        (found,) = doubts(app.allocations["costs"])
    assert (found.line, "negative remainder" in found.message) == (5, True)


def test_fields_that_the_erp_does_not_have_are_found_where_they_are_named(folder: Path) -> None:
    with sqlite3.connect(folder / "erp.db") as erp:
        erp.execute(
            "CREATE TABLE postings (id TEXT PRIMARY KEY, name TEXT, amount NUMERIC, currency TEXT, booked DATE)"
        )
        erp.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, posting TEXT, sum NUMERIC)")
    lines = ", lines: {resource: rows, key: id, posting: posting, amount: amount}}"
    path = folder / "allocations" / "costs.yaml"
    path.write_text(ALLOCATION.replace("sign: negative}", f"sign: negative{lines}").replace("booked", "booked_on"))
    with opened(folder) as app:
        mapping = app.mappings["transactions"]
        found = [str(one) for one in misfits(app.allocations["costs"], mapping, app.connector("erp"))]
        assert app.system_of(app.mappings["costs"]) == app.system_of(mapping)
        assert mapping.resource(Side.EXTERNAL) == "postings"
    assert [line.replace(f"{folder}/", "") for line in found] == [
        "allocations/costs.yaml:2:72: external has no field 'booked_on' in postings (did you mean 'booked'?)",
        "allocations/costs.yaml:5:25: external has no field 'cost_centre' in postings",
        "allocations/costs.yaml:2:150: external has no field 'amount' in rows",
    ]
    path.write_text(ALLOCATION.replace("sign: negative}", f"sign: negative{lines}").replace("rows", "row"))
    with opened(folder) as app:
        *_, last = misfits(app.allocations["costs"], app.mappings["transactions"], app.connector("erp"))
    assert "postings.lines.resource" in last.message


def test_a_plan_that_the_erp_does_not_have_is_found_before_anything_runs(folder: Path) -> None:
    with sqlite3.connect(folder / "erp.db") as erp:
        erp.execute("CREATE TABLE planned (budget TEXT, month TEXT, amount NUMERIC)")
    plan = "plan: {resource: planned, target: budget, month: mnth, amount: amount, currency: {constant: EUR}}\n"
    path = folder / "allocations" / "costs.yaml"
    for text, wanted in (
        (plan, "6:50: external has no field 'mnth' in planned (did you mean 'month'?)"),
        (plan.replace("planned", "plans"), "6:18: plan.resource: erp has no table 'plans'"),
    ):
        path.write_text(ALLOCATION + text)
        with opened(folder) as app:
            (found,) = plan_misfits(app.allocations["costs"], app.connector("erp"))
        assert str(found).replace(f"{folder}/", "").startswith(f"allocations/costs.yaml:{wanted}")


def test_the_schema_knows_every_key_and_its_short_forms(capsys: pytest.CaptureFixture[str]) -> None:
    schema = allocation_schema()
    assert set(schema["required"]) == {"allocation", "postings", "links", "rules"}
    assert "allocations" in settings_schema()["properties"]
    assert schema["$defs"]["ConditionSpec"]["properties"].keys() == {"is", "like", "min", "max", "from", "to", "empty"}
    with pytest.raises(SystemExit):
        commands(["schema", "allocation"])
    assert '"AllocationSpec"' in capsys.readouterr().out
