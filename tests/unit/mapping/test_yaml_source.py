"""YAML to positioned nodes: nothing is guessed, and every fault is reported at its line and column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.mapping.problems import ConfigError
from syncd.mapping.yaml_source import MAX_BYTES, Node, load_file, load_text
from tests.unit.mapping.helpers import node


def problems(text: str | bytes, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_text(text, env or {}, name="a.yaml")
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("2024-01-31", "2024-01-31"),
        (".inf", ".inf"),
        ("12:30", "12:30"),
        ("+5", "+5"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-17", -17),
        ("0.10", Decimal("0.10")),
        ("1e3", Decimal("1e3")),
        ("'5'", "5"),
        ('"true"', "true"),
        ("a b", "a b"),
    ],
)
def test_a_plain_scalar_is_text_unless_nobody_reads_it_differently(text: str, value: object) -> None:
    found = node(f"key: {text}").plain()["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_and_values_know_where_they_stand() -> None:
    root = node("a: 1\nb:\n  - x\n  - deep: {here: 2}\n")
    key, value = root.key_node("b"), root.at("b", 1, "deep", "here")
    assert key is not None
    assert (key.line, key.column) == (2, 1)
    assert (value.file, value.line, value.column) == ("m.yaml", 4, 18)


def test_a_path_that_is_not_written_stops_at_the_deepest_node() -> None:
    root = node("a:\n  b: 1\n")
    assert (root.at("a", "x", "b").line, root.at("a", "b", "c").line) == (2, 2)


def test_a_node_does_not_show_its_content() -> None:
    assert "hunter2" not in repr(node("password: hunter2"))


def test_a_folded_text_is_what_yaml_says_it_is() -> None:
    text = "a: >\n  one\n  two\n\n  three\n    four\n  five\nb: >-\n  six\n  seven\nc: |\n  eight\n  nine\n"
    found = node(text)
    assert found.at("a").content == "one two\nthree\n  four\nfive\n"
    assert found.at("b").content == "six seven"
    assert found.at("c").content == "eight\nnine\n"


def test_duplicate_keys_are_all_named_with_the_first_line() -> None:
    assert problems("a: 1\nb: 2\na: 3\nb: 4\n") == [
        "a.yaml:3:1: duplicate key 'a' (it is already on line 1)",
        "a.yaml:4:1: duplicate key 'b' (it is already on line 2)",
    ]


def test_a_tab_is_reported_with_what_to_do() -> None:
    (found,) = problems("a:\n\tb: 1\n")
    assert found.startswith("a.yaml:2:1: YAML syntax:")
    assert "never with tabs" in found


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1, 2\nb: 3\n", "2:2", "YAML syntax"),
        ("a: 'open\n", "2:1", "YAML syntax"),
        ("a: b: c\n", "1:5", "YAML syntax"),
        ("a: &x [*x]\n", "", "nested too deep"),
        ("a: *nowhere\n", "1:4", "YAML syntax"),
        ("a: !python/object:os.system x\n", "1:4", "tags are not used"),
        ("a: !!binary aGk=\n", "1:4", "tags are not used"),
        ("<<: {a: 1}\n", "1:1", "a key must be a plain word"),
        ("[a, b]: 1\n", "1:1", "a key must be a plain word"),
        ("? \n: 1\n", "", "empty or null"),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document"),
        ("", "1:1", "is empty"),
        ("# only a comment\n", "1:1", "is empty"),
        ("a: 1\x00\n", "1:5", "NUL byte"),
        ("ab: \x07\n", "1:5", "control character 0x07"),
    ],
)
def test_what_is_no_usable_yaml_is_one_problem_at_its_place(text: str, place: str, words: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"a.yaml:{place}:" if place else "a.yaml:")
    assert words in found


def test_an_unquoted_reference_in_braces_says_to_quote_it() -> None:
    (found,) = problems("login: {password: ${P}}", {"P": "x"})
    assert 'put it in quotes: "${NAME}"' in found


def test_a_syntax_error_does_not_repeat_the_lines_around_it() -> None:
    (found,) = problems("password: hunter2\nbroken: [\n")
    assert "hunter2" not in found


def test_bytes_that_are_no_utf8_are_reported_where_they_start() -> None:
    assert problems(b"a: 1\nname: caf\xe9\n") == ["a.yaml:2:10: is not UTF-8 text from here on"]


def test_a_file_above_one_mebibyte_is_refused() -> None:
    assert problems("a: " + "x" * MAX_BYTES) == [f"a.yaml:0:0: is larger than {MAX_BYTES} bytes"]


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (found,) = problems("\n".join(lines))
    assert "grows too large" in found


def test_an_anchor_may_be_used_again() -> None:
    assert node("a: &x {k: 1}\nb: *x\n").plain() == {"a": {"k": 1}, "b": {"k": 1}}


def test_a_byte_order_mark_is_no_key() -> None:
    assert load_text(b"\xef\xbb\xbfa: 1\n", {}, name="a.yaml").plain() == {"a": 1}


def test_a_missing_file_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml:0:0: cannot be read: No such file"):
        load_file(tmp_path / "gone.yaml", {})


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_tree_or_a_config_error(text: str) -> None:
    try:
        assert isinstance(load_text(text.encode("utf-8", "surrogatepass"), {}, name="a.yaml"), Node)
    except ConfigError:
        return


class TestInterpolation:
    def test_a_variable_is_filled_in_and_remembered(self) -> None:
        found = node("a: x-${NAME}-${NAME}\nb: plain", {"NAME": "v"})
        assert found.plain() == {"a": "x-v-v", "b": "plain"}
        assert [found.at(key).interpolated for key in "ab"] == [True, False]

    def test_a_filled_in_number_stays_text_for_the_model_to_judge(self) -> None:
        assert node("a: ${N}", {"N": "NO"}).plain() == {"a": "NO"}

    def test_what_is_filled_in_is_not_looked_at_again(self) -> None:
        assert node("a: ${A}", {"A": "${B}", "B": "secret"}).plain() == {"a": "${B}"}

    def test_two_dollars_escape(self) -> None:
        found = node("a: $${NAME} costs $5")
        assert (found.plain(), found.at("a").interpolated) == ({"a": "${NAME} costs $5"}, False)

    def test_a_missing_variable_is_named_with_the_nearest_one(self) -> None:
        assert problems("a: 1\nb: ${FLOWTLY_TOKN}\n", {"FLOWTLY_TOKEN": "s3cr3t"}) == [
            "a.yaml:2:4: environment variable FLOWTLY_TOKN is not set (did you mean 'FLOWTLY_TOKEN'?)"
        ]

    def test_every_missing_variable_is_reported_at_once(self) -> None:
        assert [line.split(":")[1] for line in problems("a: ${A}\nb: ${B}\n")] == ["1", "2"]

    @pytest.mark.parametrize("text", ["${}", "${a b}", "${env:X}", "${file:}", "${OPEN"])
    def test_a_malformed_reference_is_a_problem(self, text: str) -> None:
        (found,) = problems(f"a: '{text}'")
        assert found.startswith("a.yaml:1:4:")

    def test_keys_are_never_filled_in(self) -> None:
        assert node("${A}: 1", {"A": "b"}).plain() == {"${A}": 1}

    def test_a_file_is_read_without_its_last_line_ending(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("pa ss\r\n")
        found = load_text("a: ${file:secret}", {}, name="a.yaml", folder=tmp_path)
        assert (found.plain(), found.at("a").interpolated) == ({"a": "pa ss"}, True)

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "larger"), (b"a\0b", "NUL")],
    )
    def test_an_unusable_secret_file_is_named_and_not_shown(self, tmp_path: Path, content: bytes, words: str) -> None:
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(ConfigError, match=words) as raised:
            load_text("a: ${file:secret}", {}, name="a.yaml", folder=tmp_path)
        assert "xxx" not in str(raised.value)

    def test_a_missing_secret_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"a\.yaml:1:4: cannot read the file nowhere: No such file"):
            load_text("a: ${file:nowhere}", {}, name="a.yaml", folder=tmp_path)
