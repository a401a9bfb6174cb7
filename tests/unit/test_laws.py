"""Every law of the blueprint is held by tests and sections of the proof that exist, and the page says which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.proof import catalogue, page
from tests.proof.laws import LAWS, Law
from tests.proof.section import Result, Section

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = catalogue.names()


@cache
def defined(path: str) -> frozenset[str]:
    """The tests of a file, by their ids without the path."""
    file = ROOT / path
    return frozenset(_tests(ast.parse(file.read_text(encoding="utf-8")).body)) if file.is_file() else frozenset()


def _tests(body: list[ast.stmt], within: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield f"{within}{node.name}"
        elif isinstance(node, ast.ClassDef):
            yield from _tests(node.body, f"{within}{node.name}::")


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in defined(path)


def test_there_are_eleven_laws_each_with_a_name_and_a_sentence() -> None:
    assert [law.number for law in LAWS] == list(range(1, 12))
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert all(law.sentence.endswith(".") for law in LAWS)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_is_held_by_tests_and_sections_that_exist(law: Law) -> None:
    assert law.tests, "no test holds it"
    assert law.sections, "no section of the proof holds it"
    assert [test for test in law.tests if not exists(test)] == []
    assert [name for name in law.sections if name not in SECTIONS] == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    assert exists("tests/unit/test_laws.py::test_a_test_that_does_not_exist_is_noticed")
    assert not exists("tests/unit/test_laws.py::test_of_something_else")
    assert not exists("tests/unit/no_such_file.py::test_a_test_that_does_not_exist_is_noticed")


def test_every_section_can_be_proven_and_holds_a_law() -> None:
    held = {name for law in LAWS for name in law.sections}
    assert sorted(set(SECTIONS) - held) == []
    missing = [name for name in SECTIONS if "\ndef prove(" not in _source(name)]
    assert missing == []


def _source(name: str) -> str:
    file = catalogue.HERE / f"{name}.py"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def test_the_page_names_every_law_and_what_holds_it() -> None:
    """After a change of the laws alone: ``python -m tests.proof --laws``."""
    assert page.laws() in page.PAGE.read_text(encoding="utf-8")


def test_a_section_is_proven_only_when_it_came_to_its_end_and_found_nothing_against_it() -> None:
    section = Section("Creates", "text", {"duplicates": 0})
    assert Result("losses", 1.0, section).proven
    assert not Result("losses", 1.0, None).proven
    assert not Result("losses", 1.0, None, "it raised ValueError").proven
    assert not Result("losses", 1.0, replace(section, failures=("one is there twice",))).proven


def test_the_page_hides_no_failure() -> None:
    results = [
        Result("losses", 1.0, Section("Creates", "what was done", {"duplicates": 1}, ("one is there twice",))),
        Result("crash", 2.0, None, "it raised ValueError\nand much more"),
        Result("histories", 3.0, Section("Histories", "| steps | 7 |", {"steps": 7})),
    ]
    text = page.text(results, seed=7, seconds=60, workers=2, postgres="18.1")
    assert "**NOT PROVEN:** one is there twice" in text
    assert "**NOT PROVEN:** it raised ValueError" in text
    assert "| [Creates](#creates) | **NO** |" in text
    assert "| [Histories](#histories) | yes |" in text
    assert "| duplicates | 1 |" in text
    assert page.laws() in text
