"""Who a patient is stands in the database, on the screens and in the messages to payers; nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gap.logs import name_the_fault, redact
from tests.leaks.faults import CANARIES
from tests.leaks.people import WHO, forms
from tests.processes import ROOT, database_url


@pytest.fixture(scope="module")
def walked(django_db_setup, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Place → all that it held, once the path has been walked by real processes whose logs are at DEBUG."""
    folder = tmp_path_factory.mktemp("leaks")
    server = Path(os.environ["GAP_VAR_DIR"]) / "logs" / "postgres.log"
    before = server.stat().st_size
    environment = os.environ | {"DATABASE_URL": database_url(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.leaks.walk", str(folder)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    places = [*(folder / "logs").glob("*.log"), *(folder / "gathered").iterdir()]
    return {path.name: path.read_bytes() for path in places} | {"postgres.log": server.read_bytes()[before:]}


@pytest.mark.long
def test_nobody_is_named_in_any_place_that_is_not_made_for_it(walked, measured) -> None:
    found = [
        (place, what, form.decode())
        for place, content in walked.items()
        for what, ways in forms().items()
        for form in ways
        if form in content
    ]
    measured("fuites trouvées", len(found))
    measured("endroits fouillés", len(walked))
    assert not found


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "canary"),
    [
        ("web.log", "log"),
        ("redis-commands", "task"),
        ("redis-commands", "cache"),
        ("sessions", "session"),
        ("error-pages", "page"),
    ],
)
def test_what_would_leak_there_would_be_caught(walked, place: str, canary: str) -> None:
    assert CANARIES[canary].encode() in walked[place]


@pytest.mark.long
def test_every_process_was_listened_to_and_its_failures_are_still_told(walked) -> None:
    assert {"web.log", "worker.log", "night.log", "scheduler.log", "simulator.log", "postgres.log"} <= walked.keys()
    assert b"fault='ValueError'" in walked["web.log"] and b"fault='IntegrityError'" in walked["web.log"]
    assert b"faults.py" in walked["web.log"]
    assert b"ValueError" in walked["worker.log"] and b"tests.leaks.tasks.fail" in walked["worker.log"]
    assert all(walked[name].count(b"level='debug'") > 5 for name in ("web.log", "worker.log", "night.log"))
    assert b"one_token_a_patient" in walked["postgres.log"]
    assert walked["addresses-called"].count(b"https://") >= 5


def test_a_nir_that_something_logs_leaves_as_a_word() -> None:
    assert WHO.nir not in str(redact(None, "info", {"event": f"patient {WHO.nir} inconnu"}))


def test_the_text_of_an_exception_given_beside_a_record_is_left_out() -> None:
    error = ValueError(WHO.birth_name)
    said = name_the_fault(None, "error", {"event": "task_failed", "error": str(error), "exception": error})
    assert WHO.birth_name not in str(said) and said["fault"] == "ValueError"
