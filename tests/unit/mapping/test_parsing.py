"""Nodes to models: every pydantic complaint becomes a problem at the exact key or value, and secrets stay secret."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from syncd.mapping.problems import ConfigError
from syncd.mapping.scalars import Duration, Secret, SecretUrl, Whole
from syncd.mapping.yaml_source import parse
from tests.unit.mapping.helpers import node


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    username: str
    password: Secret


class Peer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = "http://localhost"
    schema_: str | None = Field(default=None, alias="schema")
    token: Secret | None = None
    login: Login | None = None
    database: SecretUrl | None = None
    pages: Annotated[int, Field(ge=1, le=100)] = 10
    share: float = 0.5
    deep: bool = False
    every: Duration = timedelta(seconds=1)
    mode: Literal["fast", "slow"] = "fast"
    keys: dict[str, Secret] = {}
    others: list[Login] = []

    @field_validator("url")
    @classmethod
    def _a_url(cls, url: str) -> str:
        if not url.startswith("http"):
            raise ValueError(f"not a URL: {url}")
        return url


def problems(text: str, env: dict[str, str] | None = None, model: type[BaseModel] = Peer) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse(model, node(text, env))
    return [str(problem) for problem in raised.value.problems]


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    text = "pagez: 5\nmode: fats\npages: 0\nevery: 5\nlogin:\n  usernme: me\n  password: ${P}\nothers: [7]\n"
    assert problems(text, {"P": "x"}) == [
        "m.yaml:1:1: unknown key 'pagez' (did you mean 'pages'?)",
        "m.yaml:2:7: mode: must be one of 'fast' or 'slow' (did you mean 'fast'?)",
        "m.yaml:3:8: pages: must be greater than or equal to 1",
        "m.yaml:4:8: every: a duration is a number with a unit: 500ms, 60s, 5m, 6h, 1d",
        "m.yaml:5:1: missing key 'username' in login",
        "m.yaml:6:3: unknown key 'usernme' (did you mean 'username'?)",
        "m.yaml:8:10: others[0]: must be a block of keys",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("url: 5", "m.yaml:1:6: url: must be text (put it in quotes)"),
        ("pages: true", "m.yaml:1:8: pages: must be a whole number"),
        ("pages: many", "m.yaml:1:8: pages: must be a whole number"),
        ("deep: NO", "m.yaml:1:7: deep: must be true or false"),
        ("login: me", "m.yaml:1:8: login: must be a block of keys"),
        ("others: {a: 1}", "m.yaml:1:9: others: must be a list"),
        ("url: ftp://x", "m.yaml:1:6: url: not a URL: ftp://x"),
        ("schema_: x", "m.yaml:1:1: unknown key 'schema_' (did you mean 'schema'?)"),
        ("5: x", "m.yaml:1:1: unknown key '5'"),
        ("keys: {5: '${P}'}", "m.yaml:1:8: keys.5: must be text (put it in quotes)"),
        ("[1]", "m.yaml:1:1: must be a block of keys"),
        ("word", "m.yaml:1:1: must be a block of keys"),
    ],
)
def test_a_wrong_value_is_said_in_plain_words(text: str, problem: str) -> None:
    assert problems(text, {"P": "x"}) == [problem]


def test_an_alias_is_the_key_people_write() -> None:
    assert parse(Peer, node("schema: erp")).schema_ == "erp"


def test_text_from_outside_becomes_the_number_or_switch_that_is_wanted() -> None:
    env = {"N": "20", "D": "true", "S": "0.25"}
    found = parse(Peer, node("pages: ${N}\ndeep: ${D}\nshare: ${S}\nurl: http://${N}", env))
    assert (found.pages, found.deep, found.share, found.url) == (20, True, 0.25, "http://20")


def test_a_secret_of_digits_stays_text() -> None:
    found = parse(Peer, node("token: ${T}", {"T": "0042"}))
    assert found.token == SecretStr("0042")


def test_true_is_not_a_whole_number() -> None:
    class Limit(BaseModel):
        most: Whole

    assert problems("most: true", model=Limit) == ["m.yaml:1:7: most: must be a whole number"]


@pytest.mark.parametrize(
    "text",
    [
        "token: hunter2",
        "token: 'hunter2'",
        "login: {username: me, password: hunter2}",
        "keys: {one: hunter2}",
        "others: [{username: me, password: hunter2}]",
        "token: $${hunter2}",
        "database: postgresql://me:hunter2@db.example.com/erp",
        "database: 'postgresql://db.example.com/erp?user=me&password=hunter2'",
        "database: 'http://[hunter2'",
    ],
)
def test_a_literal_secret_is_refused_wherever_it_stands_and_never_shown(text: str) -> None:
    (found,) = problems(text)
    assert "is written out in the file (write ${VARIABLE} or ${file:/run/secrets/name})" in found
    assert "hunter2" not in found


@pytest.mark.parametrize("url", ["postgresql://me@db.example.com/erp", "sqlite:///erp.db", "postgresql://${U}@db/erp"])
def test_a_url_without_a_written_password_is_welcome(url: str) -> None:
    assert parse(Peer, node(f"database: {url}", {"U": "me:hunter2"})).database is not None


def test_a_literal_secret_is_reported_beside_other_problems() -> None:
    assert len(problems("token: hunter2\npages: 0\nnope: 1")) == 3


def test_a_problem_never_shows_what_was_filled_in() -> None:
    (found,) = problems("url: ${U}", {"U": "hunter2"})
    assert found == "m.yaml:1:6: url: the value that was filled in here is not valid"


def test_no_error_on_the_way_shows_what_was_filled_in() -> None:
    with pytest.raises(ConfigError) as raised:
        parse(Peer, node("login: {username: '${S}', x: '${S}'}\npages: ${S}\nmode: ${S}", {"S": "hunter2"}))
    assert len(raised.value.problems) == 4
    assert "hunter2" not in str(raised.value)
