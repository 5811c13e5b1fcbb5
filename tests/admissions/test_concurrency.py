"""Two desks at once: the database decides, one of the two is told."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from admissions.enums import StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import EventDelivery, Patient, Stay
from admissions.services import patients, stays
from teleservices.models import TeleserviceCall
from tests.factories import AmoCoverageFactory, CoverageFactory, PatientFactory, UnitFactory
from tests.processes import run_together

pytestmark = pytest.mark.django_db(transaction=True)


def preadmitted(count: int) -> list[Stay]:
    unit, patient = UnitFactory(), PatientFactory()
    return [
        stays.preadmit(
            patient,
            unit.establishment,
            stays.StayPlan(StayKind.FULL, unit, timezone.now() - timedelta(days=2, minutes=rank)),
            SYSTEM,
        )
        for rank in range(count)
    ]


CREATE = """
import datetime as dt
from admissions.events import SYSTEM
from admissions.services.patients import Traits, create_patient
traits = Traits("Le Bihan", "Maryvonne", dt.date(1942, 1, 28), "F")
print(create_patient(traits, SYSTEM, creation_key="{key}").ipp)
"""


def test_one_form_sent_by_several_tabs_at_once_is_one_patient_and_one_ipp() -> None:
    told = run_together(CREATE.format(key=uuid4()), 4)
    patient = Patient.objects.get()
    assert {line.strip() for line in told} == {patient.ipp}
    assert patients.next_number("patient_ipp") == int(patient.ipp) + 1


# What a screen that only looks before it writes would do.
LOOK_THEN_WRITE = """
from django.utils import timezone
from admissions.models import Stay
ids = {ids}
stay = Stay.objects.get(pk=ids[rank])
free = not Stay.objects.filter(patient=stay.patient_id, status="admitted").exists()
time.sleep(0.2)
print("libre" if free else "pris")
"""

ADMIT = """
from django.utils import timezone
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.services import stays
ids = {ids}
try:
    stays.admit(ids[rank], timezone.now(), SYSTEM)
    print("admis")
except Refused as refusal:
    print("refus")
"""

DELIVER = """
from admissions.events import deliver
for event in {ids}:
    deliver(event)
"""


def test_looking_before_writing_lets_both_desks_believe_that_they_may() -> None:
    pair = preadmitted(2)
    assert run_together(LOOK_THEN_WRITE.format(ids=[stay.pk for stay in pair]), 2) == ["libre", "libre"]


def test_of_two_admissions_at_once_one_is_refused_by_the_database() -> None:
    pair = preadmitted(2)
    told = run_together(ADMIT.format(ids=[stay.pk for stay in pair]), 2)
    assert sorted(told) == ["admis", "refus"]
    assert Stay.objects.filter(status=StayStatus.ADMITTED).count() == 1


def test_an_event_delivered_by_two_workers_plans_its_calls_once() -> None:
    unit, patient = UnitFactory(), PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient)
    made = [
        stays.preadmit(
            patient,
            unit.establishment,
            stays.StayPlan(StayKind.DAY, unit, timezone.now() + timedelta(days=rank)),
            SYSTEM,
        )
        for rank in range(10)
    ]
    events = list(EventDelivery.objects.order_by("event_id").values_list("event_id", flat=True).distinct())
    run_together(DELIVER.format(ids=events), 2)
    assert not EventDelivery.objects.filter(done_at__isnull=True).exists()
    assert TeleserviceCall.objects.count() == len(made)
