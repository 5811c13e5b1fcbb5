"""« Sécurité » says what the installation knows of itself, and what to do."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import controls
from accounts.enums import Controlled, Role
from accounts.journal import sealing
from accounts.models import Control, JournalEntry, SecondFactor
from teleservices import retention
from tests.factories import StayFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db
PAGE = "/securite/"


@pytest.fixture
def administrator(person) -> Client:
    client = Client()
    client.user = person(Role.ADMINISTRATOR)
    client.force_login(client.user)
    return client


def told(client: Client) -> dict[str, tuple[str, str, str]]:
    return {line.subject: (line.tone, line.found, line.todo) for line in client.get(PAGE).context["lines"]}


def test_what_was_never_done_is_said_first_with_the_command_that_does_it(administrator) -> None:
    tones = [line.tone for line in administrator.get(PAGE).context["lines"]]
    assert tones == sorted(tones, key=("stop", "wait", "ok").index)
    assert told(administrator)["Sauvegarde"] == ("wait", "Jamais fait ici.", "manage.py backup, chaque nuit")


def test_a_control_that_was_done_is_well_until_it_is_too_old(administrator) -> None:
    call_command("verify_journal")
    assert told(administrator)["Journal relu en entier"][0] == "ok"
    Control.objects.update(at=timezone.now() - controls.EVERY[Controlled.JOURNAL] - timedelta(minutes=1))
    tone, found, todo = told(administrator)["Journal relu en entier"]
    assert tone == "wait" and "0\u00a0anomalie." in found and "verify_journal" in todo


def test_a_journal_that_somebody_touched_stays_red(administrator) -> None:
    administrator.get(PAGE)
    StayFactory()
    sealing.seal()
    with connection.cursor() as cursor:
        cursor.execute("alter table accounts_journalentry disable trigger append_only")
        cursor.execute("update accounts_journalentry set reason = 'autre'")
    with pytest.raises(CommandError, match="touché"):
        call_command("verify_journal")
    tone, found, _ = told(administrator)["Journal relu en entier"]
    assert tone == "stop" and "0\u00a0anomalie." not in found


def test_rotation_and_purge_leave_their_mark(administrator) -> None:
    call_command("rotate_keys")
    retention.purge(lambda _name, _count: None)
    lines = told(administrator)
    assert lines["Passage aux clés en cours"][0] == lines["Effacement de ce qui a assez duré"][0] == "ok"
    assert JournalEntry.objects.filter(object_type="accounts_control").count() == 2


def test_a_journal_that_nothing_closes_any_more_is_told(administrator) -> None:
    assert told(administrator)["Chaîne du journal"][0] == "ok"
    sealing.seal()
    JournalEntry.objects.create(kind="read", action="essai", at=timezone.now() - timedelta(minutes=11))
    assert told(administrator)["Chaîne du journal"][0] == "stop"


def test_accounts_without_a_second_factor_or_a_visit_are_counted(administrator, person, settings) -> None:
    colleague = person(Role.AGENT)
    SecondFactor.objects.create(user=colleague, secret=b"0" * 20, confirmed_at=timezone.now())
    type(colleague).objects.filter(pk=colleague.pk).update(last_login=timezone.now() - timedelta(days=91))
    settings.SECOND_FACTOR = "offered"
    lines = told(administrator)
    assert lines["Second facteur"][:2] == ("stop", "1 sur 2\u00a0personnes.")
    assert lines["Comptes sans visite depuis 90 jours"][:2] == ("wait", "1\u00a0compte.")


def test_an_opening_to_review_is_told_and_nobody_is_named(administrator) -> None:
    scene.an_opening()
    page = administrator.get(PAGE)
    assert "1\u00a0ouverture." in page.text
    assert not [name for name in scene.NAMES if name in page.text]


def test_it_costs_the_same_however_much_there_is(administrator, person) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert administrator.get(PAGE).status_code == 200
        return len(asked)

    administrator.get(PAGE)
    first = cost()
    for _ in range(5):
        scene.an_opening()
        person(Role.AGENT)
    assert cost() == first <= 20


def test_the_database_keeps_one_line_a_control_of_those_it_knows() -> None:
    controls.note(Controlled.BACKUP, sound=True, sentence="x")
    controls.note(Controlled.BACKUP, sound=False, sentence="y" * 400)
    assert Control.objects.get().sentence == "y" * 300
    with pytest.raises(IntegrityError), transaction.atomic():
        Control.objects.create(name="autre", at=timezone.now(), sound=True, sentence="")


def test_papers_of_an_outage_that_are_not_made_each_hour_are_told(administrator, tmp_path) -> None:
    assert told(administrator)["Papiers d’une panne"] == (
        "wait",
        "Jamais fait ici.",
        "manage.py downtime_kit, chaque heure",
    )
    call_command("downtime_kit", str(tmp_path / "kits"), "--plain", "--forms", "2", stdout=io.StringIO())
    tone, found, _ = told(administrator)["Papiers d’une panne"]
    assert tone == "ok" and "2\u00a0feuilles" in found
    Control.objects.update(at=timezone.now() - timedelta(hours=3, minutes=1))
    assert told(administrator)["Papiers d’une panne"][0] == "wait"
    (tmp_path / "a file").touch()
    with pytest.raises(CommandError, match="ne peut pas être écrit"):
        call_command("downtime_kit", str(tmp_path / "a file"), "--plain", stdout=io.StringIO())
    assert told(administrator)["Papiers d’une panne"][:2] == ("stop", Control.objects.get(name="kit").sentence)
