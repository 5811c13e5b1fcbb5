"""Cards, coverages and associations: a scan finds its debtor, an unknown one teaches the table."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from admissions.enums import CoverageKind, EventKind, StayKind
from admissions.errors import Refused
from admissions.events import SYSTEM, Actor
from admissions.models import Card, Coverage
from admissions.querysets import coverages_on
from admissions.services import coverage as coverages
from admissions.services import stays
from debtors.datamatrix import CardFields, Convention, encode, parse
from debtors.enums import AssociationStatus, MatchLevel
from debtors.models import DatamatrixAssociation
from tests.factories import (
    AssociationFactory,
    DebtorFactory,
    DirectoryEntryFactory,
    FundFactory,
    PatientFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db


def card_text(
    amc="0099000104", *, until: date | None = None, since: date | None = None, member="08441927", csr=""
) -> str:
    year = timezone.localdate().year
    return encode(
        CardFields(
            valid_from=since or date(year - 1, 1, 1),
            valid_until=until or date(year + 1, 12, 31),
            amc_number=amc,
            conventions=(Convention("RO"),),
            csr=csr,
            member_number=member,
        )
    )


@pytest.fixture
def stay():
    unit = UnitFactory()
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())
    return stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)


def read(stay, text: str):
    return coverages.read_card(stay, parse(text), "douchette", SYSTEM)


def test_a_known_card_covers_the_patient_without_a_question(stay) -> None:
    association = AssociationFactory(debtor=DebtorFactory(amc_number="0099000104"), convention="RO")
    outcome = read(stay, card_text())
    assert outcome.coverage is not None
    assert (outcome.coverage.debtor, outcome.level) == (association.debtor, MatchLevel.CSR)
    assert outcome.coverage.member_number == "08441927"
    association.refresh_from_db()
    assert association.use_count == 1
    assert stay.events.filter(kind=EventKind.COVERAGE_CHANGED).count() == 1


def test_the_same_card_scanned_again_changes_nothing_and_calls_nobody(stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="0099000104"), convention="RO")
    read(stay, card_text())
    outcome = read(stay, card_text() * 2)
    assert outcome.unchanged and "rien n’a changé" in outcome.message
    assert Card.objects.count() == Coverage.objects.count() == 1
    assert stay.events.filter(kind=EventKind.COVERAGE_CHANGED).count() == 1


def test_an_unknown_card_asks_once_and_the_choice_is_learnt_to_validate(stay, agent) -> None:
    debtor = DebtorFactory(amc_number="0099000104")
    outcome = read(stay, card_text())
    assert outcome.needs_choice and not outcome.choices
    coverages.choose_debtor(stay, outcome.card, debtor, Actor(user=agent))
    learnt = DatamatrixAssociation.objects.get()
    assert (learnt.status, learnt.created_by, learnt.amc_number) == (AssociationStatus.TO_VALIDATE, agent, "0099000104")
    other = PatientFactory()
    plan = stays.StayPlan(kind=StayKind.FULL, unit=stay.unit, planned_start_at=timezone.now())
    second = stays.preadmit(other, stay.establishment, plan, SYSTEM)
    assert read(second, card_text(member="99120001")).coverage.debtor == debtor


def test_choosing_another_debtor_marks_the_first_association_to_verify(stay, agent) -> None:
    first = AssociationFactory(debtor=DebtorFactory(amc_number="0099000104"), convention="RO")
    outcome = read(stay, card_text())
    coverages.choose_debtor(stay, outcome.card, DebtorFactory(), Actor(user=agent))
    first.refresh_from_db()
    assert first.status == AssociationStatus.TO_VERIFY
    assert DatamatrixAssociation.objects.filter(status=AssociationStatus.TO_VALIDATE).count() == 1


def rejected(stay, debtor, **context):
    return AssociationFactory(debtor=debtor, status=AssociationStatus.REJECTED, domain=stay.domain, **context)


def test_what_a_referent_rejected_for_a_context_comes_back_by_no_rule(stay) -> None:
    debtor = DebtorFactory(amc_number="0099000104")
    rejected(stay, debtor, amc_number="0099000104", convention="RO")
    # The same debtor, by a wider rule, and learnt of the card itself for another context.
    AssociationFactory(debtor=debtor, amc_number="0099000104", convention="SP")
    assert read(stay, card_text()).needs_choice
    other = AssociationFactory(
        debtor=DebtorFactory(), amc_number="0099000104", convention="SP", status=AssociationStatus.TO_VALIDATE
    )
    assert read(stay, card_text()).coverage.debtor == other.debtor


def test_a_rejection_holds_for_its_own_context_alone(stay) -> None:
    debtor = DebtorFactory(amc_number="0099000104")
    rejected(stay, debtor, amc_number="0099000104", convention="SP")
    AssociationFactory(debtor=debtor, amc_number="0099000104", convention="RO")
    assert read(stay, card_text()).coverage.debtor == debtor


def test_an_agent_who_chooses_a_rejected_debtor_covers_this_dossier_alone_and_the_referent_sees_it(stay, agent) -> None:
    debtor = DebtorFactory(amc_number="0099000104")
    kept = rejected(stay, debtor, amc_number="0099000104", convention="RO")
    for count in (1, 2):
        coverage = coverages.choose_debtor(stay, read(stay, card_text()).card, debtor, Actor(user=agent))
        kept.refresh_from_db()
        assert (coverage.debtor, coverage.association, kept.contested_count) == (debtor, None, count)
    assert DatamatrixAssociation.objects.get() == kept and kept.status == AssociationStatus.REJECTED
    assert read(stay, card_text()).needs_choice


def test_a_card_that_nobody_can_parse_is_rejected_by_its_whole_content(stay, agent) -> None:
    debtor = DebtorFactory()
    card = read(stay, "unreadable 1").card
    coverages.choose_debtor(stay, card, debtor, Actor(user=agent))
    DatamatrixAssociation.objects.update(status=AssociationStatus.REJECTED)
    assert read(stay, "unreadable 1").needs_choice
    coverages.choose_debtor(stay, read(stay, "unreadable 2").card, debtor, Actor(user=agent))
    assert read(stay, "unreadable 2").coverage.debtor == debtor


def test_several_centres_give_a_short_list_most_used_first(stay) -> None:
    for uses in (3, 12):
        AssociationFactory(
            debtor=DebtorFactory(multiple_centres=True),
            amc_number="0099000104",
            convention="RO",
            multiple_centres=True,
            use_count=uses,
        )
    outcome = read(stay, card_text())
    assert outcome.coverage is None
    assert [choice.use_count for choice in outcome.choices] == [12, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: card_text(until=timezone.localdate() - timedelta(days=1)), "n’est plus valable"),
        (lambda: card_text(since=timezone.localdate() + timedelta(days=1)), "ne sera valable"),
        (lambda: "https://exemple.invalid/menu", "n’a pas la forme"),
        (lambda: card_text()[:14], "n’a pas la forme"),
    ],
)
def test_a_card_that_cannot_serve_is_kept_and_says_why(stay, text, said: str) -> None:
    outcome = read(stay, text())
    assert said in outcome.message
    assert Card.objects.count() == 1 and not Coverage.objects.exists()


def test_a_card_valid_until_today_still_serves(stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="0099000104"), convention="RO")
    assert read(stay, card_text(until=timezone.localdate())).coverage is not None


def test_a_new_amc_ends_the_former_one_the_day_before_and_past_stays_keep_theirs(stay) -> None:
    old, new = DebtorFactory(), DebtorFactory()
    start = timezone.localdate() - timedelta(days=200)
    coverages.declare_coverage(stay, old, SYSTEM, valid_from=start)
    change = timezone.localdate() - timedelta(days=10)
    coverages.declare_coverage(stay, new, SYSTEM, valid_from=change)
    patient = stay.patient_id
    assert coverages_on(patient, change - timedelta(days=1), CoverageKind.AMC).get().debtor == old
    assert coverages_on(patient, timezone.localdate(), CoverageKind.AMC).get().debtor == new


def test_the_last_day_of_a_coverage_is_included(stay) -> None:
    today = timezone.localdate()
    coverages.declare_coverage(stay, FundFactory(), SYSTEM, valid_from=today, valid_until=today)
    assert coverages_on(stay.patient_id, today, CoverageKind.AMO).exists()
    assert not coverages_on(stay.patient_id, today + timedelta(days=1)).exists()


def test_a_member_number_of_odd_characters_is_refused(stay) -> None:
    coverage = coverages.declare_coverage(stay, DebtorFactory(), SYSTEM, valid_from=timezone.localdate())
    with pytest.raises(Refused, match="lettres et des chiffres"):
        coverages.enter_member_number(coverage.pk, "12;drop", SYSTEM)


def test_a_card_of_another_patient_is_not_taken(stay) -> None:
    outcome = read(stay, card_text())
    plan = stays.StayPlan(kind=StayKind.FULL, unit=stay.unit, planned_start_at=timezone.now())
    other = stays.preadmit(PatientFactory(), stay.establishment, plan, SYSTEM)
    with pytest.raises(Refused, match="autre patient"):
        coverages.choose_debtor(other, outcome.card, DebtorFactory(), SYSTEM)


# ---- the directory, for a card of which nothing was learnt ----


def on_roc(number: str = "0099000104", **fields: object) -> None:
    DirectoryEntryFactory(amc_number=number, convention="RO", **fields)


def test_a_card_whose_payer_is_on_roc_and_has_one_record_asks_nobody(stay) -> None:
    on_roc()
    debtor = DebtorFactory(amc_number="0099000104")
    outcome = read(stay, card_text())
    assert outcome.coverage is not None
    assert (outcome.coverage.debtor, outcome.level) == (debtor, MatchLevel.DIRECTORY)
    assert not DatamatrixAssociation.objects.exists()
    assert read(stay, card_text()).unchanged


@pytest.mark.parametrize("why", ["not on ROC", "several centres", "two records", "rejected", "inactive"])
def test_the_directory_alone_does_not_decide_when_there_is_a_doubt(why, stay) -> None:
    on_roc(found=why != "not on ROC", multiple_centres=why == "several centres")
    debtor = DebtorFactory(amc_number="0099000104", active=why != "inactive")
    if why == "two records":
        DebtorFactory(amc_number="0099000104")
    if why == "rejected":
        AssociationFactory(debtor=debtor, convention="RO", status=AssociationStatus.REJECTED)
    assert read(stay, card_text()).needs_choice


def test_what_was_learnt_comes_before_the_directory(stay) -> None:
    on_roc()
    DebtorFactory(amc_number="0099000104")
    learnt = AssociationFactory(amc_number="0099000104", convention="RO")
    outcome = read(stay, card_text())
    assert outcome.coverage is not None and outcome.coverage.debtor == learnt.debtor
