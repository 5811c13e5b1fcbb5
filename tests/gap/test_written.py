"""Writes whose SQL is put together once write what Django's own would, or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import BooleanField, CharField, Model, TextField
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admissions.enums import RightsStatus
from admissions.models import Rights, Stay
from gap.written import Insert, Update, UpdateBoth, UpdateThenInsert, _to_save
from teleservices.enums import AttemptOutcome, CallStatus
from teleservices.models import TeleserviceAttempt, TeleserviceCall
from tests.factories import CoverageFactory, StayFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db
NOTE = Update(TeleserviceAttempt, "duration_ms", "response_xml", "outcome")
TAKE = UpdateThenInsert(
    Update(
        TeleserviceCall, "status", "claimed_until", "slot", "parameters", unless_changed=("status", "attempts_count")
    ),
    Insert(TeleserviceAttempt),
)


def attempt_of(call: TeleserviceCall, number: int = 1) -> TeleserviceAttempt:
    return TeleserviceAttempt(call=call, number=number, started_at=timezone.now(), request_xml=b"<Nir>invented</Nir>")


def test_an_update_writes_the_named_fields_encrypted_as_their_field_has_it_and_no_other() -> None:
    attempt = attempt_of(scene.a_call())
    attempt.save()
    changed = TeleserviceAttempt(
        pk=attempt.pk, duration_ms=12, response_xml=b"<Reponse/>", outcome=AttemptOutcome.ANSWERED, reason="unwritten"
    )
    NOTE.run(changed)
    attempt.refresh_from_db()
    assert (attempt.duration_ms, attempt.response_xml, attempt.outcome) == (12, b"<Reponse/>", "ANSWERED".lower())
    assert (attempt.number, attempt.reason, attempt.request_xml) == (1, "", b"<Nir>invented</Nir>")
    with connection.cursor() as cursor:
        cursor.execute("SELECT response_xml FROM teleservices_teleserviceattempt WHERE id = %s", [attempt.pk])
        assert b"Reponse" not in bytes(cursor.fetchone()[0])


def test_an_update_of_a_row_that_is_gone_says_so() -> None:
    with pytest.raises(TeleserviceAttempt.DoesNotExist):
        NOTE.run(TeleserviceAttempt(pk=0, outcome=AttemptOutcome.LOST))


def test_an_insert_is_the_row_that_create_makes() -> None:
    coverage, stay = CoverageFactory(), StayFactory()
    said = {"status": RightsStatus.OPEN, "code": "OK", "uncovered_families": ["OPTIQUE", "DENTAIRE"]}
    said |= {"coverage": coverage, "stay": stay, "care_date": timezone.localdate(), "answered_at": timezone.now()}
    made, expected = Insert(Rights).run(Rights(**said)), Rights.objects.create(**said)
    assert made.pk and not made._state.adding
    read = Rights.objects.get(pk=made.pk)
    for field in Rights._meta.concrete_fields:
        if not field.primary_key:
            assert getattr(read, field.attname) == getattr(Rights.objects.get(pk=expected.pk), field.attname)


def test_an_insert_sets_what_the_fields_set_on_creation_and_keeps_the_constraints() -> None:
    stay = StayFactory()
    copy = Stay.objects.get(pk=stay.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(Stay).run(copy)  # its IEP is taken
    copy.iep, copy.creation_key = "990000001", None
    copy.planned_start_at += timedelta(days=40)
    Insert(Stay).run(copy)
    assert copy.pk != stay.pk and copy.created_at > stay.created_at


def test_a_claim_and_its_trace_are_one_statement() -> None:
    call = scene.a_call(status=CallStatus.PLANNED, attempts_count=0)
    were = {"status": call.status, "attempts_count": call.attempts_count}
    call.status, call.claimed_until, call.parameters = CallStatus.CALLING, timezone.now(), {"content": "é"}
    call.slot = 1
    trace = attempt_of(call)
    with CaptureQueriesContext(connection) as queries:
        assert TAKE.run(call, were, trace)
    assert len(queries) == 1
    kept = TeleserviceCall.objects.get(pk=call.pk)
    assert (kept.status, kept.parameters) == (CallStatus.CALLING, {"content": "é"})
    assert call.attempts.get() == trace and call.attempts.get().request_xml == trace.request_xml


@pytest.mark.parametrize("change", [{"status": CallStatus.CANCELLED, "finished_at": Now()}, {"attempts_count": 1}])
def test_a_claim_of_what_has_changed_since_it_was_read_writes_nothing(change: dict[str, object]) -> None:
    call = scene.a_call(status=CallStatus.PLANNED, attempts_count=0)
    were = {"status": call.status, "attempts_count": call.attempts_count}
    TeleserviceCall.objects.filter(pk=call.pk).update(**change)
    call.status, call.claimed_until, call.slot = CallStatus.CALLING, timezone.now(), 1
    trace = attempt_of(call)
    assert not TAKE.run(call, were, trace)
    assert trace.pk is None and not call.attempts.exists()
    assert TeleserviceCall.objects.get(pk=call.pk).status != CallStatus.CALLING


def test_what_a_claim_compares_must_have_been_read() -> None:
    call = scene.a_call(status=CallStatus.PLANNED)
    with pytest.raises(KeyError):
        TAKE.run(call, {"status": call.status}, attempt_of(call))


def test_two_rows_of_two_tables_change_together() -> None:
    call = scene.a_call(status=CallStatus.CALLING, claimed_until=timezone.now())
    attempt = attempt_of(call)
    attempt.save()
    both = UpdateBoth(NOTE, Update(TeleserviceCall, "status", "finished_at"))
    attempt.outcome, call.status, call.finished_at = AttemptOutcome.ANSWERED, CallStatus.SUCCEEDED, timezone.now()
    both.run(attempt, call)
    assert call.attempts.get().outcome == AttemptOutcome.ANSWERED
    assert TeleserviceCall.objects.get(pk=call.pk).status == CallStatus.SUCCEEDED
    call.pk = 0
    with pytest.raises(TeleserviceCall.DoesNotExist):
        both.run(attempt, call)


@pytest.mark.parametrize("model", [TeleserviceCall, TeleserviceAttempt, Rights])
def test_what_is_handed_over_as_it_is_is_what_the_field_would_have_made(model: type[Model]) -> None:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    for field in fields:
        for value in (
            None,
            *({CharField: ("é",), TextField: ("é",), BooleanField: (True, False)}.get(type(field), ())),
        ):
            made = _to_save(field, value)
            assert made == field.get_db_prep_save(value, connection) and type(made) is type(value), field.name
    assert len(fields) > 5
