"""What has been kept long enough is erased, alone, once; what must be kept is."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from accounts.models import ApiClient, IdempotentReply, Session
from admissions.models import Card
from billing.enums import FileStatus
from billing.models import ExchangeFile
from teleservices import retention
from teleservices.enums import CallStatus, Kept
from teleservices.models import RefusedCertificate, RetentionRule, TeleserviceAttempt
from tests.factories import PatientFactory
from tests.processes import ROOT, database_url
from tests.worklists.scene import a_call, a_file, ago

pytestmark = pytest.mark.django_db


def purge(*options: str) -> str:
    said = io.StringIO()
    call_command("purge", *options, stdout=said)
    return said.getvalue()


def an_attempt(days: int, *, status: str = CallStatus.SUCCEEDED, number: int = 1, **fields) -> TeleserviceAttempt:
    finished = {"finished_at": ago(days=days)} if status in retention._SETTLED else {}
    call = a_call(status=status, attempts_count=1, **finished, **fields)
    return TeleserviceAttempt.objects.create(
        call=call, number=number, started_at=ago(days=days), outcome="answered", duration_ms=7,
        request_xml=b"<question/>", response_xml=b"<answer/>",
    )  # fmt: skip


def has_messages(attempt: TeleserviceAttempt) -> bool:
    attempt.refresh_from_db()
    return attempt.request_xml is not None or attempt.response_xml is not None


def test_every_kind_of_data_has_its_rule_its_source_and_somebody_who_erases_it() -> None:
    rules = RetentionRule.objects.filter(valid_until__isnull=True)
    assert {rule.name for rule in rules} == set(Kept.values) == set(retention._PURGES)
    assert all(rule.source and rule.counted_from for rule in rules)


def test_messages_go_after_five_years_and_the_ledger_stays() -> None:
    old, recent = an_attempt(1830), an_attempt(1820)
    purge()
    assert not has_messages(old) and has_messages(recent)
    assert (old.outcome, old.duration_ms, old.call.status) == ("answered", 7, CallStatus.SUCCEEDED)


def test_a_message_that_may_have_to_be_sent_again_is_kept_whatever_its_age() -> None:
    unknown = an_attempt(4000, status=CallStatus.UNKNOWN, in_doubt=True)
    doubtful = an_attempt(4000, status=CallStatus.REFUSED, in_doubt=True)
    purge()
    assert has_messages(unknown) and has_messages(doubtful)


def test_a_rule_that_changes_applies_from_its_day() -> None:
    attempt = an_attempt(800)
    rule = RetentionRule.objects.get(name=Kept.CALL_MESSAGES)
    tomorrow = timezone.localdate() + timedelta(days=1)
    rule.valid_until = timezone.localdate()
    rule.save()
    RetentionRule.objects.create(
        name=rule.name, days=730, counted_from=rule.counted_from, source=rule.source, valid_from=tomorrow
    )
    purge()
    assert has_messages(attempt)
    assert retention.due(timezone.now())[Kept.CALL_MESSAGES] == 0
    RetentionRule.objects.filter(days=730).update(valid_from=timezone.localdate())
    RetentionRule.objects.filter(pk=rule.pk).update(valid_until=timezone.localdate() - timedelta(days=1))
    purge()
    assert not has_messages(attempt)


@pytest.mark.parametrize(("name", "days"), [(Kept.EXCHANGE_FILES, 3000), (Kept.CALL_MESSAGES, 0)])
def test_the_database_refuses_a_rule_that_would_erase_proofs(name: str, days: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RetentionRule.objects.filter(name=name).update(days=days)


def test_the_file_of_an_old_lot_goes_and_its_line_is_still_shown(signed_in, django_capture_on_commit_callbacks) -> None:
    old, prepared, recent = (
        a_file(status=status) for status in (FileStatus.ACKNOWLEDGED, FileStatus.PREPARED, "acknowledged")
    )
    ExchangeFile.objects.filter(pk__in=[old.pk, prepared.pk]).update(created_at=ago(days=3700))
    names = {one: str(one.file.name) for one in (old, prepared, recent)}
    with django_capture_on_commit_callbacks(execute=True):
        purge()
    there = {one.pk: storages["exchange"].exists(name) for one, name in names.items()}
    assert there == {old.pk: False, prepared.pk: True, recent.pk: True}
    accountant = signed_in(Role.BILLING)
    assert accountant.get(reverse("billing:exchange", args=[old.pk])).status_code == 200
    assert accountant.get(reverse("billing:exchange-download", args=[old.pk])).status_code == 404


def test_the_image_of_a_card_goes_and_its_content_stays(django_capture_on_commit_callbacks) -> None:
    cards = [
        Card.objects.create(patient=PatientFactory(), content="x", fingerprint=mark, recognised=False, reader="image")
        for mark in ("a", "b")
    ]
    for card in cards:
        card.image.save(f"{card.pk}.png", ContentFile(b"image"))
    Card.objects.filter(pk=cards[0].pk).update(read_at=ago(days=400))
    with django_capture_on_commit_callbacks(execute=True):
        purge()
    assert [bool(card.image) for card in Card.objects.order_by("pk")] == [False, True]
    assert len(list(storages["cards"].walk())) == 1  # type: ignore[attr-defined]
    assert Card.objects.get(pk=cards[0].pk).content == "x"


def test_replies_sessions_and_refused_certificates_go(establishment) -> None:
    client, _ = ApiClient.issue("logiciel", establishment, [])
    for key, age in (("old", 2), ("new", 0)):
        reply = IdempotentReply.objects.create(client=client, key=key, request_digest="0" * 64, body=b"x")
        IdempotentReply.objects.filter(pk=reply.pk).update(created_at=ago(days=age))
        Session.objects.create(session_key=key, session_data="", expire_date=ago(days=age) + timedelta(hours=1))
        a_refused(key, age * 200)
    assert retention.due()[Kept.SESSIONS] == 1
    purge()
    assert [one.key for one in IdempotentReply.objects.all()] == ["new"]
    assert [one.session_key for one in Session.objects.all()] == ["new"]
    assert [one.server for one in RefusedCertificate.objects.all()] == ["new"]


def a_refused(server: str, days: int) -> None:
    seen = ago(days=days)
    RefusedCertificate.objects.create(
        server=server, fingerprint=server, problem="expired", channel="annuaire", first_seen_at=seen, last_seen_at=seen,
        not_before=ago(days=900), not_after=ago(days=1),
    )  # fmt: skip


def test_a_dry_run_counts_and_erases_nothing() -> None:
    attempt = an_attempt(1900)
    assert "messages des appels\u00a0: 1 à effacer" in purge("--dry-run")
    assert has_messages(attempt)


def test_a_turn_of_the_task_stops_and_asks_for_another(monkeypatch) -> None:
    monkeypatch.setattr(retention, "_TURN", 2)
    attempt = an_attempt(1900)
    TeleserviceAttempt.objects.bulk_create(
        TeleserviceAttempt(call=attempt.call, number=number, started_at=ago(days=1900), request_xml=b"x")
        for number in (2, 3)
    )
    assert retention.turn()
    assert TeleserviceAttempt.objects.filter(request_xml__isnull=False).count() == 1
    assert not retention.turn()
    assert not TeleserviceAttempt.objects.filter(request_xml__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_run_again_it_erases_the_rest_and_nothing_more(tmp_path) -> None:
    attempt = an_attempt(1900)
    TeleserviceAttempt.objects.bulk_create(
        TeleserviceAttempt(
            call=attempt.call, number=number, started_at=ago(days=1900 if number % 2 else 3), request_xml=b"x"
        )
        for number in range(2, 1202)
    )
    environment = os.environ | {"DATABASE_URL": database_url(), "GAP_VAR_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "purge", "--batch", "5"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for _ in range(3):
            running.stdout.readline()
        os.kill(running.pid, signal.SIGKILL)
    kept = TeleserviceAttempt.objects.filter(request_xml__isnull=False)
    left = kept.count()
    assert 600 < left <= 1201 - 15, "it was killed in the middle"
    purge()
    assert kept.count() == 600 and not kept.filter(started_at__lt=ago(days=1000)).exists()
    assert TeleserviceAttempt.objects.count() == 1201


def test_a_session_that_was_purged_asks_to_sign_in_again(agent) -> None:
    desk = Client()
    desk.force_login(agent)
    Session.objects.update(expire_date=ago(hours=1))
    purge()
    assert Session.objects.count() == 0
    assert desk.get(reverse("worklists:home")).status_code == 302
