"""The main job through the engine, against the real simulator: each step follows from the one before, by itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from admissions.enums import DischargeMode, RequestCode, RightsStatus, StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import stays
from billing.enums import EngagementStatus, InvoiceStatus, Payer
from teleservices.enums import CallStatus
from teleservices.models import TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import AmoCoverageFactory, CoverageFactory, DebtorFactory, PatientFactory, UnitFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(simulator):
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number="0099000104"))
    return patient


def preadmit(patient, kind=StayKind.FULL, days_ago=3, **plan) -> Stay:
    unit = UnitFactory()
    at = timezone.now().replace(microsecond=0) - timedelta(days=days_ago)
    return stays.preadmit(
        patient, unit.establishment, stays.StayPlan(kind=kind, unit=unit, planned_start_at=at, **plan), SYSTEM
    )


def calls(stay: Stay) -> list[tuple[str, str]]:
    return list(TeleserviceCall.objects.filter(stay=stay).order_by("pk").values_list("operation", "status"))


def test_a_preadmission_asks_the_directory_then_the_rights(patient) -> None:
    stay = preadmit(patient)
    settle()
    assert calls(stay) == [("ANNUAIRE", "succeeded"), ("IDB", "succeeded")]
    assert stay.rights.get().status == RightsStatus.OPEN


def test_a_stay_goes_from_preadmission_to_its_invoices_without_a_button(patient) -> None:
    stay = preadmit(patient)
    settle()
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    estimate = stay.estimates.get()
    assert estimate.total == estimate.amo_share + estimate.amc_share + estimate.patient_share
    stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, timezone.localdate() - timedelta(days=2), SYSTEM)
    settle()
    hasten()
    assert stay.estimates.count() == 2
    assert stay.estimates.first().patient_share > estimate.patient_share
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    engagement = stay.engagements.get()
    assert engagement.status == EngagementStatus.IN_FORCE
    bill = stay.bills.get()
    assert bill.amc_share == engagement.amount
    invoices = {invoice.payer: invoice for invoice in stay.invoices.all()}
    assert invoices[Payer.AMC].amount == engagement.amount
    assert sum(invoice.amount for invoice in invoices.values()) == bill.total
    assert all(invoice.status == InvoiceStatus.READY for invoice in invoices.values())
    assert [operation for operation, _ in calls(stay)] == ["ANNUAIRE", "IDB", "SIM", "SIM", "CLC"]


def test_a_patient_without_complementary_is_billed_to_the_amo_and_themselves(simulator) -> None:
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    stay = preadmit(patient)
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    assert calls(stay) == []
    assert {invoice.payer for invoice in stay.invoices.all()} == {Payer.AMO, Payer.PATIENT}
    # 3 nights at 1 052.00: 20 % of 3 156.00, and the exit day at 23.00.
    assert stay.bills.get().patient_share == Decimal("654.20")


def test_a_contract_ended_closes_the_rights_and_bills_without_the_amc(patient, simulator) -> None:
    simulator.control("POST", "/scenario", {"amc": "0099000104", "operation": "IDB", "behaviour": "code:RC15"})
    stay = preadmit(patient)
    settle()
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    assert stay.rights.first().status == RightsStatus.CLOSED
    assert Payer.AMC not in {invoice.payer for invoice in stay.invoices.all()}


def test_a_corrected_discharge_cancels_the_engagement_and_asks_a_new_one(patient) -> None:
    stay = preadmit(patient)
    stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
    settle()
    stays.discharge(stay.pk, timezone.now(), DischargeMode.HOME, SYSTEM)
    settle()
    first = stay.engagements.get()
    stay.refresh_from_db()
    stays.correct_discharge(
        stay.pk, timezone.now() - timedelta(days=1), DischargeMode.HOME, SYSTEM, version=stay.version
    )
    settle()
    first.refresh_from_db()
    assert first.status == EngagementStatus.CANCELLED
    current = stay.engagements.get(status=EngagementStatus.IN_FORCE)
    assert current.amount < first.amount
    assert stay.bills.filter(status="current").get().amc_share == current.amount
    assert [operation for operation, _ in calls(stay)][-2:] == ["DEL", "CLC"]


def test_a_cancelled_stay_asks_nothing_more(patient) -> None:
    stay = preadmit(patient)
    stays.cancel(stay.pk, "reporté par le patient", SYSTEM)
    settle()
    assert set(calls(stay)) <= {("ANNUAIRE", "cancelled")}
    assert Stay.objects.get(pk=stay.pk).status == StayStatus.CANCELLED


def test_an_amc_that_is_not_listed_leaves_the_rights_undetermined(simulator) -> None:
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number="0012345678"))
    stay = preadmit(patient)
    settle()
    assert calls(stay) == [("ANNUAIRE", CallStatus.SUCCEEDED)]
    assert (stay.rights.get().status, stay.rights.get().code) == (RightsStatus.UNDETERMINED, "HORS_ROC")


def test_a_payer_whose_clock_is_days_late_is_asked_once_all_the_same(patient) -> None:
    # What it dates of three days ago has just been received: it is fresh, or the same question would go on for ever.
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        stay = preadmit(patient)
        settle()
    assert calls(stay) == [("ANNUAIRE", "succeeded"), ("IDB", "succeeded")]
