"""A card shown for a stay that is typed days later."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.services import coverage, stays
from debtors.datamatrix import CardFields, Convention, encode, parse
from tests.factories import DebtorFactory, PatientFactory, UnitFactory

pytestmark = pytest.mark.django_db


def test_a_card_learnt_for_a_past_stay_is_known_when_it_is_read_again() -> None:
    unit, debtor = UnitFactory(), DebtorFactory()
    start = timezone.now() - timedelta(days=3)
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=start)
    stay = stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)
    day = timezone.localdate(start)
    fields = CardFields(
        valid_from=date(day.year, 1, 1),
        valid_until=date(day.year, 12, 31),
        amc_number=debtor.amc_number,
        conventions=(Convention("AC"),),
        member_number="08441927",
    )
    read = parse(encode(fields))
    outcome = coverage.read_card(stay, read, "scanner", SYSTEM)
    assert outcome.needs_choice
    coverage.choose_debtor(stay, outcome.card, debtor, SYSTEM)
    again = coverage.read_card(stay, read, "scanner", SYSTEM)
    assert again.unchanged and again.coverage is not None
    assert again.coverage.debtor == debtor
