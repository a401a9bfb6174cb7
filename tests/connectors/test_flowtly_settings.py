"""The flowtly section of a configuration: what is accepted, and that a refused secret is never shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.flowtly.settings import FlowtlySettings
from syncd.mapping.scalars import format_duration

DOCS = Path(__file__).parents[2] / "docs" / "connectors.md"
TOKEN = "a-token-nobody-may-see"
PASSWORD = "a-password-nobody-may-see"
GOOD: dict[str, Any] = {"url": "https://api.flowtly.example.com", "token": TOKEN}
LOGIN: dict[str, Any] = {"username": "sync@example.com", "password": PASSWORD}


def test_a_url_and_a_token_suffice() -> None:
    settings = FlowtlySettings.model_validate(GOOD)
    assert (settings.iri_prefix, settings.page_size, settings.concurrency, settings.retries) == ("/api", 100, 2, 4)
    assert (settings.timeout, settings.deadline) == (timedelta(seconds=30), timedelta(seconds=120))


def test_a_login_replaces_the_token() -> None:
    settings = FlowtlySettings.model_validate({"url": "https://x.example.com/api/", "login": LOGIN, "timeout": "5s"})
    assert settings.login is not None and settings.login.path == "/login"
    assert settings.url == "https://x.example.com/api", "without the slash at its end"
    assert settings.timeout == timedelta(seconds=5)


@pytest.mark.parametrize(
    "change",
    [
        {"token": None},
        {"login": LOGIN},
        {"token": ""},
        {"token": f"{TOKEN}\n"},
        {"token": f"{TOKEN} {TOKEN}"},
        {"token": 5},
        {"url": "api.flowtly.example.com"},
        {"url": "ftp://api.flowtly.example.com"},
        {"url": "https://"},
        {"url": f"https://user:{PASSWORD}@api.flowtly.example.com"},
        {"url": "https://api.flowtly.example.com/?x=1"},
        {"url": "https://api.flowtly.example.com:port"},
        {"url": "https://api.flowtly.example.com/ x"},
        {"iri_prefix": "api"},
        {"iri_prefix": "/api?x"},
        {"iri_prefix": "//api"},
        {"instance": "two\nlines"},
        {"instance": ""},
        {"page_size": 0},
        {"page_size": "100"},
        {"page_size": 1001},
        {"concurrency": 0},
        {"timeout": "0s"},
        {"timeout": "soon"},
        {"timeout": 30},
        {"retries": -1},
        {"tokn": TOKEN},
        {"token": None, "login": {"username": "", "password": PASSWORD}},
        {"token": None, "login": {"username": "x", "password": PASSWORD, "path": "login"}},
        {"token": None, "login": {"username": "x", "password": PASSWORD, "path": "//evil.example.com"}},
        {"token": None, "login": {"username": "x", "password": PASSWORD, "pasword": PASSWORD}},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_without_showing_a_secret(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        FlowtlySettings.model_validate({**GOOD, **change})
    assert TOKEN not in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "/", "/api", "/api/", "/v2/api"])
def test_prefixes_lose_their_last_slash(prefix: str) -> None:
    assert FlowtlySettings.model_validate({**GOOD, "iri_prefix": prefix}).iri_prefix == prefix.rstrip("/")


def test_a_login_elsewhere_is_possible_where_the_host_differs() -> None:
    elsewhere = {**LOGIN, "path": "https://app.flowtly.example.com/api/login"}
    settings = FlowtlySettings.model_validate({"url": "https://api.flowtly.example.com", "login": elsewhere})
    assert settings.login is not None and settings.login.path == elsewhere["path"]


def test_settings_do_not_print_secrets() -> None:
    token, login = (
        FlowtlySettings.model_validate(GOOD),
        FlowtlySettings.model_validate({"url": GOOD["url"], "login": LOGIN}),
    )
    shown = f"{token!r} {token} {login!r} {login.model_dump()} {login.model_dump_json()}"
    assert TOKEN not in shown and PASSWORD not in shown


def test_the_connector_names_its_settings_model() -> None:
    assert FlowtlyConnector.Settings is FlowtlySettings


def test_every_setting_stands_in_the_docs_with_its_default() -> None:
    section = DOCS.read_text(encoding="utf-8").split("\n## Flowtly\n")[1].split("\n## ")[0]
    for name, field in FlowtlySettings.model_fields.items():
        default = format_duration(field.default) if isinstance(field.default, timedelta) else field.default
        shown = f"`{default}`" if isinstance(default, str | int) else ""
        assert f"| `{name}` | {shown}" in section
