"""``events:`` and ``hooks:`` of ``syncd.yaml``: what they become, and every fault at its place with what was meant."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.core.events import Crossing
from syncd.errors import ConfigError
from syncd.mapping.watched import Sums, Watch, digest_of, usable_key, watch_of
from syncd.settings import Settings, load, settings_schema

HEAD = """\
flowtly: {url: "http://localhost"}
systems: {erp: {connector: sql, url: "${URL}"}}
mappings:
  - mapping: clients
    external: {resource: customers, key: id}
    flowtly: {resource: clients}
    match: [[name]]
    fields: {name: company}
"""
EVENTS = """\
events:
  targets:
    reminders: {webhook: {url: "https://hooks.example.com/in", secret: "${SECRET}"}}
    bi: {table: {system: erp, create: true}}
  watches:
    - name: invoices
      resource: invoices
      fields: [status, total]
      emit:
        - {event: invoice.new, when: appears}
        - {event: invoice.status, when: {changes: [status]}, to: [reminders]}
        - {event: invoice.paid, when: {becomes: {status: paid}}}
        - {event: invoice.over, when: {crosses: {field: total, above: [80, 100.5], back: 5}}}
"""
HOOKS = """\
hooks:
  from-flowtly: {secret: "${SECRET}", wakes: [clients, "watch:invoices"]}
