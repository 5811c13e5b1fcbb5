"""Everything held on one person, nothing of anybody else, in a file that the passphrase alone opens."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pyrage
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts.enums import JournalKind
from accounts.models import JournalEntry
from accounts.sight import Sight
from admissions.models import Patient, Stay
from tests import hospital
from tests.processes import ROOT, database_url
from tests.worklists import scene
from worklists.models import LineMark
from worklists.person import export, policy
from worklists.person.policy import Undecided

PHRASE = "une phrase que personne ne devine"


def opened(content: bytes) -> tuple[dict, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(pyrage.passphrase.decrypt(content, PHRASE))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(files.pop("donnees.json")), files


@pytest.mark.django_db
def test_everything_of_a_person_who_lived_the_whole_chain_and_nothing_of_another(establishment, simulator) -> None:
    kept = hospital.fill(establishment)
    invoice = kept.stay.invoices.first()
    content, _ = export.sealed(kept.patient, PHRASE)
    for name, secret in kept.secrets.items():
        assert secret not in content, name
    data, files = opened(content)
    text = json.dumps(data, ensure_ascii=False)
    for mine in (kept.nir[:13], hospital.MEMBER, "Kermadeg".upper(), kept.stay.iep, invoice.number):
        assert mine in text, mine
    assert kept.second_nir[:13] not in text and "TREVIGNON" not in text.upper()
    assert kept.image in files.values()
    attempts = data["tables"]["teleservices_teleserviceattempt"]
    assert any(kept.nir[:13] in row["request_xml"] for row in attempts)
    expected = {
        "admissions_patient", "admissions_stay", "admissions_card", "admissions_coverage", "admissions_rights",
        "admissions_admissionevent", "billing_bill", "billing_invoice", "billing_invoiceline", "billing_engagement",
        "billing_exchangerecord", "teleservices_teleservicecall", "accounts_journalentry",
    }  # fmt: skip
    assert expected <= set(data["tables"])
    for column in ("nir_index", "fingerprint", "created_by_id", "read_by_id"):
        assert f'"{column}"' not in text


@pytest.mark.django_db
def test_a_note_on_a_line_of_theirs_is_theirs(establishment, referent) -> None:
    from worklists.registry import all_worklists

    stays = [scene.a_stay(), scene.a_stay()]
    sight = Sight(stays[0].establishment_id)
    slug = next(one.slug for one in all_worklists().values() if one.select(sight).model is Stay)
    for number, stay in enumerate(stays):
        LineMark.objects.create(worklist=slug, object_id=stay.pk, note=f"note {number}", marked_by=referent)
    data, _ = opened(export.sealed(stays[0].patient, PHRASE)[0])
    assert [row["note"] for row in data["tables"]["worklists_linemark"]] == ["note 0"]


def test_every_table_and_column_is_decided() -> None:
    held = {one.model for one in policy.tables()}
    leads = {
        model._meta.db_table
        for model in set(apps.get_models()) - held
        if any(field.related_model in held for field in model._meta.local_concrete_fields)
    }
    # Drawn from the names; whether a program of ours has read an event; who opened it, which the list of accesses says;
    # keys of rows that are given themselves.
    elsewhere = {
        "admissions_patientnametoken", "admissions_patientmatchkey", "admissions_eventdelivery", "admissions_brokenglass",
        "admissions_patientmove", "admissions_patientpair",
    }  # fmt: skip
    assert leads == elsewhere and Patient in held


def test_a_column_that_nobody_decided_stops_the_export(monkeypatch, tmp_path) -> None:
    lines = policy._FILE.read_text().splitlines()
    for missing in ("admissions_patient,phone,", "admissions_unit,*,"):
        short = tmp_path / "policy.csv"
        short.write_text("\n".join(line for line in lines if not line.startswith(missing)))
        monkeypatch.setattr(policy, "_FILE", short)
        with pytest.raises(Undecided):
            policy.tables()
    short.write_text("\n".join([*lines, "admissions_patient,gone,given,"]))
    with pytest.raises(Undecided):
        policy.tables()


def run(*arguments: str, phrase: str = PHRASE) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": database_url()}
    return subprocess.run(
        [sys.executable, "manage.py", "export_person", *arguments],
        cwd=ROOT, env=environment, text=True, input=phrase + "\n", capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_the_command_writes_a_file_of_its_owner_and_says_so_to_the_journal(tmp_path: Path) -> None:
    patient, target = scene.a_stay().patient, tmp_path / "dossier.zip.age"
    done = run(patient.ipp, str(target))
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600 and patient.birth_name not in done.stdout
    assert opened(target.read_bytes())[0]["tables"]["admissions_patient"][0]["birth_name"] == patient.birth_name
    entry = JournalEntry.objects.get(kind=JournalKind.EXPORT)
    assert entry.patient_id == patient.pk and entry.action == "export_person"
    with pytest.raises(CommandError, match="existe déjà"):
        call_command("export_person", patient.ipp, str(target))


@pytest.mark.django_db
@pytest.mark.parametrize(("ipp", "phrase", "said"), [("000000000", PHRASE, "IPP"), ("", "courte", "trop courte")])
def test_what_cannot_be_done_is_told_and_nothing_is_written(ipp, phrase, said, tmp_path, monkeypatch) -> None:
    target = tmp_path / "x"
    monkeypatch.setattr(sys, "stdin", io.StringIO(phrase + "\n"))
    with pytest.raises(CommandError, match=said):
        call_command("export_person", ipp or scene.a_stay().patient.ipp, str(target))
    assert not target.exists() and not JournalEntry.objects.filter(kind=JournalKind.EXPORT).exists()


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(pyrage.passphrase.encrypt(b"x", PHRASE), "une autre phrase de passe")
