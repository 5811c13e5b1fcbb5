"""Invented people and places. Names, numbers and dates are made up; NIR are computed, never real."""

from __future__ import annotations

import datetime as dt

import factory
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import (
    CoverageKind,
    CoverageSource,
    Domain,
    IdentityStatus,
    InsOutcome,
    InsSource,
    StayKind,
    StayStatus,
)
from admissions.events import SYSTEM
from admissions.models import Coverage, InsRecord, Patient, Stay, Unit
from admissions.services.patients import Traits, create_patient
from debtors.enums import AssociationStatus, DebtorKind
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry


def invented_nir(number: int, *, sex: str = "2", year: int = 84, month: int = 5) -> str:
    """A NIR of the place 99 990 (nobody's), with its right key: 15 characters."""
    body = f"{sex}{year:02d}{month:02d}99990{number % 1000:03d}"
    return f"{body}{97 - int(body) % 97:02d}"


def known_as(status: IdentityStatus, *patients: Patient) -> None:
    """Give patients an identity of this status, with the matricule and the document that make it."""
    recovered = status in (IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED)
    seen = status in (IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED)
    for patient in patients:
        ins = invented_nir(patient.pk) if recovered else None
        patient.ins, patient.ins_index = ins, InsRecord.index_of(ins) if ins else None
        patient.ins_oid = "1.2.250.1.213.1.4.10" if ins else ""
        patient.ins_outcome = InsOutcome.FOUND if ins else InsOutcome.UNASKED
        patient.ins_answered_at = timezone.now() if ins else None
        patient.document_kind = "CNI" if seen else ""
        patient.document_seen_at = timezone.now() if seen else None
        patient.identity_status = status
        patient.save()
        if ins:
            InsRecord.objects.create(
                patient=patient, ins=ins, ins_index=patient.ins_index, oid=patient.ins_oid, source=InsSource.TRAITS,
                received_at=timezone.now(),
            )  # fmt: skip


class EstablishmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Establishment
        django_get_or_create = ("finess_site",)

    name = "CH de Valmont"
    finess_legal = "350000014"
    finess_site = "350000022"


class UnitFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Unit
        django_get_or_create = ("establishment", "code")

    establishment = factory.SubFactory(EstablishmentFactory)
    code = "3120"
    name = "Médecine interne"
    domain = Domain.MCO
    tariff_code = "11"


class PatientFactory(factory.Factory):
    """Goes through the service: a patient always has an IPP, and words to be found by."""

    class Meta:
        model = Patient

    birth_name = factory.Sequence(lambda n: f"MORVAN{'ABCDEFGHIJ'[n % 10]}")
    first_names = "Hélène Marie"
    birth_date = dt.date(1984, 5, 17)
    sex = "F"
    nir = factory.Sequence(invented_nir)

    @classmethod
    def _create(cls, model_class, **traits):
        return create_patient(Traits(**traits), SYSTEM)


class DebtorFactory(factory.django.DjangoModelFactory):
    """An AMC."""

    class Meta:
        model = Debtor

    kind = DebtorKind.AMC
    code = factory.Sequence(lambda n: f"AMC{n:05d}")
    name = factory.Sequence(lambda n: f"Mutuelle des Estuaires {n}")
    amc_number = factory.Sequence(lambda n: f"{7000000000 + n}")


class FundFactory(factory.django.DjangoModelFactory):
    """A caisse of the AMO."""

    class Meta:
        model = Debtor
        django_get_or_create = ("code",)

    kind = DebtorKind.AMO
    code = "AMO013510000"
    name = "CPAM d’Ille-et-Vilaine"
    amo_regime = "01"
    amo_fund = "351"
    amo_centre = "0000"


class StayFactory(factory.django.DjangoModelFactory):
    """A row as it is, without its event: for reads. What happens to a stay goes through the services."""

    class Meta:
        model = Stay

    iep = factory.Sequence(lambda n: f"26{9000000 + n}")
    patient = factory.SubFactory(PatientFactory)
    unit = factory.SubFactory(UnitFactory)
    establishment = factory.SelfAttribute("unit.establishment")
    kind = StayKind.FULL
    domain = factory.SelfAttribute("unit.domain")
    status = StayStatus.PREADMITTED
    planned_start_at = factory.LazyFunction(lambda: timezone.now().replace(microsecond=0))


class CoverageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Coverage

    patient = factory.SubFactory(PatientFactory)
    kind = CoverageKind.AMC
    debtor = factory.SubFactory(DebtorFactory)
    source = CoverageSource.DECLARED
    convention = "AC"
    member_number = "08441927"
    valid_from = factory.LazyFunction(lambda: timezone.localdate().replace(month=1, day=1))


class AmoCoverageFactory(CoverageFactory):
    kind = CoverageKind.AMO
    debtor = factory.SubFactory(FundFactory)
    convention = ""
    member_number = None


class AssociationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = DatamatrixAssociation

    fingerprint = factory.Sequence(lambda n: f"{n:064x}")
    amc_number = factory.SelfAttribute("debtor.amc_number")
    convention = "AC"
    domain = Domain.MCO
    debtor = factory.SubFactory(DebtorFactory)
    status = AssociationStatus.VALIDATED
    valid_from = dt.date(2025, 1, 1)


class DirectoryEntryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = DirectoryEntry

    amc_number = factory.Sequence(lambda n: f"{7000000000 + n}")
    convention = "AC"
    domain = Domain.MCO
    found = True
    answered_at = factory.LazyFunction(timezone.now)
