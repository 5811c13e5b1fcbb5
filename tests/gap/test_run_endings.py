"""The last lines of a run of the suite name what failed, however long the assertions are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SUITE = """
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("x" * 3000)

def test_red():
    assert "y" * 3000 == "z" * 3000

def test_that_could_not_begin(broken):
    pass

def test_green():
    pass
"""


def last_lines(folder: Path, *options: str) -> list[str]:
    (folder / "test_invented.py").write_text(SUITE)
    (folder / "conftest.py").write_text(
        "from tests.conftest import pytest_terminal_summary as pytest_terminal_summary\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), *options, str(folder)],
        cwd=ROOT,
        env=os.environ | {"CI": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_last_lines_of_a_run_name_what_failed(workers, tmp_path) -> None:
    *_, first, second, count = last_lines(tmp_path, "-n", workers)
    assert {first, second} == {
        "failed: test_invented.py::test_red",
        "failed: test_invented.py::test_that_could_not_begin",
    }
    assert "1 failed" in count and "1 passed" in count and "1 error" in count


def test_a_run_where_all_is_well_says_nothing_more(tmp_path) -> None:
    *before, count = last_lines(tmp_path, "-k", "green")
    assert "1 passed" in count and not [line for line in before if line.startswith("failed:")]
