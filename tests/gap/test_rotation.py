"""A new key is put first while the hospital works: everything passes to it once, nothing is lost, the old one goes."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.journal import sealing
from accounts.journal.unit import current
from accounts.models import ApiClient, IdempotentReply, JournalEntry
from admissions.models import Card, CardReading, CardTally, Coverage, Patient, Stay
from admissions.querysets import search_patients
from debtors.models import DatamatrixAssociation
from gap.crypto import DecryptionError, current_key_id
from tests import hospital
from tests.factories import AssociationFactory, PatientFactory, StayFactory
from tests.processes import ROOT, database_url, run_together

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW, OLD_INDEX, NEW_INDEX = "old" * 12, "new" * 12, "index-old" * 4, "index-new" * 4


@pytest.fixture
def keys(settings) -> Callable[[str, str], None]:
    """Puts rings in force. It begins with the old keys alone."""

    def put(fields: str, indexes: str) -> None:
        settings.FIELD_ENCRYPTION_KEY, settings.BLIND_INDEX_KEY = fields, indexes

    put(OLD, OLD_INDEX)
    return put


def rotate(**options: object) -> str:
    said = io.StringIO()
    call_command("rotate_keys", stdout=said, **options)
    return said.getvalue()


def replies(establishment, count: int) -> None:
    client, _ = ApiClient.issue("logiciel", establishment, [])
    IdempotentReply.objects.bulk_create(
        IdempotentReply(client=client, key=f"{number}", request_digest="0" * 64, body=f"reply {number}".encode())
        for number in range(count)
    )


def tokens() -> dict[int, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("select id, body from accounts_idempotentreply order by id")
        return {pk: bytes(body) for pk, body in cursor.fetchall()}


def test_a_whole_hospital_passes_to_the_new_keys_and_the_old_ones_go(simulator, establishment, keys) -> None:
    kept = hospital.fill(establishment)
    AssociationFactory(fingerprint=Card.objects.get().fingerprint, amc_number="", convention="")
    lot = storages["exchange"].listdir("kept")[1][0]
    with storages["exchange"].open(f"kept/{lot}") as file:
        before = file.read()
    keys(f"{NEW},{OLD}", f"{NEW_INDEX},{OLD_INDEX}")
    with pytest.raises(CommandError, match="Gardez toutes les clés"):
        rotate(check=True)
    said = rotate()
    assert "admissions_card.content\u00a0: 1" in said and "retirez-les de FIELD_ENCRYPTION_KEY" in said
    rotate(check=True)
    keys(NEW, NEW_INDEX)
    assert (Card.objects.get().content, Card.objects.get().member_number) == (kept.card, hospital.MEMBER)
    assert list(search_patients(kept.nir, Patient.objects.all())) == [kept.patient]
    assert DatamatrixAssociation.objects.filter(fingerprint=Card.marks_of(kept.card)[0]).count() == 1
    with storages["exchange"].open(f"kept/{lot}") as file:
        assert file.read() == before
    assert hospital.scan_again(kept).status_code == 200 and Card.objects.count() == 1


def test_each_row_that_passes_is_in_the_journal_which_nothing_changes(establishment, keys) -> None:
    patient = PatientFactory(nir=hospital.invented_nir(702))
    before = JournalEntry.objects.count()
    sealing.seal()
    keys(f"{NEW},{OLD}", f"{NEW_INDEX},{OLD_INDEX}")
    rotate()
    entries = JournalEntry.objects.exclude(object_type="accounts_control").order_by("pk")[before:]
    assert {(one.object_type, one.object_id, *one.detail) for one in entries} == {
        ("admissions_patient", patient.pk, "nir"),
        ("admissions_patient", patient.pk, "nir_index"),
    }
    # As it stands on the screen of the journal: who, through what.
    assert {one.action for one in entries} == {f"{current().action} update"}
    sealing.seal()
    assert sealing.verify().sound


def test_without_its_key_a_value_is_refused_and_the_command_says_which(establishment, keys) -> None:
    replies(establishment, 3)
    keys(NEW, OLD_INDEX)
    with pytest.raises(DecryptionError):
        IdempotentReply.objects.first()
    with pytest.raises(CommandError, match=r"Illisible sous les clés données.: accounts_idempotentreply\.body"):
        rotate()


def test_a_patient_and_a_card_are_found_under_any_key_while_rows_pass(establishment, keys) -> None:
    before = PatientFactory(nir=hospital.invented_nir(701))
    keys(f"{NEW},{OLD}", f"{NEW_INDEX},{OLD_INDEX}")
    assert list(search_patients(before.nir, Patient.objects.all())) == [before]
    after = PatientFactory(nir=before.nir, birth_name="AUTRE")
    assert set(search_patients(before.nir, Patient.objects.all())) == {before, after}
    assert before.nir_index != after.nir_index


def test_a_card_kept_twice_under_two_keys_is_one_again(establishment, keys) -> None:
    patient = PatientFactory()
    first = _card(patient)
    coverage = Coverage.objects.create(
        patient=patient, kind="AMC", debtor=AssociationFactory().debtor, source="card", card=first,
        valid_from="2026-01-01",
    )  # fmt: skip
    twice = AssociationFactory(fingerprint=first.fingerprint, amc_number="", convention="")
    keys(f"{NEW},{OLD}", f"{NEW_INDEX},{OLD_INDEX}")
    second = _card(patient)
    again = AssociationFactory(fingerprint=second.fingerprint, amc_number="", convention="", debtor=twice.debtor)
    assert first.fingerprint != second.fingerprint
    Coverage.objects.filter(pk=coverage.pk).update(association=twice)
    DatamatrixAssociation.objects.filter(pk__in=[twice.pk, again.pk]).update(use_count=3)
    rotate()
    coverage.refresh_from_db()
    assert Card.objects.get() == second and coverage.card == second
    # One row, with what both had counted: a rejected one would keep its debtor away from this card.
    [left] = DatamatrixAssociation.objects.filter(debtor=twice.debtor)
    assert (left, left.use_count, left.status, coverage.association) == (again, 6, "validated", again)


def test_what_the_palmares_counts_of_an_unreadable_card_passes_with_it(establishment, keys) -> None:
    """Two patients hold the same card; one of them showed it again during the same stay under the new key."""
    holders = [PatientFactory(), PatientFactory()]
    cards, visits = [_card(patient) for patient in holders], [StayFactory(patient=patient) for patient in holders]
    for stay, card in zip(visits, cards, strict=True):
        _reading(stay, card.fingerprint)
    CardTally.objects.update(amount="30.00")
    assert [(one.stays, one.fingerprint) for one in CardTally.objects.all()] == [(2, cards[0].fingerprint)]
    keys(f"{NEW},{OLD}", f"{NEW_INDEX},{OLD_INDEX}")
    mark = Card.marks_of(cards[0].content)[0]
    _reading(visits[1], mark)
    rotate()
    assert [(one.stays, one.fingerprint) for one in CardTally.objects.all()] == [(2, mark)]
    assert set(CardReading.objects.values_list("stay", "fingerprint")) == {(stay.pk, mark) for stay in visits}


def _reading(stay: Stay, mark: str) -> None:
    CardReading.objects.create(
        stay=stay, establishment=stay.establishment, month="2026-11-01", fingerprint=mark, domain="MCO"
    )


def _card(patient: Patient) -> Card:
    content = "a card of nobody’s"
    return Card.objects.create(
        patient=patient, content=content, fingerprint=Card.marks_of(content)[0], recognised=False, reader="douchette"
    )


def test_killed_in_the_middle_and_run_again_it_does_the_rest_and_nothing_twice(establishment, keys, tmp_path) -> None:
    replies(establishment, 2000)
    before = tokens()
    keys(f"{NEW},{OLD}", OLD_INDEX)
    environment = os.environ | {
        "DATABASE_URL": database_url(), "FIELD_ENCRYPTION_KEY": f"{NEW},{OLD}", "BLIND_INDEX_KEY": OLD_INDEX,
        "GAP_VAR_DIR": str(tmp_path),
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "manage.py", "rotate_keys", "--batch", "20"], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        for _ in range(3):
            running.stdout.readline()
        os.kill(running.pid, signal.SIGKILL)
    middle = tokens()
    passed = [pk for pk, token in middle.items() if token.startswith(current_key_id())]
    assert 60 <= len(passed) < 2000 and len(passed) % 20 == 0
    assert all(middle[pk] == before[pk] for pk in middle if pk not in set(passed))
    rotate()
    after = tokens()
    assert all(token.startswith(current_key_id()) for token in after.values())
    assert all(after[pk] == middle[pk] for pk in passed), "what had passed is not touched again"
    keys(NEW, OLD_INDEX)
    assert [bytes(one.body) for one in IdempotentReply.objects.order_by("pk")] == [
        f"reply {number}".encode() for number in range(2000)
    ]


# One process passes the rows, slowly; the other answers requests meanwhile, and writes these same rows.
_TOGETHER = """
import random
from accounts.models import IdempotentReply
if rank == 0:
    import gap.rotation as rotation
    encrypt = rotation.encrypt
    def slowly(*given):
        time.sleep(0.004)
        return encrypt(*given)
    rotation.encrypt = slowly
    if os.environ["PROTECTED"] == "0":
        rotation._HELD = rotation.sql.SQL("")
    column = next(kind for kind in rotation.everything() if kind.name == "accounts_idempotentreply.body")
    column.rotate(40, lambda name, count: None)
    print(column.left())
