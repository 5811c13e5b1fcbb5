"""`make security` runs what the documents name, and says what failed."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from bench.security.__main__ import table
from bench.security.chapters import CHAPTERS, chapter_of
from bench.security.collecting import Collector
from tests.processes import ROOT

DOCUMENTS = sorted(ROOT.glob("docs/security*.md"))


def test_every_file_of_a_chapter_is_there() -> None:
    files = [file for chapter in CHAPTERS.values() for file in chapter]
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len(files) == len(set(files))


def test_every_test_that_a_document_of_security_names_is_run_by_the_command() -> None:
    named = {name for document in DOCUMENTS for name in re.findall(r"`(tests/[\w/]+\.py)", document.read_text())}
    assert len(DOCUMENTS) >= 3 and len(named) > 20
    assert sorted(name for name in named if chapter_of(name) is None) == []


@pytest.mark.parametrize(
    "promised",
    [
        "adresses × rôles",
        "entrées mauvaises envoyées à l’API",
        "altérations du journal trouvées",
        "fuites trouvées",
        "restauration\u00a0: durée en ms (RTO)",
    ],
)
def test_each_figure_that_the_table_owes_is_measured_by_one_of_its_tests(promised) -> None:
    files = [file for chapter in CHAPTERS.values() for file in chapter]
    assert [file for file in files if f'"{promised}"' in (ROOT / file).read_text().replace(" :", "\u00a0:")]


def report(nodeid: str, outcome: str, when: str = "call", **figures: float) -> SimpleNamespace:
    properties = [("security", [what.replace("_", " "), much]) for what, much in figures.items()]
    return SimpleNamespace(nodeid=nodeid, outcome=outcome, when=when, user_properties=[*properties, ("other", 1)])


def test_the_table_counts_the_checks_the_failures_and_adds_up_what_was_measured() -> None:
    collector = Collector()
    file = CHAPTERS["Journal"][0]
    for number in range(3):
        collector.pytest_runtest_logreport(report(f"{file}::test_{number}", "passed", traces=700))
    collector.pytest_runtest_logreport(report(f"{file}::test_red", "failed"))
    collector.pytest_runtest_logreport(report(f"{file}::test_setup", "failed", when="setup"))
    collector.pytest_runtest_logreport(report(f"{file}::test_elsewhere", "skipped", when="setup"))
    collector.pytest_runtest_logreport(report("tests/billing/test_bills.py::test_x", "failed"))
    journal = collector.results["Journal"]
    assert (journal.checks, len(journal.failed), journal.figures) == (4, 2, {"traces": 2100})
    assert collector.skipped == [f"{file}::test_elsewhere"]
    line = next(line for line in table(collector.results).splitlines() if line.startswith("Journal"))
    assert line.split(maxsplit=3) == ["Journal", "4", "2", "traces : 2\u202f100"]
