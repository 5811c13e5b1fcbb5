"""A patient without a card: what was known last is taken over as declared, and asked of the payer like any other."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction

from admissions.enums import CoverageKind, RightsStatus, StayStatus
from admissions.errors import Refused
from admissions.events import Actor
from admissions.models import Coverage, Rights, Stay
from admissions.querysets import care_date, coverages_on
from admissions.services import coverage as coverages

_OPEN = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)


def last_known(stay: Stay) -> Coverage | None:
    """The last complementary that has ended before the care, when none covers it; not one that said no in the end."""
    day = care_date(stay)
    if stay.status not in _OPEN or coverages_on(stay.patient_id, day, CoverageKind.AMC).exists():
        return None
    ended = Coverage.objects.filter(
        patient=stay.patient_id, kind=CoverageKind.AMC, active=True, valid_until__lt=day, debtor__active=True
    )
    found = ended.select_related("debtor", "card").order_by("-valid_until", "rank", "-pk").first()
    if found is None:
        return None
    answer = Rights.objects.filter(coverage=found).order_by("-answered_at", "-pk").first()
    return None if answer and answer.status == RightsStatus.CLOSED else found


@transaction.atomic
def take_over(stay_id: int, actor: Actor) -> Coverage:
    """Declare for this stay what was known last, to the end of the year of the care. Raises Refused."""
    stay = Stay.objects.select_for_update().select_related("patient").get(pk=stay_id)
    known = last_known(stay)
    if known is None:
        raise Refused(
            "Il n’y a pas de couverture à reprendre : une autre est en vigueur, ou aucune n’est connue.",
            todo="Scannez la carte, ou déclarez la couverture.",
        )
    assert known.valid_until is not None
    day = care_date(stay)
    wanted = coverages.card_context(known.card, stay) if known.card else known
    return coverages.declare_coverage(
        stay,
        known.debtor,
        actor,
        valid_from=max(known.valid_until + timedelta(days=1), date(day.year, 1, 1)),
        valid_until=date(day.year, 12, 31),
        convention=wanted.convention,
        csr=wanted.csr,
        member_number=known.member_number or "",
    )
