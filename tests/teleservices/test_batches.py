"""Batches of national questions: fed a few at a time, paused, resumed, nobody asked twice."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.enums import IdentityStatus, InsOutcome, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, AmoAnswer, Patient, Stay
from admissions.services import stays
from admissions.services.patients import Traits, create_patient
from teleservices import batches, client
from teleservices.enums import BatchKind, BatchState, CallStatus, Lane, LineState
from teleservices.messages import Operation
from teleservices.models import CallLimit, NationalBatch, TeleserviceCall
from tests.chain import settle
from tests.factories import FundFactory, StayFactory, UnitFactory, known_as
from tests.teleservices.test_cdri import nir_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def national(simulator, settings):
    settings.CDRI = {"url": simulator.cdri_url}
    settings.INSI = {"url": simulator.insi_url, "authorisation": "ESSAI", "production": False}
    client.forget()
    FundFactory()
    yield simulator
    client.forget()


def people(establishment, count: int, **stay) -> list[Stay]:
    """Stays of as many patients, as they stand: no event has asked anything of them."""
    unit = UnitFactory(establishment=establishment)
    made = []
    for number in range(count):
        traits = Traits(
            f"PATIENT{chr(65 + number // 26)}{chr(65 + number % 26)}", "Hélène", dt.date(1984, 5, 17), "F",
            nir=nir_of("99990", number + 1),
        )  # fmt: skip
        made.append(StayFactory(patient=create_patient(traits, SYSTEM), unit=unit, kind=StayKind.EXTERNAL, **stay))
    return made


def carried(batch: NationalBatch) -> dict[str, int]:
    """Feed it and carry its calls until nothing moves."""
    for _ in range(20):
        before = batches.figures(batch)
        batches.sweep()
        settle()
        if batches.figures(batch) == before:
            break
    batch.refresh_from_db()
    return batches.figures(batch)


def asked() -> int:
    return TeleserviceCall.objects.filter(operation=Operation.CDRI).count()


def test_a_batch_of_the_day_asks_of_each_once_in_the_name_of_its_agent(national, establishment, referent) -> None:
    made = people(establishment, 5)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    figures = carried(batch)
    assert (figures[LineState.ANSWERED], batch.state, batch.total) == (5, BatchState.DONE, 5)
    assert AmoAnswer.objects.count() == 5
    call = TeleserviceCall.objects.filter(operation=Operation.CDRI).first()
    assert (call.lane, call.event.created_by) == (Lane.BATCH, referent)
    sent = bytes(call.attempts.get().request_xml)
    assert b"UNITAIRE" in sent and referent.get_username().encode() in sent
    again = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    figures = carried(again)
    # Their answers still hold: nobody is asked twice.
    assert (figures[LineState.SPARED], again.state, asked()) == (5, BatchState.DONE, 5)
    assert AdmissionEvent.objects.filter(stay=made[0], kind="rights_verified").count() == 1


def test_the_night_has_one_batch_a_kind_and_names_nobody(national, establishment) -> None:
    people(establishment, 2, planned_start_at=timezone.now() + dt.timedelta(days=5))
    night = timezone.localdate()
    made = batches.start_by_night(night)
    assert sorted(batch.kind for batch in made if batch.establishment == establishment) == ["ins", "rights"]
    assert batches.start_by_night(night) == []
    rights = next(batch for batch in made if batch.kind == BatchKind.RIGHTS and batch.establishment == establishment)
    assert carried(rights)[LineState.ANSWERED] == 2
    call = TeleserviceCall.objects.filter(operation=Operation.CDRI).first()
    assert b"LOT" in bytes(call.attempts.get().request_xml)
    assert batches.start_by_night(night) == []


def test_a_batch_paused_asks_no_more_and_resumed_goes_on_from_there(
    national, establishment, referent, monkeypatch
) -> None:
    monkeypatch.setattr(batches, "OPEN_AT_ONCE", 2)
    people(establishment, 5)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches.feed(batch.pk)
    assert asked() == 2
    batches.pause(batch.pk)
    settle()
    batches.sweep()
    # What had left is answered, and serves at once.
    assert (batches.figures(batch)[LineState.ANSWERED], AmoAnswer.objects.count(), asked()) == (2, 2, 2)
    batches.resume(batch.pk)
    assert carried(batch)[LineState.ANSWERED] == 5
    assert asked() == 5


def test_a_batch_stopped_is_over_and_another_may_start(national, establishment, referent) -> None:
    people(establishment, 3)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    with pytest.raises(Refused, match="déjà en cours"):
        batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches.stop(batch.pk)
    with pytest.raises(Refused, match="terminé"):
        batches.resume(batch.pk)
    batches.sweep()
    assert asked() == 0
    assert batches.start_by_day(establishment, BatchKind.RIGHTS, referent).live


def test_only_stays_that_matter_and_so_many_are_listed(national, establishment, referent) -> None:
    soon = people(establishment, 3)
    Stay.objects.filter(pk=soon[0].pk).update(planned_start_at=timezone.now() + dt.timedelta(days=30))
    Stay.objects.filter(pk=soon[1].pk).update(status=StayStatus.CANCELLED)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    assert (carried(batch)[LineState.ANSWERED], batch.total) == (1, 1)
    CallLimit.objects.filter(name="batch_day_lines").update(value=1)
    people(establishment, 0)
    bounded = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    Stay.objects.filter(pk=soon[0].pk).update(planned_start_at=timezone.now())
    carried(bounded)
    assert bounded.total == 1


def test_two_stays_of_one_patient_are_asked_of_once(national, establishment, referent) -> None:
    (stay,) = people(establishment, 1)
    StayFactory(
        patient=stay.patient, unit=stay.unit, kind=StayKind.EXTERNAL, planned_start_at=timezone.now() + dt.timedelta(1)
    )
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    figures = carried(batch)
    assert (figures[LineState.ANSWERED], figures[LineState.SPARED], asked()) == (1, 1, 1)


def test_who_may_not_be_asked_about_is_spared_and_who_fails_is_told(national, establishment, referent) -> None:
    secret, nameless, odd = people(establishment, 3)
    Patient.objects.filter(pk=secret.patient_id).update(protection="secret")
    Patient.objects.filter(pk=nameless.patient_id).update(nir=None, nir_index=None)
    Patient.objects.filter(pk=odd.patient_id).update(nir=nir_of("99828"))
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    carried(batch)
    causes = dict(batch.lines.values_list("stay_id", "cause"))
    assert causes == {secret.pk: "kept_secret", nameless.pk: "nir_unknown", odd.pk: "ZZ99"}
    assert batch.state == BatchState.DONE


def test_a_call_that_is_cancelled_with_its_stay_leaves_no_line_behind(national, establishment, referent) -> None:
    (stay,) = people(establishment, 1)
    batch = batches.start_by_day(establishment, BatchKind.RIGHTS, referent)
    batches.feed(batch.pk)
    stays.cancel(stay.pk, "ne vient plus", SYSTEM)
    settle()
    assert carried(batch)[LineState.SPARED] == 1
    assert batch.state == BatchState.DONE


def test_a_matricule_is_verified_after_its_time_and_what_is_refuted_falls_back(national, establishment) -> None:
    kept, lost, recent = (stay.patient for stay in people(establishment, 3))
    for patient, name in ((kept, "MORVAN"), (lost, "PERDU"), (recent, "RECENT")):
        Patient.objects.filter(pk=patient.pk).update(birth_name=name)
        patient.refresh_from_db()
    known_as(IdentityStatus.QUALIFIED, kept, lost, recent)
    old = timezone.now() - dt.timedelta(days=4 * 365)
    Patient.objects.filter(pk__in=[kept.pk, lost.pk]).update(ins_answered_at=old)
    batch = next(one for one in batches.start_by_night(timezone.localdate()) if one.kind == BatchKind.INS)
    assert carried(batch)[LineState.ANSWERED] == 2
    for patient in (kept, lost, recent):
        patient.refresh_from_db()
    assert (kept.identity_status, kept.ins_answered_at > old) == (IdentityStatus.QUALIFIED, True)
    assert (lost.identity_status, lost.ins, lost.ins_outcome) == (IdentityStatus.VALIDATED, None, InsOutcome.REFUTED)
    assert lost.ins_records.get().ended_for == "refuted"
    assert not TeleserviceCall.objects.filter(stay__patient=recent, operation=Operation.INSV).exists()


def test_a_matricule_is_verified_by_itself_when_its_patient_comes_again_after_years(national, establishment) -> None:
    patient = people(establishment, 1)[0].patient
    known_as(IdentityStatus.QUALIFIED, patient)
    Patient.objects.filter(pk=patient.pk).update(ins_answered_at=timezone.now() - dt.timedelta(days=4 * 365))
    plan = stays.StayPlan(
        kind=StayKind.EXTERNAL,
        unit=UnitFactory(establishment=establishment),
        planned_start_at=timezone.now() + dt.timedelta(hours=2),
    )
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    settle()
    call = TeleserviceCall.objects.get(operation=Operation.INSV)
    assert (call.status, call.channel, call.return_code) == (CallStatus.SUCCEEDED, "insi", "00")
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    settle()
    assert TeleserviceCall.objects.filter(operation=Operation.INSV).count() == 1


def test_the_database_keeps_one_live_batch_a_kind_and_a_reason_for_each(establishment, referent) -> None:
    def made(**values):
        given = {"establishment": establishment, "kind": "rights", "until": timezone.localdate(), "most": 10}
        with transaction.atomic():
            return NationalBatch.objects.create(**(given | values))

    made(asked_by=referent)
    with pytest.raises(IntegrityError, match="one_live_batch_a_kind"):
        made(asked_by=referent)
    with pytest.raises(IntegrityError, match="a_batch_is_of_a_person_or_of_a_night"):
        made(kind="ins")
    with pytest.raises(IntegrityError, match="an_ended_batch_says_when"):
        made(kind="ins", asked_by=referent, state="done")