"""
ENV = {"URL": "sqlite://", "SECRET": "s3cret-0815"}


def loaded(folder: Path, text: str, env: dict[str, str] = ENV) -> Settings:
    (folder / "syncd.yaml").write_text(HEAD + text)
    return load(folder / "syncd.yaml", env)


def watch(folder: Path, text: str = EVENTS) -> Watch:
    settings = loaded(folder, text)
    return watch_of(settings.events.watches[0], settings.node.at("events", "watches", 0), settings.events.targets)


def test_a_whole_configuration(tmp_path: Path) -> None:
    made = watch(tmp_path, EVENTS + HOOKS)
    new, status, paid, over = made.rules
    assert (new.appears, new.targets) == (True, ("reminders", "bi"))
    assert (status.changes, status.targets) == (("status",), ("reminders",))
    assert paid.becomes == {"status": ("paid",)}
    assert over.crosses == (
        Crossing("total", Decimal(80), True, Decimal(5)),
        Crossing("total", Decimal("100.5"), True, Decimal(5)),
    )
    assert made.job == "watch:invoices"


def test_nothing_is_watched_by_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert (settings.events.watches, settings.events.targets, settings.hooks) == ((), {}, {})


def test_the_schema_knows_the_sections() -> None:
    schema = settings_schema()
    assert {"events", "hooks"} <= set(schema["properties"])
    assert "WatchSpec" in schema["$defs"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "changes: [status]",
            "changes: [stauts]",
            "19:52: event invoice.status: there is no field 'stauts' (did you mean 'status'?)",
        ),
        (
            "becomes: {status",
            "becomes: {sttus",
            "20:50: event invoice.paid: there is no field 'sttus' (did you mean 'status'?)",
        ),
        ("field: total", "field: totl", "there is no field 'totl' (did you mean 'total'?)"),
        ("to: [reminders]", "to: [remindres]", "there is no target 'remindres' (did you mean 'reminders'?)"),
        ("table: {system: erp", "table: {system: rep", "there is no system 'rep' (did you mean 'erp'?)"),
        (
            "resource: invoices",
            "resource: invoices\n      system: flowtl",
            "there is no system 'flowtl' (did you mean 'flowtly'?)",
        ),
        (
            '"watch:invoices"',
            '"watch:invoice"',
            "there is no mapping or watch 'watch:invoice' (did you mean 'watch:invoices'?)",
        ),
        ("wakes: [clients", "wakes: [client", "there is no mapping or watch 'client' (did you mean 'clients'?)"),
        (
            "when: appears",
            "when: apears",
            "must be appears, disappears, changes, or a block of conditions; did you mean 'appears'?",
        ),
        ("when: appears", "when: {is: {status: paid}}", "needs appears, disappears, changes, becomes or crosses"),
        ("when: appears", "when: {appears: true, changes: [status]}", "a record that appears has not changed"),
        ("when: appears", "when: {disappears: true, changes: true}", "disappears goes together with nothing but is"),
        ("when: appears", "when: {appers: true}", "unknown key 'appers' (did you mean 'appears'?)"),
        ("event: invoice.new", "event: InvoiceNew", "String should match pattern"),
        ("event: invoice.new", "event: invoice", "String should match pattern"),
        ("above: [80, 100.5]", "above: [80], below: [10]", "give either above or below"),
        ("above: [80, 100.5]", "above: lots", "must be a number or a list of numbers"),
        ("above: [80, 100.5]", "above: [true]", "must be a number or a list of numbers"),
        ("back: 5", "back: -5", "must be greater than or equal to 0"),
        ("fields: [status, total]", "every: 5m", "give either fields or sum"),
        ("fields: [status, total]", "sum: {by: total, of: x}", "a sum cannot be made by a field called total"),
        ("https://hooks", "ftp://hooks", "must be an http or https address"),
        ("https://hooks", "https://me:pass@hooks", "password"),
        ('"${SECRET}"}}', "literal}}", "the secret 'secret' is written out in the file"),
        ("bi: {table: {system: erp, create: true}}", "bi: {}", "give either webhook or table"),
        ('secret: "${SECRET}", wakes', "secret: abc, wakes", "the secret 'secret' is written out in the file"),
        ("from-flowtly:", "../etc:", "hooks.../etc: String should match pattern"),
        ("wakes: [clients", "token: {}, wakes: [clients", "give either header or query"),
        (
            "wakes: [clients",
            "token: {header: X}, signature: {header: Y}, wakes: [clients",
            "give either signature or token",
        ),
        ("wakes: [clients", 'signature: {header: "X:Y"}, wakes: [clients', "pattern"),
        (
            "wakes: [clients",
            "signature: {header: X, algorithm: md5}, wakes: [clients",
            "must be one of 'sha1', 'sha256' or 'sha512'",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = EVENTS + HOOKS
    assert old in text
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text.replace(old, new, 1))
    lines = str(caught.value).splitlines()
    assert any(said in line for line in lines), lines
    assert all(":0:" not in line for line in lines)


def test_a_watch_may_not_be_there_twice(tmp_path: Path) -> None:
    again = EVENTS + EVENTS.partition("watches:\n")[2]
    with pytest.raises(ConfigError, match="watch 'invoices' is there twice"):
        loaded(tmp_path, again)


@pytest.mark.parametrize("secret", ["", "whsec_!!!"])
def test_a_secret_that_is_none_is_refused_without_being_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, EVENTS, {**ENV, "SECRET": secret})
    assert "whsec_!!!" not in str(caught.value)


def test_documents_are_the_watched_fields_in_one_spelling(tmp_path: Path) -> None:
    made = watch(tmp_path)
    raw = {"status": "", "total": Decimal("1.50"), "other": 1}
    assert made.document(raw) == {"status": None, "total": Decimal("1.5")}
    assert made.document({"total": {"b": [1], "a": None}}) == {"total": '{"a": null, "b": [1]}'}
    assert digest_of(made.document(raw)) == digest_of(made.document({**raw, "total": Decimal("1.5"), "other": 2}))


def test_the_scope_is_checked_again(tmp_path: Path) -> None:
    made = watch(tmp_path, EVENTS.replace("fields:", "where: {type: [a, 5]}\n      fields:"))
    assert made.where == {"type": ["a", 5]}
    assert [made.in_scope({"type": one}) for one in ("a", 5, Decimal(5), "5", None, {})] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert made.inputs == ("status", "total", "type")


def test_further_fields_keep_the_base_and_other_records_do_not(tmp_path: Path) -> None:
    first = watch(tmp_path).fingerprint
    assert watch(tmp_path, EVENTS.replace("[status, total]", "[status, total, name]")).fingerprint == first
    assert watch(tmp_path, EVENTS.replace("resource: invoices", "resource: budgets")).fingerprint != first
    assert watch(tmp_path, EVENTS.replace("fields:", "where: {type: a}\n      fields:")).fingerprint != first


def test_sums(tmp_path: Path) -> None:
    summed = EVENTS.replace("fields: [status, total]", "sum: {by: budget, of: amount}")
    made = watch(tmp_path, summed.replace("[status]", "[count]").replace("{status: paid}", "{count: 3}"))
    sums = Sums(made)
    rows: list[dict[str, Any]] = [
        {"budget": "b1", "amount": 100},
        {"budget": "b1", "amount": "0.5"},
        {"budget": "b1", "amount": None},
        {"budget": "b1", "amount": "1e999999"},
        {"budget": None, "amount": 7},
        {"budget": "b\x00", "amount": 7},
        {"budget": "b2", "amount": -3},
        {"amount": 1},
    ]
    for row in rows:
        sums.add(row)
    assert dict(sums.documents()) == {
        "b1": {"budget": "b1", "total": Decimal("100.5"), "count": 4, "empty": 2},
        "b2": {"budget": "b2", "total": Decimal(-3), "count": 1, "empty": 0},
    }


@pytest.mark.parametrize(
    ("key", "usable"), [("/api/x/1", True), ("", False), ("a\x00", False), ("\ud800", False), ("x" * 2001, False)]
)
def test_keys(key: str, usable: bool) -> None:
    assert usable_key(key) is usable
