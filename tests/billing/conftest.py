"""Stays whose card was read once, in services of several fields of activity."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from admissions.enums import IdentityStatus, StayKind
from admissions.events import SYSTEM
from admissions.services import coverage as coverages
from admissions.services import stays
from debtors.datamatrix import CardFields, Convention, encode, parse
from tests.chain import settle
from tests.factories import AmoCoverageFactory, AssociationFactory, DebtorFactory, PatientFactory, UnitFactory, known_as

#: The simulator's directory gives this payer for MCO alone, under conventions RO and VM.
AMC = "0099000104"
_EVERYWHERE = (Convention("RO"),)


@pytest.fixture
def units(establishment):
    return {
        "MCO": UnitFactory(establishment=establishment),
        "SMR": UnitFactory(establishment=establishment, code="4100", name="Rééducation", domain="SMR"),
        "PSY": UnitFactory(establishment=establishment, code="5100", name="Psychiatrie", domain="PSY"),
    }


@pytest.fixture
def debtor():
    made = DebtorFactory(amc_number=AMC, name="Prévoyance du Rail")
    for domain in ("MCO", "SMR", "PSY"):
        AssociationFactory(debtor=made, convention="RO", domain=domain)
    return made


@pytest.fixture
def present(simulator, units, debtor, establishment):
    """`present(kind, domain)`: a patient here for three days, whose card was read once, at the desk."""

    def make(kind: StayKind = StayKind.FULL, domain: str = "MCO", conventions=_EVERYWHERE):
        patient = PatientFactory()
        known_as(IdentityStatus.VALIDATED, patient)
        AmoCoverageFactory(patient=patient)
        plan = stays.StayPlan(kind=kind, unit=units[domain], planned_start_at=timezone.now() - timedelta(days=3))
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        year = timezone.localdate().year
        fields = CardFields(
            valid_from=date(year - 1, 1, 1),
            valid_until=date(year + 1, 12, 31),
            amc_number=AMC,
            conventions=conventions,
            csr="",
            member_number="08441927",
        )
        assert coverages.read_card(stay, parse(encode(fields)), "douchette", SYSTEM).coverage
        settle()
        stays.admit(stay.pk, stay.planned_start_at, SYSTEM)
        settle()
        stay.refresh_from_db()
        return stay

    return make
