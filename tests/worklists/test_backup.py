"""A hospital backed up, lived on, lost, and brought back on another database: whole, readable, and sending nothing twice."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from admissions.models import Stay
from admissions.services.patients import next_number
from billing.models import ExchangeFile, Invoice, NumberSeries
from billing.restored import RESTORED
from billing.views_words import sentences
from gap.backup import making, manifest, restoring
from teleservices.models import TeleserviceCall
from tests import dump, hospital
from tests.chain import deliver_owed
from tests.processes import ROOT
from tests.worklists.recovery_scripts import AFTER, REFUSED, RELEASED, leave_something_to_send
from worklists.causes import words_of_cause
from worklists.recovery import last_seal

pytestmark = pytest.mark.django_db(transaction=True)


def backed_up(folder: Path) -> str:
    out = io.StringIO()
    call_command("backup", str(folder), stdout=out)
    return out.getvalue()


def nobody_else() -> None:
    """What another test of this process left connected is stopped, as the hospital's programs are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        )


class Server:
    """One machine of the hospital: its database and its files."""

    def __init__(self, url: str, var: Path) -> None:
        self.environment = os.environ | {
            "DATABASE_URL": url, "GAP_VAR_DIR": str(var), "DJANGO_SETTINGS_MODULE": "gap.settings",
            "ALLOWED_HOSTS": "testserver", "SECOND_FACTOR": "offered",
        }  # fmt: skip

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, text=True, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def python(self, script: str, *arguments: str) -> str:
        return self.run("-c", "import django\ndjango.setup()\n" + script, *arguments)

    def asked(self, script: str, *arguments: str) -> Any:
        """What a script prints as JSON, among the lines of the log."""
        said = self.python(script, *arguments)
        return json.loads(next(line[5:] for line in said.splitlines() if line.startswith("JSON:")))


@pytest.mark.long
def test_a_hospital_comes_back_whole_on_another_server_and_sends_nothing_twice(
    simulator, establishment, empty_database, tmp_path, measured
) -> None:
    kept = hospital.fill(establishment)
    ready = Invoice.objects.filter(payer="AMC", status="sent").count()
    assert ready, "a lot has left before the backup"
    waiting = tmp_path / "files" / "exchange" / "in" / "578R-attend.txt"
    waiting.parent.mkdir(exist_ok=True)
    waiting.write_bytes(b"000 a return that nobody has read yet: " + kept.nir.encode())
    # What waits at the backup and leaves after it: an engagement, a question, a lot, an invoice.
    leave_something_to_send(kept.stay)
    last_lot = NumberSeries.objects.get(name="lots").last
    said = backed_up(tmp_path / "backup")
    assert "lignes" in said and "Dernier repère du journal" in said

    everything = b"".join(path.read_bytes() for path in (tmp_path / "backup").rglob("*") if path.is_file())
    for what, secret in {
        **kept.secrets,
        "name": kept.patient.birth_name.encode(),
        "IEP": kept.stay.iep.encode(),
    }.items():
        assert secret not in everything, what

    # A dump is compressed: its own mark would tell one that is in clear.
    assert b"PGDMP" not in everything

    # Life goes on: what is done now is what the fall takes.
    lost = next_number("stay_iep")
    again = Server(empty_database, tmp_path / "new")
    said = again.manage("restore", str(tmp_path / "backup"))
    assert "absent" not in said
    since, took = (re.search(pattern, said) for pattern in (r"RPO.*\((\d+)\s*s\)", r"RTO\D*([\d.]+)\s*s"))
    assert since is not None and took is not None, said
    measured("restauration : âge de ce qui est revenu, en s (RPO)", int(since[1]))
    measured("restauration : durée en ms (RTO)", round(float(took[1]) * 1000))

    seen = again.asked(AFTER, kept.stay.iep, kept.user.username)
    assert seen["page"] == 200 and seen["name"] and seen["nir"] == kept.nir
    assert seen["image"] == kept.image.hex() and seen["file"] == 200
    assert seen["sound"] and seen["restored"] == 1 and seen["sessions"] == 0
    assert seen["waiting"] == waiting.read_bytes().decode()
    assert seen["out"] == [], "what was handed over before the fall is not handed over again"
    assert seen["calls"] == {"CLC": ["needs_referent", "restored", True], "SIM": ["planned", "", False]}
    assert seen["left"] == 0 and seen["lots"] == 0, "neither the engagement, nor the invoice, nor the lot"
    assert seen["iep"] > lost, "a number given after the backup is not given again"
    assert seen["lot_number"] >= last_lot + 10_000
    assert again.asked(RELEASED) == {"calls": 1, "out": 2, "held": 0}
    # The hospital that was left is as it was: nothing was written there by the return of the other.
    assert Stay.objects.filter(pk=kept.stay.pk).exists() and ExchangeFile.objects.count() == 4


