"""What the page on events shows works."""

from __future__ import annotations

import re
from pathlib import Path

from syncd.settings import load

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text()
HEAD = """\
flowtly: {url: "http://localhost"}
systems: {erp: {connector: sql, url: "sqlite://"}}
mappings:
  - mapping: clients
    external: {resource: customers, key: id}
    flowtly: {resource: clients}
    match: [[name]]
    fields: {name: company}
"""
ENV = {"REMINDERS_URL": "https://hooks.example.com/in", "REMINDERS_SECRET": "one", "FLOWTLY_HOOK_SECRET": "two"}


def test_the_settings_on_the_page_load(tmp_path: Path) -> None:
    telling, mapping, hooks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    own = mapping.removeprefix("mapping: clients\n# ...\n").replace("addressCity", "name").replace("\n", "\n    ")
    (tmp_path / "syncd.yaml").write_text(f"{HEAD}    {own.rstrip()}\n{telling}{hooks}")
    settings = load(tmp_path / "syncd.yaml", ENV)
    ((spec, _),) = settings.mappings
    assert [one.event for one in spec.events] == ["client.new", "client.moved"]
    assert [watch.name for watch in settings.events.watches] == ["invoice-status", "budgets", "unassigned", "spending"]
    assert settings.hooks["flowtly"].wakes == ("clients", "watch:invoice-status")


def test_every_key_is_on_the_page() -> None:
    from syncd.mapping.watches import HookSpec, RetrySpec, SignatureSpec, SumSpec, WatchSpec

    for model in (HookSpec, RetrySpec, SignatureSpec, SumSpec, WatchSpec):
        for name in model.model_fields:
            assert re.search(rf"\b{name}\b", PAGE), f"{model.__name__}.{name}"
