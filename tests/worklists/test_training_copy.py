"""A copy for training: every dossier is there, nobody is; what was invented agrees with itself; and it works."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from admissions.models import Patient
from billing.models import Invoice
from gap.identifiers import parse_nir
from tests import dump, hospital
from tests.processes import ROOT, database_url
from worklists.training import policy
from worklists.training.policy import Fate, Undecided

KEYS = {"TRAINING_FIELD_ENCRYPTION_KEY": "training" * 5, "TRAINING_BLIND_INDEX_KEY": "training-index" * 3}


def copy(url: str, **keys: str) -> str:
    """Run the command in a process of the hospital. Returns what it said; AssertionError when it refused."""
    environment = os.environ | {"DATABASE_URL": database_url()} | KEYS | keys
    command = [sys.executable, "manage.py", "make_training_copy", url]
    run = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def refusal(url: str, **keys: str) -> str:
    with pytest.raises(AssertionError) as refused:
        copy(url, **keys)
    said = str(refused.value)
    assert "Traceback" not in said
    return said


def in_the_copy(url: str, script: str, tmp_path) -> str:
    """What a process of the copy's own installation prints: its database, its keys."""
    environment = os.environ | {
        "DATABASE_URL": url, "FIELD_ENCRYPTION_KEY": KEYS["TRAINING_FIELD_ENCRYPTION_KEY"],
        "BLIND_INDEX_KEY": KEYS["TRAINING_BLIND_INDEX_KEY"], "DJANGO_SETTINGS_MODULE": "gap.settings",
        "GAP_VAR_DIR": str(tmp_path), "ALLOWED_HOSTS": "testserver",
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", "import django\ndjango.setup()\n" + script], cwd=ROOT, env=environment, text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


_SIGN_IN = """
from django.test import Client
from accounts.models import User
from admissions.models import Card, Coverage, Patient, Stay
from admissions.querysets import search_patients
user = User.objects.get()
assert not user.has_usable_password()
user.set_password("an invented phrase")
user.save()
desk = Client(headers={"host": "testserver"})
answer = desk.post("/connexion/", {"username": user.username, "password": "an invented phrase"})
assert answer.status_code == 302, answer.status_code
stay = Stay.objects.get()
page = desk.get(f"/sejours/{stay.iep}/")
assert page.status_code == 200 and stay.patient.birth_name in page.text
assert list(search_patients(stay.patient.nir, Patient.objects.all())) == [stay.patient]
assert stay.patient in search_patients(stay.patient.birth_name, Patient.objects.all())
assert Card.objects.get().content.startswith("carte ") and not Card.objects.get().image
amc = Coverage.objects.get(kind="AMC")
assert amc.member_number == Card.objects.get().member_number
from admissions.events import SYSTEM
from admissions.services.patients import Traits, create_patient
import datetime as dt
new = create_patient(Traits(birth_name="NOUVELLE", first_names="Venue", birth_date=dt.date(1990, 1, 1), sex="F"), SYSTEM)
print(stay.patient.nir, stay.patient.birth_date, stay.patient.sex, new.pk > stay.patient.pk)
"""


@pytest.mark.long
def test_nobody_is_in_the_copy_and_a_trainee_works_in_it(simulator, establishment, empty_database, tmp_path) -> None:
    kept = hospital.fill(establishment)
    Patient.objects.filter(pk=kept.patient.pk).update(phone="0612345678", email="jehanne@exemple.invalid")
    before = dump.pg_dump()
    said = copy(empty_database)
    assert "admissions_stay\u00a0: 1" in said and f"billing_invoice\u00a0: {Invoice.objects.count()}" in said
    assert dump.pg_dump().count(b"\n") == before.count(b"\n"), "the hospital is as it was"
    copied = dump.pg_dump(empty_database)
    original = kept.secrets | {
        "names": b"KERMADEG", "name, as searched": b"TREVIGNON", "first name": b"Jehanne", "phone": b"0612345678",
        "mail": b"jehanne@", "birth date": b"1984-05-17", "ipp": kept.patient.ipp.encode(),
        "iep": kept.stay.iep.encode(), "colleague": b"Ferrand", "login": b"agent-de-nuit",
    }  # fmt: skip
    seen = [what for what, value in original.items() if value in before]
    assert {"names", "first name", "phone", "birth date", "ipp", "iep", "login"} <= set(seen)
    assert {what: dump.lines_with(value, copied) for what, value in original.items() if value in copied} == {}
    assert b"COPY public.accounts_journalentry" in copied and not dump.rows(copied, "accounts_journalentry")
    nir, born, sex, follows = in_the_copy(empty_database, _SIGN_IN, tmp_path).split()
    assert parse_nir(nir).value == nir and nir[5:10] == "99990"
    assert (nir[1:3], nir[3:5], nir[0]) == (born[2:4], born[5:7], "1" if sex == "M" else "2")
    assert dt.date(1983, 5, 17) <= dt.date.fromisoformat(born) < dt.date(1984, 5, 17)
    assert follows == "True"
    assert "a déjà des patients" in refusal(empty_database)
    assert "ne répond pas" in refusal(database_url("nowhere"))


def test_every_column_of_every_table_is_decided() -> None:
    decided = policy.tables()
    assert len(decided) > 50
    assert all(len({column.fate is Fate.LEFT_OUT for column in columns}) == 1 for columns in decided.values())


def test_a_new_column_stops_the_copy_until_somebody_decides(monkeypatch, tmp_path) -> None:
    lines = policy._FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    shorter = tmp_path / "policy.csv"
    shorter.write_text("".join(line for line in lines if not line.startswith("admissions_patient,phone,")))
    monkeypatch.setattr(policy, "_FILE", shorter)
    with pytest.raises(Undecided, match=r"admissions_patient\.phone"):
        policy.tables()


def test_an_encrypted_column_or_a_file_is_never_kept() -> None:
    from django.db.models import FileField

    from gap.fields import EncryptedBinaryField

    kept = [
        f"{table}.{column.field.column}"
        for table, columns in policy.tables().items()
        for column in columns
        if isinstance(column.field, EncryptedBinaryField | FileField) and column.fate is Fate.KEPT
    ]
    assert not kept


@pytest.mark.parametrize(
    ("url", "keys", "said"),
    [
        ("postgres://localhost/copie", {"TRAINING_BLIND_INDEX_KEY": "ours"}, "autre que celles de cet hôpital"),
        ("postgres://localhost/copie", {"TRAINING_FIELD_ENCRYPTION_KEY": ""}, "autre que celles de cet hôpital"),
        ("own", {}, "la base de l’hôpital lui-même"),
        ("nonsense", {}, "mal formée"),
    ],
)
def test_the_keys_of_the_hospital_are_refused_and_so_is_its_own_database(
    db, monkeypatch, settings, url: str, keys: dict[str, str], said: str
) -> None:
    settings.BLIND_INDEX_KEY = "first,ours"
    for name, value in (KEYS | keys).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandError, match=said):
        call_command("make_training_copy", database_url() if url == "own" else url)
