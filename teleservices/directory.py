"""What the directory said grows old: asked again by night for the routes of open stays, and when a person wants it.

A call belongs to a stay: one of those that need the route carries the question, and all of them have the answer. A payer
that has joined ROC since brings them back to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import CoverageKind, EventKind, Protection
from admissions.events import SYSTEM, record_event
from admissions.models import Coverage, Rights, Stay
from admissions.querysets import care_date
from admissions.services.following import OPEN
from admissions.services.in_force import covers
from debtors.models import DirectoryEntry
from teleservices import perimeter, planning
from teleservices.enums import OPEN as UNFINISHED
from teleservices.enums import CallStatus, Lane
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall

#: Older than this, a route is asked again by night: before the day it would be asked for with a patient waiting.
OLD_AFTER: Final = timedelta(hours=18)
#: Routes asked in one sweep.
AT_ONCE: Final = 200
#: Open stays looked at for one route.
_TRIED: Final = 20


def refresh_old(limit: int = AT_ONCE) -> int:
    """Ask again, in the night's lane, the oldest routes that an open stay needs. Returns how many were asked."""
    patients = Stay.objects.filter(status__in=OPEN).values("patient")
    needed = Coverage.objects.filter(
        active=True, patient__in=patients, convention=OuterRef("convention"), csr=OuterRef("csr"),
        debtor__amc_number=OuterRef("amc_number"),
    )  # fmt: skip
    old = DirectoryEntry.objects.filter(Exists(needed), answered_at__lt=timezone.now() - OLD_AFTER)
    return sum(_ask(entry, Lane.BATCH) is not None for entry in old.order_by("answered_at")[:limit])


def ask_again(amc_number: str, establishment: Establishment) -> list[TeleserviceCall]:
    """A person wants the routes of one AMC asked now, whatever their age. Empty: no open stay of theirs needs any."""
    entries = DirectoryEntry.objects.filter(amc_number=amc_number).order_by("answered_at")[:AT_ONCE]
    asked = [_ask(entry, Lane.INTERACTIVE, establishment) for entry in entries]
    return [call for call in asked if call is not None]


def bring_back(limit: int = AT_ONCE) -> int:
    """Open stays that went outside ROC, and whose payer the directory knows by now: their rights are asked. Returns how many.

    What is asked once is not asked again: the answer, or the call under way, says so.
    """
    last_code = (
        Rights.objects.filter(stay=OuterRef("pk"), coverage__active=True, coverage__kind=CoverageKind.AMC)
        .order_by("-answered_at", "-pk")
        .values("code")[:1]
    )
    joined = DirectoryEntry.objects.filter(
        amc_number=OuterRef("debtor__amc_number"), convention=OuterRef("convention"), csr=OuterRef("csr"),
        domain=OuterRef(OuterRef("domain")), found=True,
    )  # fmt: skip
    covered = Coverage.objects.filter(Exists(joined), patient=OuterRef("patient"), active=True, kind=CoverageKind.AMC)
    asked = TeleserviceCall.objects.filter(stay=OuterRef("pk"), status__in=[*UNFINISHED, CallStatus.REFUSED])
    stays = Stay.objects.filter(Exists(covered), ~Exists(asked), status__in=OPEN).alias(last_code=Subquery(last_code))
    keys = list(stays.filter(last_code="HORS_ROC").order_by("pk").values_list("pk", flat=True)[:limit])
    for pk in keys:
        with transaction.atomic():
            stay = Stay.objects.select_for_update().get(pk=pk)
            if stay.status in OPEN:
                record_event(stay, EventKind.RIGHTS_ASKED_AGAIN, SYSTEM)
    return len(keys)


def _ask(entry: DirectoryEntry, lane: Lane, establishment: Establishment | None = None) -> TeleserviceCall | None:
    stays = Stay.objects.filter(
        status__in=OPEN,
        domain=entry.domain,
        patient__coverages__active=True,
        patient__coverages__debtor__amc_number=entry.amc_number,
        patient__coverages__convention=entry.convention,
        patient__coverages__csr=entry.csr,
    )
    if establishment:
        stays = stays.filter(establishment=establishment)
    for pk in list(stays.order_by("-pk").values_list("pk", flat=True)[:_TRIED]):
        if call := _ask_for(pk, entry, lane):
            return call
    return None


@transaction.atomic
def _ask_for(stay_id: int, entry: DirectoryEntry, lane: Lane) -> TeleserviceCall | None:
    stay = Stay.objects.select_for_update(of=("self",)).select_related("patient").get(pk=stay_id)
    rows = Coverage.objects.select_related("debtor").filter(
        patient=stay.patient_id,
        active=True,
        debtor__amc_number=entry.amc_number,
        convention=entry.convention,
        csr=entry.csr,
    )
    coverage = next((row for row in rows if covers(row, care_date(stay))), None)
    event = stay.events.first()
    if coverage is None or event is None or stay.patient.protection == Protection.SECRET:
        return None
    if not perimeter.includes(stay, coverage.debtor_id):
        return None
    return planning.plan(stay, coverage, Operation.DIRECTORY, event, lane=lane)
