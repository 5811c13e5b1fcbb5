"""Invented patients, stays and calls, made through the product's services: what the measures are taken on."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.enums import Role, Scope
from accounts.models import ApiClient, RoleAssignment, User
from admissions import events
from admissions.enums import CoverageKind, StayKind
from admissions.events import SYSTEM
from admissions.models import EventDelivery, Patient, Stay
from admissions.services import stays
from debtors.models import Debtor, DirectoryEntry
from teleservices.enums import CLAIMABLE
from teleservices.models import TeleserviceCall
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    DirectoryEntryFactory,
    EstablishmentFactory,
    PatientFactory,
    UnitFactory,
)
from tests.simulator_process import SimulatorProcess

#: An AMC of the simulator whose directory answers for this convention, without any scenario.
AMC = "0099000104"
CONVENTION = "RO"


def payer(simulator: SimulatorProcess) -> Debtor:
    """The AMC, and its address already known: what is measured begins at the IDB."""
    debtor = Debtor.objects.filter(amc_number=AMC).first() or DebtorFactory(amc_number=AMC)
    DirectoryEntry.objects.filter(amc_number=AMC).delete()
    DirectoryEntryFactory(
        amc_number=AMC,
        convention=CONVENTION,
        **{f"{name}_url": simulator.services_url(AMC, name) for name in ("idb", "sim", "clc", "del")},
    )
    return debtor


def covered_patient(debtor: Debtor) -> Patient:
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention=CONVENTION, debtor=debtor)
    return patient


def preadmit(patient: Patient) -> Stay:
    unit = UnitFactory()
    at = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    return stays.preadmit(patient, unit.establishment, stays.StayPlan(StayKind.FULL, unit, at), SYSTEM)


def admitted(debtor: Debtor) -> Stay:
    """A patient who came without having been announced: the IDB that follows brings a SIM with it."""
    stay = preadmit(covered_patient(debtor))
    return stays.admit(stay.pk, stay.planned_start_at, SYSTEM)


def deliver_all() -> None:
    """Hand every event out in this process."""
    owed = EventDelivery.objects.filter(done_at__isnull=True).order_by("pk").values_list("event_id", flat=True)
    for event_id in dict.fromkeys(owed):
        events.deliver(event_id)


def planned_idb(stay: Stay) -> int:
    """Id of the IDB that the stay's events planned. Raises TeleserviceCall.DoesNotExist."""
    return TeleserviceCall.objects.get(
        stay=stay, operation="IDB", status__in=CLAIMABLE, coverage__kind=CoverageKind.AMC
    ).pk


def colleague(role: Role) -> User:
    """Somebody of the hospital, with one role."""
    establishment = EstablishmentFactory()
    user, _ = User.objects.get_or_create(
        username=f"banc-{role}", defaults={"last_name": "Ferrand", "establishment": establishment}
    )
    RoleAssignment.objects.get_or_create(user=user, establishment=establishment, role=role)
    return user


def program() -> dict[str, str]:
    """Headers of a program of the hospital that may do everything."""
    _, token = ApiClient.issue("banc", EstablishmentFactory(), [str(scope) for scope in Scope.values])
    return {"Authorization": f"Bearer {token}"}
