"""The faults still fit the code, and their tests exist; else nobody would notice that one is not planted any more."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.fault import DoesNotFit, Fault
from tests.mutants.forked import ROOT
from tests.mutants.generate import faults
from tests.mutants.generated import MODULES
from tests.mutants.planted import PLANTED, QUICK, listed


@pytest.mark.parametrize("fault", PLANTED, ids=[fault.name for fault in PLANTED])
def test_a_planted_fault_fits_exactly_once_and_is_still_python(fault: Fault) -> None:
    compile(fault.planted(), fault.file, "exec")
    for test in fault.tests.split():
        path, _, name = test.partition("::")
        plain = name.split("[")[0].split("::")[0]
        text = (ROOT / path).read_text()
        assert f"def {plain}(" in text or f"{plain} = " in text, f"there is no test {test}"
    assert fault.why
    assert all(1 <= int(law) <= 11 for law in fault.law.split(","))


def test_there_are_enough_of_them_each_with_a_name_of_its_own() -> None:
    assert len({fault.name for fault in PLANTED}) == len(PLANTED) >= 55
    assert [fault.name for fault in listed(QUICK)] == list(QUICK)


def test_a_text_that_is_not_there_or_there_twice_is_an_error() -> None:
    for old in ("no such text at all", "import"):
        with pytest.raises(DoesNotFit):
            Fault("x", "syncd/core/merge.py", old, "", "1", "y", "z").planted()


@pytest.mark.parametrize("module", MODULES)
def test_generated_faults_are_python_and_each_is_another_one(module: str) -> None:
    made = faults((ROOT / f"syncd/core/{module}.py").read_text())
    assert made
    assert len({one.source for one in made}) == len(made)
    for one in made:
        ast.parse(one.source)


def test_every_fault_that_is_said_to_change_nothing_is_still_generated() -> None:
    known = {
        (module, one.what, one.count)
        for module in MODULES
        for one in faults((ROOT / f"syncd/core/{module}.py").read_text())
    }
    assert set(EQUIVALENT) <= known
    assert all(EQUIVALENT.values())


_RUNNER = """
import json, sys
from pathlib import Path
from tests.mutants.forked import ROOT, Copies, Job

file = "syncd/core/policy.py"
before = (ROOT / file).read_text()
wrong = before.replace("if external > flowtly", "if external < flowtly")
test = "tests/unit/core/test_merge_enumerated.py::test_newest_decides_only_by_two_different_trusted_times"
jobs = [
    Job("faulty", file, wrong, ("--noconftest", test)),
    Job("healthy", "", "", ("--noconftest", test)),
    Job("same", file, before, ("--noconftest", test)),
    Job("no such test", file, wrong, ("--noconftest", test + "_at_all")),
]
print(json.dumps({one.job.name: one.verdict for one in Copies(Path(sys.argv[1])).run(jobs)}))
"""


def test_a_fault_is_caught_no_fault_is_not_and_a_run_without_tests_is_broken(tmp_path: Path) -> None:
    """The runner itself: what it calls caught really is the copy's fault, and the working tree stays as it was.

    In a process of its own, since it makes its process forget our modules.
    """
    before = (ROOT / "syncd/core/policy.py").read_text()
    ran = subprocess.run(
        [sys.executable, "-c", _RUNNER, str(tmp_path / "copies")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    verdicts = json.loads(ran.stdout.splitlines()[-1])
    assert verdicts == {"faulty": "caught", "healthy": "survived", "same": "survived", "no such test": "broken"}
    assert (ROOT / "syncd/core/policy.py").read_text() == before
