"""An import that fails for a reason of ours: tried some times, later each time, then stopped, told, and started again by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.enums import Role
from debtors.enums import ImportKind, ImportState
from debtors.imports import runs
from debtors.models import MOST_TRIES, DatamatrixAssociation, Debtor, FileImport, ImportVote
from gap import incidents
from tests.factories import DebtorFactory
from tests.processes import ROOT, database_url

pytestmark = pytest.mark.django_db

LINES = "n° AMC;convention;code débiteur\n" + "\n".join(f"{n};RO;AMC1" for n in range(1, 6))


@pytest.fixture
def loire() -> Debtor:
    return DebtorFactory(code="AMC1", name="Alliance Loire Santé", amc_number="0099000104")


@pytest.fixture(autouse=True)
def somebody_is_told(settings, tmp_path, monkeypatch) -> None:
    settings.ADMINS = [("", "dsi@hopital.example")]
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(incidents, "_here", set())


def given() -> FileImport:
    return runs.give(ImportKind.HISTORY, "cartes.csv", LINES.encode(), None)


def without_its_file() -> FileImport:
    """The storage no longer has what the row says."""
    row = given()
    row.file.storage.delete(row.file.name)
    return row


def its_hour_comes(row: FileImport) -> None:
    FileImport.objects.filter(pk=row.pk, not_before__isnull=False).update(not_before=timezone.now())


def tried(row: FileImport, times: int = MOST_TRIES) -> FileImport:
    for _ in range(times):
        runs.run(row.pk)
        its_hour_comes(row)
    row.refresh_from_db()
    return row


def test_what_fails_is_tried_later_each_time_then_stopped_and_told(loire, caplog, signed_in) -> None:
    row = without_its_file()
    waits = []
    for _ in range(MOST_TRIES - 1):
        runs.run(row.pk)
        row.refresh_from_db()
        waits.append(round((row.not_before - timezone.now()) / timedelta(minutes=1)))
        runs.run(row.pk)
        assert FileImport.objects.get(pk=row.pk).tries == len(waits), "not before its hour"
        its_hour_comes(row)
    assert (row.state, waits) == (ImportState.WAITING, [1, 5, 15, 60])
    client = signed_in(Role.REFERENT)
    assert "essai 4 sur 5" in client.get(f"/debiteurs/imports/{row.pk}/").text
    tried(row, 1)
    assert (row.state, row.resumes) == (ImportState.STOPPED, ImportState.WAITING)
    assert row.cause.startswith("FileNotFoundError") and str(row.file) not in row.cause
    assert "import_stopped" in caplog.text and "99000104" not in caplog.text
    assert "import" in incidents.current()
    page = client.get(f"/debiteurs/imports/{row.pk}/").text
    for said in ("incident de notre côté", "est gardé, chiffré", "Relancer", "Abandonner", "FileNotFoundError"):
        assert said in page
    assert row.name in client.get("/listes/imports-arretes/").text
    administrator = signed_in(Role.ADMINISTRATOR)
    listed = administrator.get("/listes/imports-arretes/").text
    assert row.name in listed and "FileNotFoundError" in listed and "Relancer" not in listed
    assert f"/debiteurs/imports/{row.pk}/" not in listed, "its page is a référent's"


def test_a_stopped_reading_is_started_again_by_hand_where_it_was(loire, signed_in) -> None:
    row = given()
    content = row.file.read()
    row.file.storage.delete(row.file.name)
    tried(row)
    row.file.storage.save(row.file.name, ContentFile(content))
    client = signed_in(Role.REFERENT)
    client.post(f"/debiteurs/imports/{row.pk}/relancer/")
    row.refresh_from_db()
    assert (row.state, row.tries, row.cause, row.problem) == (ImportState.WAITING, 0, "", "")
    assert "import" not in incidents.current()
    runs.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.votes.count()) == (ImportState.READY, 5)
    late = client.post(f"/debiteurs/imports/{row.pk}/relancer/", follow=True)
    assert "rien n’a changé" in late.text


def test_a_stopped_reading_may_be_dropped_and_given_again(loire) -> None:
    row = tried(without_its_file())
    with pytest.raises(runs.ImportRefused, match="déjà là"):
        given()
    runs.drop(row.pk)
    assert "import" not in incidents.current()
    assert given().pk != row.pk


def refuses(table: str, condition: str) -> None:
    """From now on PostgreSQL takes no such row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "create function refuse_it() returns trigger language plpgsql as $$ begin "
            f"if {condition} then raise exception 'no %%', new; end if; return new; end $$".replace("%%", "%")
        )
        cursor.execute(f"create trigger refuse_it before insert on {table} for each row execute function refuse_it()")


