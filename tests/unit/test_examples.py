"""The configurations that are shipped, and what ``syncd init`` writes of them: loaded, compiled and judged without a peer."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from syncd.cli.examples import example_files
from syncd.mapping.laws import check_laws
from syncd.mapping.parsing import parse
from syncd.mapping.problems import ConfigError
from syncd.wiring import App, load_connector

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SHIPPED = {
    "sql": "syncd.yaml",
    "tryton": "tryton.yaml",
    "everything": "everything.yaml",
    "budgets": "budgets/syncd.yaml",
}
ENV = {
    "FLOWTLY_URL": "https://flowtly.example.com",
    "FLOWTLY_TOKEN": "t0ken",
    "ERP_DATABASE_URL": "postgresql://syncd:hunter2@erp.example.com/erp",
    "BI_DATABASE_URL": "postgresql://syncd:hunter2@bi.example.com/bi",
    "ARCHIVE_ROOT": "/srv/archive",
    "TRYTON_URL": "http://tryton.example.com:8000",
    "TRYTON_DATABASE": "erp",
    "TRYTON_USER": "syncd",
    "TRYTON_PASSWORD": "hunter2",
}


@cache
def shipped(settings: str) -> App:
    """The application of a shipped configuration; it opens nothing."""
    return App(CONFIG / settings, ENV)


def files() -> set[str]:
    """Every file under config/, relative to it, but for what docker-compose.yml brings up to play with."""
    found = {path.relative_to(CONFIG) for path in CONFIG.rglob("*") if path.is_file()}
    return {str(path) for path in found if path.parts[0] != "sandbox"}


def written(system: str, folder: Path) -> App:
    """The application of what ``syncd init`` writes."""
    for name, text in example_files(system).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return App(folder / "syncd.yaml", ENV)


def test_every_configuration_is_an_example_and_every_mapping_file_is_listed_in_one() -> None:
    found = {name for name in files() if "/" not in name or Path(name).name == "syncd.yaml"}
    assert found == set(SHIPPED.values())
    listed = {Path(one.file) for name in SHIPPED.values() for one in shipped(name).mappings.values()}
    folders = [path for name in ("mappings", "allocations") for path in CONFIG.rglob(name)]
    assert listed == {path for folder in folders for path in folder.iterdir()}


@pytest.mark.parametrize("settings", SHIPPED.values())
def test_every_shipped_mapping_keeps_the_laws_on_made_up_values(settings: str) -> None:
    for mapping in shipped(settings).mappings.values():
        assert check_laws(mapping, {}, Random(1), 100) == [], mapping.name


@pytest.mark.parametrize("settings", SHIPPED.values())
def test_a_mapping_runs_after_those_that_it_refers_to(settings: str) -> None:
    app = shipped(settings)
    order = app.in_order()
    assert sorted(order) == sorted(app.mappings)
    for name, mapping in app.mappings.items():
        assert all(order.index(parent) < order.index(name) for parent in mapping.references if parent != name)


@pytest.mark.parametrize(("system", "settings"), SHIPPED.items())
def test_what_init_writes_is_the_shipped_example_and_stands_on_its_own(
    system: str, settings: str, tmp_path: Path
) -> None:
    app = written(system, tmp_path)
    assert {name: one.fingerprint for name, one in app.mappings.items()} == {
        name: one.fingerprint for name, one in shipped(settings).mappings.items()
    }
    folders = {folder for name in ("mappings", "allocations") if (folder := tmp_path / name).exists()}
    assert {Path(one.file).parent for one in app.mappings.values()} == folders
    made = {path for folder in folders for path in folder.iterdir()}
    assert made == {Path(one.file) for one in app.mappings.values()}  # nothing that is not listed


@pytest.mark.parametrize("system", SHIPPED)
def test_the_settings_of_every_system_in_an_example_are_right(system: str, tmp_path: Path) -> None:
    settings = written(system, tmp_path).settings
    peers: list[tuple[str, Any]] = [("flowtly", settings.flowtly_node), *settings.systems.values()]
    for kind, node in peers:
        parse(load_connector(kind, node).Settings, node)


def test_the_directories_of_an_example_say_what_is_searched() -> None:
    found = {name: shipped(name).settings.dedupe for name in SHIPPED.values()}
    assert not any(found[SHIPPED[name]] for name in ("sql", "tryton", "budgets")), "nobody said so"
    assert set(found["everything.yaml"]) == {"counterparties", "customers"}
    for spec in found["everything.yaml"].values():
        assert spec.party_fields.tin
        assert spec.merge is None
        assert spec.automatic == ()


def test_all_that_is_shipped_is_written_by_one_example_and_goes_into_the_wheel() -> None:
    written_of = {system: (CONFIG / name).parent for system, name in SHIPPED.items()}
    beside = {str((written_of[one] / name).relative_to(CONFIG)) for one in SHIPPED for name in example_files(one)}
    assert beside | set(SHIPPED.values()) == files()
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["config"] == "syncd/examples"


def test_the_guide_lists_every_shipped_mapping_and_no_other() -> None:
    section = (ROOT / "docs" / "mapping-guide.md").read_text().partition("## 12. Mappings to start from")[2]
    assert set(re.findall(r"(?m)^\| `([\w-]+\.yaml)`", section)) == {
        path.name for path in (CONFIG / "mappings").iterdir()
    }


def test_an_example_that_does_not_exist_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="there is an example for sql, tryton, budgets, everything") as raised:
        example_files("trytn")
    assert "did you mean 'tryton'?" in str(raised.value)
