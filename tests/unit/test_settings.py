"""``syncd.yaml`` and the mapping files it names: loaded whole, or refused with every problem of every file."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.tryton.settings import TrytonSettings
from syncd.core.model import Side
from syncd.mapping.compiled import compile_mapping
from syncd.mapping.problems import ConfigError
from syncd.mapping.yaml_source import parse
from syncd.settings import Settings, load, mapping_schema, settings_schema

CONFIG = Path(__file__).parents[2] / "config"
ENV = {
    "FLOWTLY_URL": "https://flowtly.example.com",
    "FLOWTLY_TOKEN": "t0ken",
    "ERP_DATABASE_URL": "postgresql://syncd:hunter2@erp.example.com/erp",
    "TRYTON_URL": "http://tryton.example.com:8000",
    "TRYTON_DATABASE": "erp",
    "TRYTON_USER": "syncd",
    "TRYTON_PASSWORD": "hunter2",
}
BASE = """\
flowtly: {url: http://localhost}
systems:
  erp: {connector: sql, url: "${URL}"}
mappings: [mappings/*.yaml]
"""
CLIENTS = """\
mapping: clients
external: {resource: customers, key: id}
flowtly: {resource: clients}
match: [[name]]
fields: {name: company}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "clients.yaml").write_text(CLIENTS)
    (tmp_path / "syncd.yaml").write_text(BASE)
    return tmp_path


def loaded(folder: Path, text: str | None = None) -> Settings:
    if text is not None:
        (folder / "syncd.yaml").write_text(text)
    return load(folder / "syncd.yaml", {"URL": "sqlite://"})


def problems(folder: Path, text: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(folder, text)
    return [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems]


def test_what_is_not_said_has_a_default(folder: Path) -> None:
    settings = loaded(folder)
    assert settings.file == folder / "syncd.yaml"
    assert settings.limits.max_creates == 500
    assert settings.limits.listing_grace == timedelta(seconds=30)
    assert (settings.store.url, settings.store.var) == (None, folder / "var")
    assert (settings.log.format, settings.log.mask, settings.daemon.port) == ("auto", (), 8080)
    assert [spec.name for spec, _ in settings.mappings] == ["clients"]


def test_a_systems_own_settings_stay_a_node_without_the_connector(folder: Path) -> None:
    connector, node = loaded(folder).systems["erp"]
    assert (connector, node.plain()) == ("sql", {"url": "sqlite://"})
    assert parse(SqlSettings, node).url.get_secret_value() == "sqlite://"


def test_a_typo_in_a_systems_settings_is_found_at_its_place(folder: Path) -> None:
    _, node = loaded(folder, BASE.replace('url: "${URL}"', 'urll: "${URL}"')).systems["erp"]
    with pytest.raises(ConfigError) as raised:
        parse(SqlSettings, node)
    assert [str(problem).replace(f"{folder}/", "") for problem in raised.value.problems] == [
        "syncd.yaml:3:8: missing key 'url'",
        "syncd.yaml:3:25: unknown key 'urll' (did you mean 'url'?)",
    ]


def test_a_mapping_may_stand_inline(folder: Path) -> None:
    inline = "mappings:\n  - mappings/*.yaml\n  - " + CLIENTS.replace("clients", "people", 1).replace("\n", "\n    ")
    settings = loaded(folder, BASE.replace("mappings: [mappings/*.yaml]\n", inline))
    assert [spec.name for spec, _ in settings.mappings] == ["clients", "people"]
    assert settings.mappings[1][1].at("fields", "name").line == 10


def test_a_file_that_two_patterns_name_is_read_once(folder: Path) -> None:
    settings = loaded(folder, BASE.replace("[mappings/*.yaml]", "[mappings/*.yaml, mappings/clients.yaml]"))
    assert len(settings.mappings) == 1


def test_a_pattern_that_matches_nothing_is_a_problem(folder: Path) -> None:
    found = problems(folder, BASE.replace("[mappings/*.yaml]", "[mapping/*.yaml, /nowhere/x.yaml]"))
    assert [line.split(" (")[0] for line in found] == [
        "syncd.yaml:4:12: no mapping file matches 'mapping/*.yaml'",
        "syncd.yaml:4:28: no mapping file matches '/nowhere/x.yaml'",
    ]


def test_two_mappings_with_one_name_are_a_problem_of_the_second(folder: Path) -> None:
    (folder / "mappings" / "people.yaml").write_text("# copied\n" + CLIENTS)
    assert problems(folder) == [
        "mappings/people.yaml:2:10: mapping 'clients' is there twice (first in mappings/clients.yaml:1)"
    ]


def test_an_unknown_system_is_a_problem_with_the_nearest_one(folder: Path) -> None:
    (folder / "mappings" / "clients.yaml").write_text(CLIENTS.replace("{resource: cu", "{system: epr, resource: cu"))
    assert problems(folder) == [
        "mappings/clients.yaml:2:20: external.system: no system is called 'epr' (did you mean 'erp'?)"
    ]


def test_with_several_systems_a_mapping_must_name_its_own(folder: Path) -> None:
    text = BASE.replace("mappings:", '  crm: {connector: sql, url: "${URL}"}\nmappings:')
    assert problems(folder, text) == [
        "mappings/clients.yaml:2:1: missing key 'system' in external: there are several systems (one of crm, erp)"
    ]


def test_no_system_may_be_called_flowtly(folder: Path) -> None:
    assert problems(folder, BASE.replace("erp:", "flowtly:")) == [
        "syncd.yaml:3:3: systems: the name 'flowtly' is taken by Flowtly itself (choose another name)"
    ]


def test_a_mask_for_a_field_that_no_mapping_has_is_a_problem(folder: Path) -> None:
    assert problems(folder, BASE + "log: {mask: [name, nam]}\n") == [
        "syncd.yaml:5:20: log.mask: no mapping has a field 'nam' (did you mean 'name'?)"
    ]


def test_every_problem_of_every_file_is_reported_at_once(folder: Path) -> None:
    (folder / "mappings" / "broken.yaml").write_text("a: [\n")
    (folder / "mappings" / "wrong.yaml").write_text(CLIENTS.replace("match", "mach"))
    text = BASE + "limits: {max_creates: -1, max_share: 0, run_time: 5, batch: 0}\ndaemon: {port: 70000}\nloog: {}\n"
    assert [line.rsplit(": ", 1)[0].split(": ")[0] for line in problems(folder, text)] == [
        "syncd.yaml:5:23",
        "syncd.yaml:5:38",
        "syncd.yaml:5:51",
        "syncd.yaml:5:61",
        "syncd.yaml:6:16",
        "syncd.yaml:7:1",
        "mappings/broken.yaml:2:1",
        "mappings/wrong.yaml:1:1",
        "mappings/wrong.yaml:4:1",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "syncd.yaml:1:1: is empty"),
        ("[]", "syncd.yaml:1:1: must be a block of keys"),
        (BASE.replace("mappings: [mappings/*.yaml]", "mappings: []"), "syncd.yaml:4:11: mappings: must not be empty"),
        (BASE.replace("connector: sql, ", ""), "syncd.yaml:3:3: missing key 'connector' in systems.erp"),
        (BASE + "store: {url: postgresql://me:hunter2@db/x}\n", "syncd.yaml:5:14: the password in 'url' is written"),
        (BASE.replace("${URL}", "${URI}"), "syncd.yaml:3:30: environment variable URI is not set"),
    ],
)
def test_what_is_wrong_is_one_problem_at_its_place(folder: Path, text: str, problem: str) -> None:
    (found,) = problems(folder, text)
    assert found.startswith(problem)
    assert "hunter2" not in found


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path) == ["syncd.yaml:0:0: cannot be read: No such file or directory"]


def test_a_folder_is_no_mapping_file(folder: Path) -> None:
    (folder / "mappings" / "old.yaml").mkdir()
    assert len(loaded(folder).mappings) == 1


class TestExamples:
    """The shipped examples load, compile and keep the laws."""

    @pytest.mark.parametrize(("file", "kind"), [("syncd.yaml", SqlSettings), ("tryton.yaml", TrytonSettings)])
    def test_an_example_loads_to_the_last_setting(self, file: str, kind: Any) -> None:
        settings = load(CONFIG / file, ENV)
        parse(FlowtlySettings, settings.flowtly_node)
        ((_, node),) = settings.systems.values()
        parse(kind, node)
        spec, source = settings.mappings[0]
        assert compile_mapping(spec, source).rules.creates == set(Side)

    def test_a_new_client_gets_everything_that_flowtly_requires(self) -> None:
        for file in ("syncd.yaml", "tryton.yaml"):
            spec, node = load(CONFIG / file, ENV).mappings[0]
            assert compile_mapping(spec, node).outputs(Side.FLOWTLY) >= {
                "country",
                "currency",
                "name",
                "status",
                "tinType",
            }

    def test_the_commented_settings_are_all_there_with_their_defaults(self, tmp_path: Path) -> None:
        folder = Path(copytree(CONFIG, tmp_path / "config"))
        text = (folder / "syncd.yaml").read_text()
        lines = re.sub(r"(?m)^(\s*)# (?=\s*\w+:)", r"\1", text).splitlines()
        (folder / "full.yaml").write_text("\n".join(line for line in lines if not line.strip().startswith("login:")))
        full = load(folder / "full.yaml", {**ENV, "SYNCD_DATABASE_URL": "postgresql://db/syncd"})
        plain = load(folder / "syncd.yaml", ENV)
        assert (full.limits, full.daemon, full.log) == (plain.limits, plain.daemon, plain.log)
        assert full.store.var == plain.store.var
        for block in (full.limits, full.daemon, full.log):
            for name in type(block).model_fields:
                assert f"{name}:" in text


class TestSchemas:
    def test_the_schemas_name_every_key_and_refuse_others(self) -> None:
        for schema in (settings_schema(), mapping_schema()):
            assert schema["type"] == "object"
            assert schema["additionalProperties"] is False
        assert {"flowtly", "systems", "mappings", "limits"} <= set(settings_schema()["properties"])
        assert {"mapping", "external", "flowtly", "match", "fields"} <= set(mapping_schema()["properties"])

    def test_the_mapping_schema_knows_short_forms_and_lenses(self) -> None:
        text = str(mapping_schema())
        for word in ("vat_number", "lookup", "ignore_case", "minor_units"):
            assert f"'{word}'" in text
        field = mapping_schema()["properties"]["fields"]["additionalProperties"]
        assert {"type": "string"} in field["anyOf"]
        block = next(form for form in field["anyOf"] if "$ref" in form)["$ref"].rsplit("/", 1)[1]
        through = mapping_schema()["$defs"][block]["properties"]["through"]
        assert {form.get("type", "one lens") for form in through["anyOf"]} == {"one lens", "object", "array"}