def test_a_row_that_the_database_refuses_stops_the_application_and_keeps_what_was_taken(loire, monkeypatch) -> None:
    row = given()
    runs.run(row.pk)
    monkeypatch.setattr("debtors.imports.history._AT_ONCE", 2)
    runs.start(row.pk)
    poisoned = row.votes.order_by("pk")[2]
    refuses("debtors_datamatrixassociation", f"new.amc_number = '{poisoned.amc_number}'")
    row = tried(row)
    assert (row.state, row.resumes, row.applied_count) == (ImportState.STOPPED, ImportState.APPLYING, 2)
    assert "P0001" in row.cause and poisoned.amc_number not in row.cause
    assert DatamatrixAssociation.objects.count() == 2, "what was taken stays"
    with pytest.raises(runs.ImportRefused, match="ne s’abandonne plus"):
        runs.drop(row.pk)
    with connection.cursor() as cursor:
        cursor.execute("drop trigger refuse_it on debtors_datamatrixassociation")
    runs.restart(row.pk)
    runs.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.applied_count, DatamatrixAssociation.objects.count()) == (ImportState.DONE, 5, 5)


_KILLED = """
import os, signal, sys
import django
django.setup()
from debtors.imports import runs
# Out of memory, in the middle of its work.
runs._work = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
runs.run(int(sys.argv[1]))
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_at_each_try_counts_too(loire) -> None:
    row = given()
    for last in (1, MOST_TRIES):
        FileImport.objects.filter(pk=row.pk).update(tries=last - 1, working_until=None, not_before=None)
        child = subprocess.run(
            [sys.executable, "-c", _KILLED, str(row.pk)], cwd=ROOT, env=os.environ | {"DATABASE_URL": database_url()},
            check=False,
        )  # fmt: skip
        assert child.returncode == -signal.SIGKILL
        row.refresh_from_db()
        assert (row.state, row.tries) == (ImportState.WAITING, last)
    FileImport.objects.filter(pk=row.pk).update(working_until=timezone.now())
    runs.sweep()
    row.refresh_from_db()
    assert (row.state, row.resumes) == (ImportState.STOPPED, ImportState.WAITING)
    assert "travailleur arrêté" in row.cause


def test_the_database_holds_the_count_and_what_a_stopped_import_resumes(loire) -> None:
    row = given()
    for wrong in ({"tries": MOST_TRIES + 1}, {"state": ImportState.STOPPED}, {"resumes": ImportState.WAITING}):
        with pytest.raises(IntegrityError), transaction.atomic():
            FileImport.objects.filter(pk=row.pk).update(**wrong)


def test_who_keeps_the_machine_gets_one_mail(loire) -> None:
    tried(without_its_file())
    runs.tell_of_stopped()
    end = time.monotonic() + 5
    while not mail.outbox and time.monotonic() < end:
        time.sleep(0.01)
    assert ["import" in one.subject for one in mail.outbox] == [True]


def test_the_command_says_that_a_fault_interrupted_it(loire, tmp_path) -> None:
    file = tmp_path / "cartes.csv"
    file.write_text(LINES)
    refuses("debtors_importvote", "true")
    with pytest.raises(CommandError, match="P0001"):
        call_command("import_history", str(file))
    assert not ImportVote.objects.exists()
