"""Several agents and one pile of sheets: the database decides, nobody makes a double."""

from __future__ import annotations

import pytest
from django.utils import timezone

from admissions.models import Patient, ReservedNumber, Stay
from admissions.services import downtime
from tests.factories import UnitFactory
from tests.processes import run_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sheets() -> list[ReservedNumber]:
    return downtime.numbers_to_print(UnitFactory().establishment, 5, timezone.now())


# What a screen that only looks before it writes would do.
LOOK_THEN_WRITE = """
from admissions.models import ReservedNumber
free = ReservedNumber.objects.get(iep="{iep}").stay_id is None
time.sleep(0.2)
print("libre" if free else "pris")
"""

ENTER = """
import datetime as dt
from django.utils import timezone
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import ReservedNumber, Unit
from admissions.services import downtime, stays
from admissions.services.patients import Traits
sheet = ReservedNumber.objects.get(iep="{iep}")
plan = stays.StayPlan("full", Unit.objects.get(), timezone.now() - dt.timedelta(hours=3))
try:
    downtime.enter(sheet.pk, Traits("Kerdraon", "Yann", dt.date(1961, 4, 3), "M"), downtime.Entry(plan), SYSTEM)
    print("ressaisie")
except downtime.AlreadyEntered:
    print("déjà")
"""

TWO_SHEETS = """
import datetime as dt
from django.utils import timezone
from admissions.events import SYSTEM
from admissions.models import ReservedNumber, Unit
from admissions.services import downtime, stays
from admissions.services.patients import Traits
sheet = ReservedNumber.objects.order_by("iep")[rank]
plan = stays.StayPlan("full", Unit.objects.get(), timezone.now() - dt.timedelta(hours=3))
downtime.enter(sheet.pk, Traits("Kerdraon", "Yann", dt.date(1961, 4, 3 + rank), "M"), downtime.Entry(plan), SYSTEM)
print("ressaisie")
"""


def test_looking_before_writing_lets_every_agent_believe_that_the_sheet_is_theirs(sheets) -> None:
    told = run_together(LOOK_THEN_WRITE.format(iep=sheets[0].iep), 3)
    assert [line.strip() for line in told] == ["libre"] * 3


def test_one_sheet_entered_by_several_agents_at_once_is_one_stay_of_one_patient(sheets) -> None:
    told = sorted(line.strip() for line in run_together(ENTER.format(iep=sheets[0].iep), 4))
    assert told == ["déjà", "déjà", "déjà", "ressaisie"]
    assert Stay.objects.count() == Patient.objects.count() == 1


def test_several_sheets_of_a_pile_entered_at_once_wait_for_each_other_and_all_pass(sheets) -> None:
    told = run_together(TWO_SHEETS, 4)
    assert [line.strip() for line in told] == ["ressaisie"] * 4
    assert Stay.objects.count() == 4 and not ReservedNumber.objects.filter(withdrawn_at=None).exists()
