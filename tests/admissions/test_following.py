"""Open stays follow the association that found their payer; what is billed stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import EventKind, StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import Coverage
from admissions.services import coverage as coverages
from admissions.services import following, stays
from billing.enums import InvoiceStatus, Payer
from debtors import decisions
from debtors.datamatrix import parse
from debtors.decisions import consequences_of, decide_association
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.admissions.test_coverage import card_text
from tests.factories import AssociationFactory, DebtorFactory, PatientFactory, UnitFactory
from tests.worklists import scene
from worklists import stakes

pytestmark = pytest.mark.django_db


@pytest.fixture
def association() -> DatamatrixAssociation:
    debtor = DebtorFactory(amc_number="0099000104")
    return AssociationFactory(debtor=debtor, convention="RO", status=AssociationStatus.TO_VALIDATE)


def a_covered_stay():
    unit = UnitFactory()
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
    stay = stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)
    coverages.read_card(stay, parse(card_text(member=f"{stay.pk:08d}")), "douchette", SYSTEM)
    return stay


def payer_of(stay) -> str:
    return Coverage.objects.get(patient=stay.patient_id, active=True).debtor.name


def replace_debtor(association: DatamatrixAssociation, name: str, capture) -> None:
    association.refresh_from_db()
    with capture(execute=True):
        decide_association(
            association.pk,
            AssociationStatus.VALIDATED,
            None,
            version=association.version,
            debtor=DebtorFactory(name=name),
        )


def test_open_stays_take_the_debtor_that_a_referent_chose_and_their_rights_are_asked_again(
    association, django_capture_on_commit_callbacks
) -> None:
    stay = a_covered_stay()
    gone = a_covered_stay()
    stays.cancel(gone.pk, "erreur", SYSTEM)
    before = payer_of(gone)
    told = stay.events.filter(kind=EventKind.COVERAGE_CHANGED).count()
    assert consequences_of(association.pk).open_stays == 1
    replace_debtor(association, "Novaprev", django_capture_on_commit_callbacks)
    association.refresh_from_db()
    assert association.to_follow_since is not None
    assert following.follow(association.pk) == 1
    assert (payer_of(stay), payer_of(gone)) == ("Novaprev", before)
    assert stay.events.filter(kind=EventKind.COVERAGE_CHANGED).count() == told + 1
    # Again, or late: nothing more.
    assert following.follow(association.pk) == 0


def test_taking_the_decision_back_brings_the_stays_back(association, django_capture_on_commit_callbacks) -> None:
    stay = a_covered_stay()
    before = payer_of(stay)
    replace_debtor(association, "Novaprev", django_capture_on_commit_callbacks)
    following.follow(association.pk)
    decisions.undo(association.decisions.get().batch, None)
    following.follow(association.pk)
    assert payer_of(stay) == before


def test_a_stay_whose_invoice_has_left_keeps_its_debtor(association, django_capture_on_commit_callbacks) -> None:
    stay = scene.a_stay(StayStatus.DISCHARGED)
    covered = scene.a_coverage(stay, debtor=association.debtor, association=association)
    scene.an_invoice(Payer.AMC, stay=stay, status=InvoiceStatus.SENT)
    found = consequences_of(association.pk)
    assert (found.open_stays, found.billed) == (0, 1)
    replace_debtor(association, "Novaprev", django_capture_on_commit_callbacks)
    assert following.follow(association.pk) == 0
    covered.refresh_from_db()
    assert covered.active and covered.debtor != DatamatrixAssociation.objects.get().debtor


def test_what_no_worker_was_told_is_found_by_the_sweeper(association, django_capture_on_commit_callbacks) -> None:
    stay = a_covered_stay()
    replace_debtor(association, "Novaprev", django_capture_on_commit_callbacks)
    following.sweep()
    assert payer_of(stay) != "Novaprev", "a worker has its time first"
    DatamatrixAssociation.objects.update(to_follow_since=timezone.now() - timedelta(minutes=1))
    following.sweep()
    assert payer_of(stay) == "Novaprev"


def test_a_rejection_lists_the_open_stays_to_choose_again_and_a_choice_takes_them_off(association, person) -> None:
    stay = a_covered_stay()
    assert not stakes.to_choose_again().exists()
    decide_association(association.pk, AssociationStatus.REJECTED, person(Role.REFERENT), version=0)
    assert list(stakes.to_choose_again()) == [stay]
    card = stay.patient.cards.get()
    coverages.choose_debtor(stay, card, DebtorFactory(), SYSTEM)
    assert not stakes.to_choose_again().exists()
