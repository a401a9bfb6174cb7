"""Registers are asked only where the configuration names them, and the page about them is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from syncd.errors import ConfigError
from syncd.mapping.registers import RegisterSettings, ViesSpec, WhiteListSpec
from syncd.settings import load
from syncd.wiring import App
from syncd.wiring_dedupe import registers

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "registers.md").read_text()
HEAD = """\
flowtly: {url: "http://localhost", token: "${TOKEN}"}
systems: {erp: {connector: sql, url: "sqlite://"}}
mappings:
  - mapping: clients
    external: {resource: customers, key: id}
    flowtly: {resource: clients}
    match: [[name]]
    fields: {name: company}
"""


def settings(tmp_path: Path, text: str) -> RegisterSettings:
    (tmp_path / "syncd.yaml").write_text(HEAD + text)
    return load(tmp_path / "syncd.yaml", {"TOKEN": "t"}).registers


def test_no_register_is_asked_by_default(tmp_path: Path) -> None:
    told = settings(tmp_path, "")
    assert (told.vies, told.white_list) == (None, None)
    with App(tmp_path / "syncd.yaml", {"TOKEN": "t"}) as app:
        assert registers(app) is None


def test_no_answer_is_waited_for_longer_than_the_right_to_ask_holds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        settings(tmp_path, "registers: {vies: {}, timeout: 2m}")


def test_the_settings_on_the_page_load_and_name_every_key(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    told = settings(tmp_path, block)
    assert told.vies is not None
    assert told.white_list is not None
    assert told.vies.requester == "DE136695976"
    for model in (RegisterSettings, ViesSpec, WhiteListSpec):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE
    assert f"({told.vies.budget} requests a day)" in PAGE
    assert f"({told.white_list.budget} requests a day:" in PAGE


@pytest.mark.parametrize(
    "text",
    ["registers: {vies: {budget: 0}}", "registers: {vies: {requester: '136695976'}}", "registers: {ares: {}}",
     "registers: {white_list: {url: 'ftp://x'}}", "registers: {valid: 1s}"],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        settings(tmp_path, text)
