"""A hospital falls, and comes back from its backup: rehearsed for real, in another database, with the clock running."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.journal import sealing
from accounts.models import Control
from billing import lots
from billing.enums import InvoiceStatus
from billing.models import Invoice
from teleservices.models import MaintenanceWindow
from tests import hospital
from tests.factories import PatientFactory
from tests.processes import ROOT
from tests.worklists.test_training_copy import empty_database
from worklists.backups import manifest
from worklists.backups.manifest import DATABASE, NAME, Unusable

__all__ = ["empty_database"]


def backup(folder: Path) -> Path:
    said = io.StringIO()
    call_command("backup", str(folder), stdout=said)
    return Path(said.getvalue().strip().splitlines()[-1])


def in_the_copy(url: str, folder: Path, *command: str, **keys: str) -> subprocess.CompletedProcess[str]:
    """A process of the hospital that comes back: another database, another folder of files, the same keys."""
    environment = os.environ | {
        "DATABASE_URL": url, "GAP_VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "gap.settings",
        "ALLOWED_HOSTS": "testserver",
    } | keys  # fmt: skip
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, text=True, capture_output=True, timeout=120, check=False
    )


def restore(url: str, folder: Path, made: Path, **keys: str) -> subprocess.CompletedProcess[str]:
    return in_the_copy(url, folder, "manage.py", "restore", str(made), **keys)


_WORK = """
import django
django.setup()
import datetime as dt
from django.test import Client
from accounts.models import Session, User
from admissions.events import SYSTEM
from admissions.models import Card, Patient, Stay
from admissions.services.patients import Traits, create_patient
from billing import lots
from billing.models import ExchangeFile, Invoice, NumberSeries
assert not Session.objects.exists()
user = User.objects.get(username="agent-de-nuit")
desk = Client(headers={"host": "testserver"})
desk.force_login(user)
stay = Stay.objects.get()
page = desk.get(f"/sejours/{stay.iep}/")
assert page.status_code == 200 and "KERMADEG" in page.text
card = Card.objects.get()
with card.image.open() as image:
    assert image.read(8).startswith(b"\\x89PNG")
for file in ExchangeFile.objects.exclude(file=""):
    with file.file.open() as content:
        assert content.read()
last = Patient.objects.order_by("pk").last().ipp
new = create_patient(Traits(birth_name="APRES", first_names="Retour", birth_date=dt.date(1990, 1, 1), sex="F"), SYSTEM)
assert not Patient.objects.filter(birth_name="PERDUE").exists()
assert lots.send_lots() == 0
print(int(new.ipp) - int(last), NumberSeries.objects.get(name="lots").last)
"""


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_hospital_comes_back_whole_and_nothing_leaves_it_by_itself(
    simulator, establishment, empty_database, tmp_path, measured
) -> None:
    hospital.fill(establishment)
    sealing.seal()
    made = backup(tmp_path / "elsewhere")
    assert Control.objects.get(name="backup").sound
    # Life went on, until the server fell.
    PatientFactory(birth_name="PERDUE")
    sealing.seal()

    done = restore(empty_database, tmp_path / "back", made)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "L’hôpital est revenu entier" in done.stdout
    lost, took = re.search(r"\(RPO\)\s: (\d+) s\. .*\(RTO\)\s: ([\d.]+) s", done.stdout).groups()  # type: ignore[union-attr]
    measured("perdu au plus à la restauration, secondes", float(lost))
    measured("restauration, secondes", float(took))
    assert float(took) < 60
    worked = in_the_copy(empty_database, tmp_path / "back", "-c", _WORK)
    assert worked.returncode == 0, worked.stderr
    ahead, lot = map(int, worked.stdout.split())
    assert ahead > 1000 and lot > 1000
    journal = in_the_copy(empty_database, tmp_path / "back", "manage.py", "verify_journal")
    assert journal.returncode == 0 and "Le journal est entier" in journal.stdout
    again = restore(empty_database, tmp_path / "back", made)
    assert again.returncode == 1 and "n’est pas vide" in again.stderr


@pytest.fixture
def made(transactional_db, establishment, tmp_path) -> Path:
    return backup(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", [DATABASE, NAME, f"{NAME}.mac"])
def test_a_backup_that_somebody_touched_is_refused_before_a_byte_is_written(
    made, name, empty_database, tmp_path
) -> None:
    content = bytearray((made / name).read_bytes())
    content[len(content) // 2] ^= 1
    (made / name).write_bytes(content)
    done = restore(empty_database, tmp_path / "back", made)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search("n’est pas tel qu’il fut|a été changé|n’est pas une sauvegarde", done.stderr)
    tables = in_the_copy(
        empty_database, tmp_path, "-c",
        "import django; django.setup(); from django.db import connection; print(connection.introspection.table_names())",
    )  # fmt: skip
    assert tables.stdout.strip() == "[]"


def test_a_backup_that_lacks_a_part_or_of_other_keys_is_refused(made, empty_database, tmp_path) -> None:
    other = restore(empty_database, tmp_path / "back", made, FIELD_ENCRYPTION_KEY="another" * 6)
    assert other.returncode == 1 and "ces clés ne sont pas celles" in other.stderr
    (made / DATABASE).unlink()
    assert "Il manque database.dump" in restore(empty_database, tmp_path / "back", made).stderr
    assert "n’est pas une sauvegarde" in restore(empty_database, tmp_path / "back", tmp_path).stderr


def test_nobody_is_named_in_a_backup(made) -> None:
    for path in made.rglob("*"):
        if path.is_file():
            assert b"CH de Valmont" not in path.read_bytes()
    assert json.loads((made / NAME).read_text())["counts"]["accounts_establishment"] == 1


def test_a_backup_that_fails_leaves_no_half_of_one_and_is_told(
    transactional_db, establishment, settings, tmp_path
) -> None:
    settings.PG_BIN = str(tmp_path)
    with pytest.raises(CommandError, match="introuvable"):
        backup(tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not Control.objects.get(name="backup").sound


def test_a_full_disk_stops_the_backup_and_keeps_the_one_before(made, monkeypatch, tmp_path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("worklists.backups.making.seal", full)
    with pytest.raises(CommandError, match="La précédente reste"):
        backup(tmp_path / "elsewhere")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [made.name]
    assert shutil.disk_usage(tmp_path).free > 0


def test_an_old_manifest_is_read_under_any_key_of_the_ring(made, settings) -> None:
    settings.FIELD_ENCRYPTION_KEY = f"{'next' * 10},{settings.FIELD_ENCRYPTION_KEY}"
    assert manifest.read(made).name == made.name
    settings.FIELD_ENCRYPTION_KEY = "next" * 10
    with pytest.raises(Unusable):
        manifest.read(made)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_lots_wait_while_every_channel_does(simulator, establishment, monkeypatch) -> None:
    sent = []

    def held_then_sent() -> int:
        now = timezone.now()
        window = MaintenanceWindow.objects.create(starts_at=now, ends_at=now + timedelta(days=1))
        assert Invoice.objects.filter(status=InvoiceStatus.READY).exists()
        sent.append(lots.send_lots())
        window.delete()
        sent.append(lots.send_lots())
        return sent[-1]

    monkeypatch.setattr(hospital, "lots", SimpleNamespace(send_lots=held_then_sent))
    hospital.fill(establishment)
    assert sent == [0, 1]
