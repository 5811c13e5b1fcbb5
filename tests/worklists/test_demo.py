"""The demonstration hospital, small, built for real: a simulator, a database of its own, the whole chain.

The promised numbers of the full one are held against it by `census` each time it is loaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from accounts.enums import Role
from tests.processes import database_url, new_database
from tests.simulator_process import LOOPBACK, SimulatorProcess
from worklists.demo import census
from worklists.demo.catalogue import staff
from worklists.demo.plots import FULL_SIZE, read_plots
from worklists.registry import all_worklists

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 60


class Demonstration:
    """Commands run as `make demo` runs them, on a database and a folder of their own."""

    def __init__(self, var: Path, database: str, simulator: SimulatorProcess) -> None:
        self.var = var
        self.output = ""
        self._environment = os.environ | {
            "DATABASE_URL": database_url(database),
            "DJANGO_SETTINGS_MODULE": "gap.settings",
            "GAP_VAR_DIR": str(var),
            "GAP_DEMO_SIZE": str(SIZE),
            "PKI_DIR": str(simulator.pki.folder),
            "AMC_DIRECTORY_URL": simulator.directory_url,
            "INSI_URL": simulator.insi_url,
            "INSI_PRODUCTION": "0",
            "CDRI_URL": simulator.cdri_url,
            "TELESERVICES_INTERNAL_NETWORKS": LOOPBACK,
            # Every export of every list, one after another: nobody works so.
            "EXPORT_RATE_PER_MINUTE": "100000",
        }

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    @cached_property
    def figures(self) -> dict[str, Any]:
        """As they were when it was loaded."""
        return self.census()

    def census(self) -> dict[str, Any]:
        figures: dict[str, Any] = json.loads(self.run("manage.py", "check_demo", "--size", str(SIZE), "--json"))
        return figures


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    var = tmp_path_factory.mktemp("demo")
    with new_database() as name, SimulatorProcess(var / "files", exchange=True) as simulator:
        loaded = Demonstration(var, name, simulator)
        loaded.output = loaded.run("manage.py", "load_demo", "--start")
        yield loaded


def test_every_state_and_every_list_has_an_example(demonstration: Demonstration) -> None:
    assert "Il manque" not in demonstration.output
    figures = demonstration.figures
    assert figures["missing"] == []
    assert set(figures["lists"]) == set(all_worklists())
    assert {slug for slug, count in figures["lists"].items() if not count} <= census.EMPTY_WHEN_ALL_IS_WELL
    assert figures["carded"] * 2 > figures["patients"]


def test_no_payer_is_named_in_letters_that_a_lot_cannot_hold(demonstration: Demonstration) -> None:
    # The invoices that wait for a right NIR, and no other.
    withdrawn = next(plot.count for plot in read_plots(SIZE) if plot.name == "identity_withdrawn")
    assert demonstration.figures["lists"]["factures-bloquees"] == withdrawn


def test_each_role_signs_in_and_every_screen_answers(demonstration: Demonstration) -> None:
    visited = json.loads(demonstration.run("-m", "tests.worklists.demo_visit"))
    assert {username for username, *_ in visited} == {row.username for row in staff() if row.signs_in}
    assert [row for row in visited if row[2] not in (200, 302)] == []
    opened = Counter(username for username, *_ in visited)
    # Who controls accesses has the journal, and nothing else to open.
    assert opened.pop("controle") >= 2
    assert all(count > 20 for count in opened.values()), opened
    # A list that is opened shows its lines.
    lists = {row[1]: row[3] for row in visited if row[1].startswith("/listes/") and row[1].count("/") == 3}
    empty = {address for address, lines in lists.items() if lines < 2}
    assert empty <= {f"/listes/{slug}/" for slug in census.EMPTY_WHEN_ALL_IS_WELL}


def test_one_person_of_each_role_may_sign_in() -> None:
    assert Counter(row.role for row in staff() if row.signs_in) == Counter(str(role) for role in Role)


def test_a_second_start_adds_nothing_and_is_quick(demonstration: Demonstration) -> None:
    before = demonstration.figures
    started = time.monotonic()
    demonstration.run("manage.py", "load_demo", "--start")
    # Most of it is the start of Python and the look at the migrations.
    assert time.monotonic() - started < 15
    after = demonstration.census()
    assert (after["stays"], after["patients"]) == (before["stays"], before["patients"])
    assert "déjà chargée" in demonstration.run("manage.py", "load_demo", status=1)


def test_the_full_hospital_is_planned_with_more_than_is_promised() -> None:
    planned = sum(plot.count for plot in read_plots(FULL_SIZE))
    assert planned >= census.STAYS
    assert all(plot.count >= 1 for plot in read_plots(1))
