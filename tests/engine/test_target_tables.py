"""A mapping makes its tables, fills them, and extends them when it is edited; what it may not change it only names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.connectors.sql.connector import SqlConnector
from syncd.core.model import Side
from syncd.engine.preflight import preflight
from syncd.engine.provision import Target, prepare_target, provision
from syncd.engine.run import Report
from syncd.errors import ConfigError, Problem, UnknownOutcome
from syncd.ports import Query, Raw, Record
from tests.engine.world import SETTINGS, World

HEAD = """
mapping: clients
external: {system: bi, resource: bi_clients, key: id, create: true}
flowtly: {resource: clients}
direction: to_external
match: [[id]]
fields:
  id: id
  name: {external: name, conflict: flowtly}
  country: {external: country, through: {lookup: countries, by: code}}
"""
MORE = HEAD + "  dueDays: due_days\n  currency: {external: currency, through: {lookup: currencies, by: code}}\n"
PLACE = "clients.yaml"


@dataclass
class Bi:
    """A world whose external side is an empty database for reports."""

    world: World
    execute: Callable[[str], list[tuple[Any, ...]]]
    settings: str

    def configure(self, mapping: str) -> None:
        self.world.configure(mapping, self.settings)

    @property
    def parts(self) -> tuple[Any, dict[Side, Any]]:
        assert self.world.app is not None
        mapping = self.world.app.mappings["clients"]
        return mapping, self.world.app.peers(mapping)

    def target(self, *, write: bool) -> Target:
        mapping, peers = self.parts
        return provision(mapping, peers, write=write)

    def run(self, *, write: bool = True, person: bool = False) -> Report:
        """One cycle: a run that may write makes the table before it reads."""
        mapping, peers = self.parts
        state = self.world.store.state("clients")
        allowed = write and (person or state.approved_fingerprint == mapping.fingerprint)
        prepare_target(mapping, peers, self.world.note, write=allowed)
        return self.world.run(write=write, person=person)

    def columns(self) -> list[str]:
        """The columns of the table, as another connector sees it."""
        mapping, _ = self.parts
        assert self.world.app is not None
        other = SqlConnector.from_settings("bi", self.parts[1][Side.EXTERNAL]._settings, self.world.app.clock)
        try:
            return list(other.shape(Query(mapping.resource(Side.EXTERNAL))).fields)
        finally:
            other.close()

    def rows(self, columns: str = "name, country") -> list[tuple[Any, ...]]:
        return self.execute(f"SELECT {columns} FROM bi_clients ORDER BY id")


@pytest.fixture(params=["postgres", "sqlite"])
def bi(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Bi:
    url, execute = "${ERP_DATABASE_URL}", world.erp
    if request.param == "sqlite":
        path = tmp_path / "bi.db"
        url = f"sqlite:///{path}"

        def execute(statement: str) -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(path)) as database, database:
                return database.execute(statement).fetchall()

        execute("SELECT 1")
    settings = SETTINGS.replace(
        'erp: {connector: sql, url: "${ERP_DATABASE_URL}", overlap: 1m}', f'bi: {{connector: sql, url: "{url}"}}'
    )
    made = Bi(world, execute, settings)
    made.configure(HEAD)
    return made


def test_a_table_is_made_filled_and_left_alone(bi: Bi) -> None:
    acme = bi.world.client(name="Acme", dueDays=7)
    bi.world.client(name="Zenith", country="PL")
    assert bi.run(person=True).outcome == "done"
    assert bi.rows() == [("Acme", "DK"), ("Zenith", "PL")]
    (said,) = bi.world.said("table.changed")
    assert said["statements"][0].startswith("CREATE TABLE IF NOT EXISTS bi_clients (")
    bi.world.edit(acme, name="Acme 2")
    bi.run()
    assert bi.rows() == [("Acme 2", "DK"), ("Zenith", "PL")]
    idle = bi.run()
    assert idle.plan is not None
    assert not idle.plan.pending
    assert len(bi.world.said("table.changed")) == 1
    assert bi.world.writes() == 0


def test_a_preview_makes_nothing_and_shows_everything(bi: Bi) -> None:
    bi.world.client(name="Acme")
    for report in (bi.run(write=False), bi.run()):
        assert report.outcome in {"planned", "awaiting_approval"}
        assert report.plan is not None
        assert [item.kind for item in report.plan.items] == ["create"]
    assert bi.target(write=False).statements[0].startswith("CREATE TABLE")
    with pytest.raises(Exception, match="bi_clients"):
        bi.rows()
    assert bi.world.said("table.changed") == []


def test_preflight_takes_what_will_be_made_for_granted(bi: Bi) -> None:
    assert bi.target(write=False).problems == ()
    assert preflight(*bi.parts) == []
    bi.run(person=True)
    bi.configure(MORE)
    assert len(bi.target(write=False).statements) == 2
    assert preflight(*bi.parts) == []


def test_a_new_field_is_a_new_column_that_the_next_runs_fill(bi: Bi) -> None:
    bi.world.client(name="Acme", dueDays=7)
    bi.world.client(name="Zenith", dueDays=30)
    bi.run(person=True)
    bi.configure(MORE)
    assert bi.run().outcome == "awaiting_approval"  # a changed mapping is seen by a person first
    assert "due_days" not in bi.columns()
    bi.run(person=True)
    assert bi.rows("name, due_days, currency") == [("Acme", 7, "DKK"), ("Zenith", 30, "DKK")]
    assert [len(one["statements"]) for one in bi.world.said("table.changed")] == [1, 2]
    assert not bi.run().plan.pending  # type: ignore[union-attr]  # a run has a plan
    bi.configure(HEAD)
    bi.run(person=True)
    assert bi.rows("name, due_days")[0] == ("Acme", 7)  # a column nobody maps any more is left alone


def test_what_a_person_has_to_do_is_said_at_the_field(bi: Bi) -> None:
    bi.execute("CREATE TABLE bi_clients (id bigint PRIMARY KEY, name text, country text, due_days text)")
    bi.world.client(name="Acme", dueDays=7)
    bi.configure(MORE)
    with pytest.raises(ConfigError) as caught:
        bi.run(person=True)
    (problem,) = caught.value.problems
    assert problem == bi.target(write=False).problems[0]
    assert (Path(problem.file).name, problem.line, problem.column) == (PLACE, 11, 3)
    assert "column 'due_days' is TEXT, not BIGINT" in problem.message
    assert "currency" not in bi.columns()
    statement = problem.hint.removeprefix("run: ")
    assert statement.startswith("ALTER TABLE bi_clients ")
    for one in statement.split("; "):
        bi.execute(one)
    bi.run(person=True)
    assert bi.rows("name, due_days, currency") == [("Acme", 7, "DKK")]


def test_a_problem_of_the_key_or_the_table_stands_at_external(bi: Bi) -> None:
    bi.execute("CREATE TABLE bi_clients (name text, country text, theirs text NOT NULL)")
    problems = bi.target(write=True).problems
    assert [(Path(one.file).name, one.line, one.column) for one in problems] == [(PLACE, 3, 51), (PLACE, 3, 63)]
    assert "key is missing" in problems[0].message
    assert "'theirs' of the table must have a value" in problems[1].message
    assert all(one.hint.startswith("run: ALTER TABLE bi_clients ") for one in problems)


@pytest.mark.parametrize("word", ["cursor: changed_at", "where: {stage: won}"])
def test_a_column_that_nobody_makes_is_told(bi: Bi, word: str) -> None:
    bi.configure(HEAD.replace("create: true", f"create: true, {word}"))
    (problem,) = bi.target(write=True).problems
    assert f"external.{word.partition(':')[0]}: the table has no column" in problem.message
    assert problem.line == 3
    with pytest.raises(Exception, match="bi_clients"):
        bi.rows()


def test_flowtly_makes_no_tables(bi: Bi) -> None:
    mapping, peers = bi.parts
    (problem,) = provision(mapping, dict.fromkeys(Side, peers[Side.FLOWTLY]), write=True).problems
    assert problem == Problem(problem.file, 3, 63, "external.create: this kind of system makes no tables")


def test_a_mapping_that_makes_no_table_asks_nobody(bi: Bi) -> None:
    bi.configure(HEAD.replace(", create: true", ""))
    _, peers = bi.parts
    before = {side: peer.requests for side, peer in peers.items()}
    assert bi.target(write=True) == Target()
    assert {side: peer.requests for side, peer in peers.items()} == before


def test_a_create_whose_answer_is_lost_is_one_row(bi: Bi, monkeypatch: pytest.MonkeyPatch) -> None:
    bi.run(person=True)
    acme = bi.world.client(name="Acme")
    create = SqlConnector.create

    def lost(self: SqlConnector, query: Query, fields: Raw) -> Record:
        create(self, query, fields)
        monkeypatch.undo()
        raise UnknownOutcome("the connection was lost while a write was being committed")

    monkeypatch.setattr(SqlConnector, "create", lost)
    bi.run()
    assert len(bi.world.said("write.in_doubt")) == 1
    bi.run()
    assert bi.rows() == [("Acme", "DK")]
    number = acme.rpartition("/")[2]
    assert bi.world.links() == {number: acme}
    assert bi.world.said("record.adopted") == [{"side": Side.EXTERNAL, "external": number, "flowtly": acme}]


def test_rows_that_a_forgetful_store_finds_are_linked_not_doubled(bi: Bi) -> None:
    acme = bi.world.client(name="Acme")
    bi.run(person=True)
    bi.world.erp_store(
        "WITH gone AS (DELETE FROM link RETURNING 1), too AS (DELETE FROM observation) SELECT count(*) FROM gone"
    )
    bi.run(person=True)
    bi.run()
    assert bi.rows() == [("Acme", "DK")]
    assert list(bi.world.links().values()) == [acme]
    assert bi.world.questions() == []


def test_values_of_lenses_and_constants_are_stored_in_their_types(bi: Bi) -> None:
    more = (
        "  days: {external: days, flowtly: dueDays, through: {minor_units: 2}}\n"
        "  active: {external: active, flowtly: status, through: {values: {true: active, false: archived}}}\n"
        "  source: {constant: {external: flowtly}, external: source_system}\n"
        "  label: {external: {field: label, type: text}, expr: \"join(' / ', [name, status])\"}\n"
    )
    bi.configure(HEAD + more)
    bi.world.client(name="Acme", dueDays=1050)
    bi.run(person=True)
    ((days, active, source, label),) = bi.rows("days, active, source_system, label")
    assert Decimal(str(days)) == Decimal("10.5")
    assert (bool(active), source, label) == (True, "flowtly", "Acme / active")
    assert not bi.run().plan.pending  # type: ignore[union-attr]  # a run has a plan
