"""A pytest plugin inside a child: sees to it that the changed module is the one imported. Judges no test itself."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

UNWITNESSED = 70  # the child's exit code when it did not test what it should have
PROFILE = "mutants"
_EVERY = 11  # shares no factor with the number of answers, policies and values: every combination of two comes up
_LEFT_OUT = {"test_the_domain_is_the_whole_domain", "runTest"}

# The same examples every time, fewer of them, and no search for the smallest one that fails.
settings.register_profile(
    PROFILE,
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class Witness:
    """``content``: the module under test came from the copy, from its present source."""

    def __init__(self, tree: Path, file: str, source: str, template: str, *, sampled: bool) -> None:
        self._sampled = sampled
        self._tree, self._file, self._source, self._template = tree, file, source, template
        self.content = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Against generated faults, a part of the enumerations will do: fewer cases can only catch less."""
        for module in {getattr(item, "module", None) for item in items} if self._sampled else ():
            if hasattr(module, "CASES"):
                module.CASES = module.CASES[::_EVERY]
        if self._sampled:
            items[:] = [item for item in items if item.name not in _LEFT_OUT]

    def pytest_sessionfinish(self) -> None:
        """Look at what was imported; a module that cannot even be imported is as good as seen."""
        ours = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "syncd"]
        strangers = [module for module in ours if not _within(module, self._tree)]
        if strangers:
            print(f"not from the copy: {strangers[:3]}")
            return
        if not self._file:
            self.content = True
            return
        path = self._tree / self._file
        name = self._file.removesuffix(".py").replace("/", ".")
        try:
            module = importlib.import_module(name)
        except Exception:  # noqa: BLE001 - whatever a fault does at import
            self.content = path.read_text() == self._source
            return
        imported = name in sys.modules and Path(str(module.__file__)) == path
        bytecode = Path(str(module.__cached__)).exists() if module.__cached__ else False
        self.content = imported and not bytecode and path.read_text() == self._source
        if not self.content:
            print(f"{name} is {module.__file__}, bytecode {bytecode}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember which test noticed."""
        if report.failed:
            (self._tree / "failed.txt").write_text(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """One migrated template serves all children; the faults are not in the migrations."""
        if not self._template or fixturedef.argname != "_migrated_template":
            return None
        fixturedef.cached_result = (self._template, fixturedef.cache_key(request), None)
        return self._template


def _within(module: Any, tree: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is None or Path(file).is_relative_to(tree)
