"""Many calls at once: due IDB of as many stays, all of one AMC, without living each stay."""

from __future__ import annotations

import itertools
from datetime import timedelta

from django.utils import timezone

from admissions.enums import EventKind, StayKind, StayStatus
from admissions.models import AdmissionEvent, Stay
from debtors.models import Debtor, DirectoryEntry
from teleservices.enums import Lane
from teleservices.gates import channel_of
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    DirectoryEntryFactory,
    PatientFactory,
    UnitFactory,
    invented_nir,
)
from tests.simulator_process import SimulatorProcess

_numbers = itertools.count(1)
PATIENTS = 20


def an_amc(number: str, simulator: SimulatorProcess | None = None) -> Debtor:
    """A payer that the directory knows; its services are those of the simulator, or nobody's."""
    debtor = Debtor.objects.filter(amc_number=number).first() or DebtorFactory(amc_number=number)
    if not DirectoryEntry.objects.filter(amc_number=number).exists():
        url = simulator.services_url(number, "IDB") if simulator else "https://127.0.0.1:9/idb"
        DirectoryEntryFactory(amc_number=number, convention="RO", idb_url=url)
    return debtor


def due_calls(
    debtor: Debtor, count: int, *, lane: Lane = Lane.INTERACTIVE, at: timedelta = timedelta(minutes=-1)
) -> list[int]:
    """Plan `count` IDB of this payer, due since a minute, one a stay. Returns their keys, the first due first."""
    now = timezone.now()
    unit = UnitFactory()
    since = timezone.localdate() - timedelta(days=90)
    covered = []
    for _ in range(min(count, PATIENTS)):
        patient = PatientFactory(nir=invented_nir(next(_numbers)))
        AmoCoverageFactory(patient=patient, valid_from=since)
        covered.append(CoverageFactory(patient=patient, convention="RO", debtor=debtor, valid_from=since))
    rows = range(count)
    stays = Stay.objects.bulk_create(
        Stay(
            iep=f"98{next(_numbers):07d}",
            patient=covered[row % len(covered)].patient,
            establishment=unit.establishment,
            kind=StayKind.EXTERNAL,
            domain=unit.domain,
            status=StayStatus.PREADMITTED,
            unit=unit,
            planned_start_at=now + timedelta(days=1, seconds=row),
        )
        for row in rows
    )
    happened = AdmissionEvent.objects.bulk_create(
        AdmissionEvent(stay=stay, kind=EventKind.STAY_PREADMITTED, occurred_at=now) for stay in stays
    )
    planned = TeleserviceCall.objects.bulk_create(
        TeleserviceCall(
            stay=stays[row],
            coverage=covered[row % len(covered)],
            debtor=debtor,
            channel=channel_of(Operation.IDB, debtor.amc_number),
            event=happened[row],
            operation=Operation.IDB,
            lane=lane,
            not_before=now + at + timedelta(milliseconds=row),
        )
        for row in rows
    )
    return [call.pk for call in planned]