else:
    keys = list(IdempotentReply.objects.values_list("pk", flat=True))
    random.Random(7).shuffle(keys)
    for pk in keys:
        IdempotentReply.objects.filter(pk=pk).update(body=f"new {pk}".encode())
        time.sleep(0.003)
"""


def test_what_is_written_while_rows_pass_is_never_lost(establishment, keys) -> None:
    lost = _lost(establishment, keys, protected="0")
    assert lost > 0, "without its protection, the race is there"
    IdempotentReply.objects.all().delete()
    assert _lost(establishment, keys, protected="1") == 0


def _lost(establishment, keys, protected: str) -> int:
    keys(OLD, OLD_INDEX)
    replies(establishment, 240)
    said = run_together(
        _TOGETHER, 2, PROTECTED=protected, FIELD_ENCRYPTION_KEY=f"{NEW},{OLD}", BLIND_INDEX_KEY=OLD_INDEX
    )
    assert said[0] == "0"
    keys(f"{NEW},{OLD}", OLD_INDEX)
    return sum(bytes(one.body or b"") != f"new {one.pk}".encode() for one in IdempotentReply.objects.all())


def test_a_file_deleted_while_files_pass_does_not_come_back(keys) -> None:
    cards = storages["cards"]
    name = cards.save("1.png", ContentFile(b"image"))
    keys(f"{NEW},{OLD}", OLD_INDEX)
    cards.delete(name)
    cards.rewrite(name)  # type: ignore[attr-defined]
    assert not cards.exists(name)


def test_a_plain_file_of_before_counts_as_to_be_passed(keys) -> None:
    cards = storages["cards"]
    Path(cards.path("")).mkdir(parents=True)
    Path(cards.path("old.png")).write_bytes(content := random.Random(3).randbytes(200_000))
    with pytest.raises(CommandError):
        rotate(check=True)
    rotate()
    assert content[:40] not in Path(cards.path("old.png")).read_bytes()
    with cards.open("old.png") as file:
        assert file.read() == content
