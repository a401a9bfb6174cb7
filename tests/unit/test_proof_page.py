"""The page of the proof: a section that was run again takes its own place, is named as such, and hides no failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import page
from tests.proof.section import Result, Section


def result(name: str, title: str, text: str, *failures: str) -> Result:
    """What a section found."""
    return Result(name, 12.0, Section(title, text, {}, failures))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of three sections, the second of them not proven."""
    path = tmp_path / "proof.md"
    monkeypatch.setattr(page, "PAGE", path)
    found = [
        result("crash", "One", "first"),
        result("mutants", "Two", "old words", "it failed"),
        result("x", "Three", "z"),
    ]
    path.write_text(page.text(found, seed=1, seconds=60, workers=2, postgres="18"))
    return path


def test_a_section_that_was_run_again_takes_its_place(written: Path) -> None:
    before = written.read_text()
    assert "NOT PROVEN:** it failed" in before
    page.replace([result("mutants", "Two", "new words")])
    after = written.read_text()
    assert "old words" not in after
    assert "NOT PROVEN" not in after
    assert "| run again by themselves since | Two |" in after
    assert after.index("## One") < after.index("new words") < after.index("## Three")
    assert after.count("| [Two](") == after.count("\n## Two\n") == 1
    assert "| [Two](#two) | yes |" in after


def test_one_that_fails_now_says_so(written: Path) -> None:
    page.replace([result("crash", "One", "first", "a point did not converge")])
    page.replace([result("x", "Three", "zz")])
    after = written.read_text()
    assert "**NOT PROVEN:** a point did not converge" in after
    assert "| [One](#one) | **NO** |" in after
    assert "| run again by themselves since | One, Three |" in after


def test_one_that_the_page_does_not_have_is_refused(written: Path) -> None:
    with pytest.raises(ValueError, match="no section 'Four'"):
        page.replace([result("y", "Four", "w")])
    assert "Four" not in written.read_text()