@pytest.mark.long
def test_a_backup_that_is_damaged_foreign_or_not_for_here_changes_nothing(
    establishment, empty_database, tmp_path
) -> None:
    backed_up(tmp_path / "backup")
    again = Server(empty_database, tmp_path / "new")
    direct = empty_database.replace("postgres://", "postgresql://", 1)
    said = again.asked(REFUSED, str(tmp_path / "backup"), settings.FIELD_ENCRYPTION_KEY, direct)
    why = {
        "damaged": "abîmée", "cut": "manque", "forged": "modifié", "another key": "clé", "nothing": "manque",
        "leap": "--leap", "in use": "autre connexion est ouverte",
    }  # fmt: skip
    for name, word in why.items():
        assert word in said[name] and "Rien n’a changé. [0 tables]" in said[name], name
    assert "entière" in said["older key"], "under a ring where its key is no longer the first"
    assert "RTO" in said["done"] and "RTO" in said["replaced"]
    assert "n’est pas vide" in said["not empty"] and "Rien n’a changé" in said["not empty"]


def test_a_backup_that_fails_leaves_nothing_and_one_never_overwrites_another(establishment, settings, tmp_path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(CommandError, match="existe déjà"):
        backed_up(tmp_path / "one")
    assert not list((tmp_path / "one").iterdir())
    (tmp_path / "a file").touch()
    with pytest.raises(CommandError, match="ne peut pas être écrit"):
        backed_up(tmp_path / "a file" / "two")
    settings.PG_PROGRAMS = "/nowhere"
    with pytest.raises(CommandError, match="pg_dump est introuvable"):
        backed_up(tmp_path / "three")
    assert not list(tmp_path.glob("*three*"))


def test_a_backup_of_a_later_version_of_the_product_is_refused(establishment, tmp_path) -> None:
    made = making.make(tmp_path / "one", last_seal)
    later = dataclasses.replace(made, migrations=[*made.migrations, "admissions.9999_tomorrow"])
    manifest.write(later, tmp_path / "one")
    with pytest.raises(manifest.BackupRefused, match="plus récente"):
        restoring.look(tmp_path / "one", replace=False)


def test_files_that_rows_name_and_nobody_kept_are_told(simulator, establishment, tmp_path) -> None:
    hospital.fill(establishment)
    assert list(restoring.missing_files()) == [] and restoring.unreadable_columns() == []
    lot = ExchangeFile.objects.get(direction="out")
    (tmp_path / "files" / "exchange" / str(lot.file.name)).write_bytes(b"GAPSEAL1 nothing")
    assert list(restoring.missing_files()) == [f"billing_exchangefile.file\u00a0: {lot.pk}"]
    assert dump.files("cards")


def test_a_database_that_postgresql_brought_back_is_settled_too(simulator, establishment) -> None:
    kept = hospital.fill(establishment)
    leave_something_to_send(kept.stay)
    with pytest.raises(CommandError, match="Rien n’a changé"):
        call_command("settle_restored", "hier soir")
    before, out = next_number("patient_ipp"), io.StringIO()
    nobody_else()
    call_command("settle_restored", "2026-11-23T10:41:00+01:00", "--leap=50", stdout=out)
    assert "1 engagement ou annulation, 1 facture, 1 lot" in out.getvalue().replace("\u00a0", " ")
    assert next_number("patient_ipp") == before + 51
    # Whoever looks at what waits is told why, and what to do.
    told = sentences(Invoice.objects.get(blocked_reason=RESTORED))
    assert "sauvegarde" in told.happened and "dans aucun lot" in told.system and "Factures retenues" in told.you
    assert words_of_cause("restored")[0] == "Peut-être déjà parti avant la restauration"
    # New facts of the stay free what a fault stopped, not what a return to a backup holds.
    coverage = kept.patient.coverages.get(kind="AMC")
    with transaction.atomic():
        record_event(kept.stay, EventKind.COVERAGE_CHANGED, SYSTEM, detail={"kind": "AMC", "coverage": coverage.pk})
    deliver_owed()
    assert list(TeleserviceCall.objects.filter(cause="restored").values_list("status", flat=True)) == ["needs_referent"]
