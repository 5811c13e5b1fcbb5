"""A pile of sheets of the downtime kit, one in each state."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Establishment
from admissions.events import SYSTEM
from admissions.models import ReservedNumber
from admissions.services import downtime
from tests.worklists import scene


@transaction.atomic
def a_sheet(establishment: Establishment) -> ReservedNumber:
    """The second sheet of a pile that an outage took out of the kits: it is still to be entered."""
    entered, left, spoilt, _ = downtime.numbers_to_print(establishment, 4, timezone.now())
    stay = scene.a_stay(iep=entered.iep)
    downtime.declare_outage(establishment)
    ReservedNumber.objects.filter(pk=entered.pk).update(stay=stay, entered_at=timezone.now())
    downtime.void(spoilt.pk, SYSTEM)
    downtime.numbers_to_print(establishment, 2, timezone.now())
    return left
