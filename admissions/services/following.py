"""Open stays follow their association: a référent has put another debtor in the place of the first.

What is billed stays as it was billed: a stay of which an invoice has left keeps its debtor, and is counted.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from admissions.enums import EventKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM, check_allowed, wake
from admissions.models import Coverage, Stay
from admissions.querysets import care_date
from admissions.services import coverage as coverages
from admissions.services.in_force import covers
from debtors.models import DatamatrixAssociation

log = structlog.get_logger(__name__)

#: Stays whose payer may still change.
OPEN: Final = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)
#: A worker that was told and fell has had its time: whoever sweeps takes over.
_LEFT_FOR: Final = timedelta(seconds=30)


def wake_up(association_id: int) -> None:
    wake("admissions.tasks.follow_association", association_id)


def wake_for_import(import_id: int) -> None:
    """The floor below has no queue of its own."""
    wake("debtors.tasks.run_import", import_id, queue="batch")


def apart() -> QuerySet[Coverage]:
    """Coverages in force that still have the debtor from before."""
    return Coverage.objects.filter(active=True).exclude(debtor=F("association__debtor"))


def follow(association_id: int) -> int:
    """Put the new debtor on what covers open stays; each patient by itself, their stays' calls then start again.

    Returns how many coverages were put right. Called twice or late, it comes to the same point.
    """
    due = DatamatrixAssociation.objects.filter(pk=association_id).values_list("to_follow_since", flat=True).first()
    if due is None:
        return 0
    done = 0
    for pk in list(apart().filter(association=association_id).order_by("pk").values_list("pk", flat=True)):
        done += _put_right(pk)
    # Replaced once more meanwhile, it is due again.
    DatamatrixAssociation.objects.filter(pk=association_id, to_follow_since=due).update(to_follow_since=None)
    return done


def sweep(limit: int = 20) -> None:
    """Those whose worker was never told, or fell."""
    due = DatamatrixAssociation.objects.filter(to_follow_since__lt=timezone.now() - _LEFT_FOR)
    for pk in list(due.order_by("to_follow_since").values_list("pk", flat=True)[:limit]):
        follow(pk)


@transaction.atomic
def _put_right(coverage_id: int) -> bool:
    patient_id = Coverage.objects.values_list("patient_id", flat=True).get(pk=coverage_id)
    stays = list(Stay.objects.select_for_update().filter(patient=patient_id, status__in=OPEN).order_by("pk"))
    coverage = apart().select_for_update(of=("self",)).filter(pk=coverage_id).first()
    if coverage is None:
        return False
    covered = [stay for stay in stays if covers(coverage, care_date(stay))]
    if not covered:
        return False
    try:
        for stay in covered:
            check_allowed(stay, EventKind.COVERAGE_CHANGED)
    except Refused:
        log.info("coverage_keeps_its_debtor", coverage=coverage.pk)
        return False
    coverages.cover_again(covered[0], coverage, SYSTEM)
    return True
