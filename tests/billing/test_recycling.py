"""A patient without card: what is known of them is used again, and asked of the payer like anything else."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import CoverageKind, IdentityStatus, StayKind
from admissions.events import SYSTEM
from admissions.querysets import care_date, coverages_on
from admissions.services import coverage as coverages
from admissions.services import recycling, stays
from debtors.datamatrix import Convention
from tests.billing.conftest import AMC
from tests.chain import settle
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    CoverageFactory,
    DebtorFactory,
    PatientFactory,
    known_as,
)

pytestmark = pytest.mark.django_db


def test_a_stay_to_come_takes_the_card_of_another_as_it_reads_there(present, units, establishment) -> None:
    stay = present(conventions=(Convention("RO", "MCO"), Convention("ZZ", "PSY")))
    AssociationFactory(debtor=stay.patient.coverages.get(kind="AMC").debtor, convention="ZZ", domain="PSY")
    plan = stays.StayPlan(kind=StayKind.FULL, unit=units["PSY"], planned_start_at=timezone.now() + timedelta(days=9))
    following = stays.preadmit(stay.patient, establishment, plan, SYSTEM)
    settle()
    held = coverages_on(stay.patient_id, care_date(following), CoverageKind.AMC).get()
    assert (held.card, held.member_number, held.convention) == (stay.patient.cards.get(), "08441927", "ZZ")
    assert following.agreements.get().state == "to_ask"
    assert not stay.agreements.exists()  # the stay of today keeps its way


@pytest.fixture
def without_card(simulator, units, establishment):
    """`without_card(amc)`: a stay to come; the last complementary that is known ended in December."""

    def make(number: str, name: str, domain: str = "MCO"):
        patient = PatientFactory()
        known_as(IdentityStatus.VALIDATED, patient)
        AmoCoverageFactory(patient=patient)
        year = timezone.localdate().year
        CoverageFactory(
            patient=patient,
            debtor=DebtorFactory(amc_number=number, name=name),
            convention="RO",
            valid_from=date(year - 1, 1, 1),
            valid_until=date(year - 1, 12, 31),
        )
        plan = stays.StayPlan(kind=StayKind.FULL, unit=units[domain], planned_start_at=timezone.now())
        stay = stays.preadmit(patient, establishment, plan, SYSTEM)
        settle()
        assert not stay.calls.exists() and not stay.agreements.exists()
        return stay

    return make


@pytest.mark.parametrize(
    ("number", "rights", "agreements"),
    [(AMC, "OK", 0), ("7000009999", "HORS_ROC", 1)],
    ids=["on ROC", "outside ROC"],
)
def test_what_was_known_last_is_taken_over_in_one_gesture(number, rights, agreements, without_card, signed_in) -> None:
    stay = without_card(number, "Prévoyance du Rail")
    client = signed_in(Role.AGENT)
    page = reverse("admissions:stay", args=[stay.iep])
    assert "Prévoyance du Rail, finie le 31/12" in client.get(page).content.decode()
    client.post(reverse("admissions:take-over", args=[stay.iep]))
    settle()
    held = coverages_on(stay.patient_id, care_date(stay), CoverageKind.AMC).get()
    year = timezone.localdate().year
    assert (held.source, held.member_number) == ("declared", "08441927")
    assert (held.valid_from, held.valid_until) == (date(year, 1, 1), date(year, 12, 31))
    assert stay.rights.first().code == rights
    assert stay.agreements.count() == agreements
    assert "Reprendre ces données" not in client.get(page).content.decode()
    told = client.post(reverse("admissions:take-over", args=[stay.iep]), follow=True).content.decode()
    assert "pas de couverture à reprendre" in told


def test_an_organism_that_said_no_in_the_end_is_not_proposed(without_card) -> None:
    stay = without_card(AMC, "Prévoyance du Rail")
    ended = stay.patient.coverages.get(kind=CoverageKind.AMC)
    coverages.apply_rights(
        stay, ended.pk, status="closed", code="RC15", reason="Contrat résilié", answered_at=timezone.now()
    )
    assert recycling.last_known(stay) is None
