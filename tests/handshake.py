"""What the tests of the test d'accrochage share: a dossier whose admission is answered, a test begun, a test that ended."""

from __future__ import annotations

import pytest
from django.utils import timezone

from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.services import stays
from teleservices import connection_record, connection_test
from teleservices.connection_test import start
from teleservices.models import ConnectionTest
from tests.chain import settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

AMC, OTHER, NOBODY = "0099000104", "0099000101", "0088000001"
ASKED = [("ANNUAIRE", "succeeded"), ("IDB", "succeeded")]


@pytest.fixture
def amc():
    return DebtorFactory(amc_number=AMC, name="Mutuelle Malakoff Humanis")


@pytest.fixture
def dossier(simulator, establishment, amc):
    """`dossier()`: a stay of someone covered by this AMC; what the admission asks by itself has been answered."""

    def make(debtor=amc, *, quiet: bool = True, **traits):
        patient = PatientFactory(**traits)
        AmoCoverageFactory(patient=patient)
        if debtor is not None:
            CoverageFactory(patient=patient, convention="RO", debtor=debtor)
        plan = stays.StayPlan(kind=StayKind.FULL, unit=UnitFactory(), planned_start_at=timezone.now())
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        if quiet:
            settle()
        return stay

    return make


def begin(stay, user=None, **options) -> ConnectionTest:
    return start(stay.establishment, user, stay.iep, **options)[0]


def ended(test: ConnectionTest) -> ConnectionTest:
    settle()
    return connection_test.with_calls(ConnectionTest.objects.filter(pk=test.pk)).get()


def calls(stay) -> list[tuple[str, str]]:
    return list(stay.calls.order_by("pk").values_list("operation", "status"))


def result(test: ConnectionTest) -> str:
    said = connection_record.result_of(test, connection_record.steps_of(test, timezone.now()))
    return f"{said.title}. {said.detail} {said.todo}".replace("\u00a0", " ")
