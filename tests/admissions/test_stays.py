"""The life of a stay: what is allowed, what the database forbids, what is told."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from admissions.enums import DischargeMode, EventKind, RequestCode, StayKind, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, EventDelivery, Stay
from admissions.services import stays
from tests.factories import PatientFactory, StayFactory, UnitFactory

pytestmark = pytest.mark.django_db


def now():
    return timezone.now().replace(microsecond=0)


def preadmit(patient=None, *, kind=StayKind.FULL, days=-3, unit=None, **options) -> Stay:
    unit = unit or UnitFactory()
    at = now() + timedelta(days=days)
    plan = stays.StayPlan(kind=kind, unit=unit, planned_start_at=at)
    return stays.preadmit(patient or PatientFactory(), unit.establishment, plan, SYSTEM, **options)


def admitted(patient=None, **options) -> Stay:
    stay = preadmit(patient, **options)
    return stays.admit(stay.pk, stay.planned_start_at, SYSTEM)


def test_each_verb_writes_its_event_for_each_consumer() -> None:
    stay = admitted()
    stays.discharge(stay.pk, now(), DischargeMode.HOME, SYSTEM)
    kinds = list(AdmissionEvent.objects.filter(stay=stay).order_by("pk").values_list("kind", flat=True))
    assert kinds == [EventKind.STAY_PREADMITTED, EventKind.STAY_ADMITTED, EventKind.STAY_DISCHARGED]
    assert EventDelivery.objects.filter(event__stay=stay).count() == 6
    # No program asked to be told: nothing is owed to any.
    assert set(EventDelivery.objects.values_list("consumer", flat=True)) == {"teleservices", "billing"}


def test_an_iep_carries_the_year_and_is_never_given_twice() -> None:
    ieps = {preadmit(days=day).iep for day in range(3)}
    assert len(ieps) == 3 and all(iep.startswith(f"{timezone.localdate():%y}") for iep in ieps)


def test_the_same_click_twice_plans_one_stay_and_one_event() -> None:
    key, patient = uuid4(), PatientFactory()
    one = preadmit(patient, creation_key=key)
    two = preadmit(patient, creation_key=key)
    assert one == two and AdmissionEvent.objects.count() == 1


def test_two_full_stays_of_a_patient_never_overlap() -> None:
    stay = admitted()
    other = preadmit(stay.patient, days=-1)
    with pytest.raises(Refused, match="déjà une hospitalisation"):
        stays.admit(other.pk, now(), SYSTEM)
    other.refresh_from_db()
    assert other.status == StayStatus.PREADMITTED
    assert not other.movements.exists()


def test_the_database_itself_refuses_two_overlapping_full_stays() -> None:
    stay = admitted()
    with pytest.raises(IntegrityError), transaction.atomic():
        StayFactory(patient=stay.patient, status=StayStatus.ADMITTED, started_at=now(), unit=stay.unit)


def test_a_stay_may_begin_the_instant_another_ends_and_care_without_a_bed_may_overlap() -> None:
    stay = admitted()
    end = now() - timedelta(hours=2)
    stays.discharge(stay.pk, end, DischargeMode.HOME, SYSTEM)
    following = preadmit(stay.patient, days=0)
    assert stays.admit(following.pk, end, SYSTEM).status == StayStatus.ADMITTED
    visit = preadmit(stay.patient, kind=StayKind.EXTERNAL, days=-1)
    assert stays.admit(visit.pk, visit.planned_start_at, SYSTEM).status == StayStatus.ADMITTED


def test_admitting_twice_or_leaving_twice_changes_nothing() -> None:
    stay = admitted()
    stays.admit(stay.pk, now(), SYSTEM)
    stays.discharge(stay.pk, now(), DischargeMode.HOME, SYSTEM)
    stays.discharge(stay.pk, now(), DischargeMode.TRANSFER, SYSTEM)
    stay.refresh_from_db()
    assert stay.discharge_mode == DischargeMode.HOME
    assert AdmissionEvent.objects.filter(stay=stay).count() == 3
    assert stay.movements.count() == 1


def test_a_patient_does_not_leave_before_arriving() -> None:
    stay = admitted()
    with pytest.raises(Refused, match="précède l’entrée") as refusal:
        stays.discharge(stay.pk, stay.started_at - timedelta(hours=1), DischargeMode.HOME, SYSTEM)
    assert refusal.value.field == "ended_at"
    stay.refresh_from_db()
    assert stay.status == StayStatus.ADMITTED


def test_nobody_is_admitted_tomorrow() -> None:
    stay = preadmit(days=1)
    with pytest.raises(Refused, match="futur"):
        stays.admit(stay.pk, now() + timedelta(days=1), SYSTEM)


def test_a_movement_closes_the_one_before_and_the_same_one_twice_is_one() -> None:
    stay = admitted()
    surgery = UnitFactory(code="4210", name="Orthopédie", tariff_code="12")
    at = now() - timedelta(days=1)
    first = stays.move(stay.pk, surgery, at, SYSTEM, room="214", bed="B")
    again = stays.move(stay.pk, surgery, now(), SYSTEM, room="214", bed="B")
    assert first == again
    assert [movement.ended_at for movement in stay.movements.all()] == [at, None]
    with pytest.raises(Refused, match="précède"):
        stays.move(stay.pk, stay.unit, at - timedelta(hours=1), SYSTEM)


def test_what_is_asked_ends_with_the_stay() -> None:
    stay = admitted()
    today = timezone.localdate()
    request = stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, today - timedelta(days=1), SYSTEM)
    assert stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, today, SYSTEM) == request
    stays.discharge(stay.pk, now(), DischargeMode.HOME, SYSTEM)
    request.refresh_from_db()
    assert request.ends_on == today
    with pytest.raises(Refused):
        stays.add_request(stay.pk, RequestCode.COMPANION_MEAL, today, SYSTEM)


def test_the_second_person_who_saves_is_told() -> None:
    stay = preadmit()
    plan = stays.StayPlan(kind=StayKind.DAY, unit=stay.unit, planned_start_at=stay.planned_start_at)
    stays.change_plan(stay.pk, plan, SYSTEM, version=0)
    with pytest.raises(Conflict, match="quelqu’un d’autre"):
        stays.change_plan(stay.pk, plan, SYSTEM, version=0)


def test_a_stay_is_cancelled_with_a_reason_and_only_before_the_exit() -> None:
    stay = preadmit()
    with pytest.raises(Refused, match="motif"):
        stays.cancel(stay.pk, " ", SYSTEM)
    assert stays.cancel(stay.pk, "reporté", SYSTEM).status == StayStatus.CANCELLED
    gone = admitted()
    stays.discharge(gone.pk, now(), DischargeMode.HOME, SYSTEM)
    with pytest.raises(Refused, match="ne s’annule pas"):
        stays.cancel(gone.pk, "erreur", SYSTEM)
