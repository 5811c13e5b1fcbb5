"""Which AMC a hospital asks by ROC, domain by domain: the ramp-up of the programme.

Outside the perimeter nothing is asked, and the stay goes the way of before by itself. A mode that moves takes the open
stays with it, the night's way; it says beforehand how many.
Source: programme SIMPHONIE, surveillance → cercle de confiance → domaines V2 → cible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Establishment, User
from admissions.enums import CoverageKind, Domain, EventKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM, record_event, wake
from admissions.models import AdmissionEvent, Coverage, Stay
from admissions.querysets import care_day
from debtors.enums import DebtorKind
from debtors.models import Debtor
from teleservices.enums import CallStatus, Circle, Family, PerimeterMode
from teleservices.models import Perimeter, PerimeterAmc, TeleserviceCall
from teleservices.ruling import change_perimeter, in_force

_OPEN_STAYS: Final = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)
#: Stays that take their new route in one turn of the task.
MOVED_AT_ONCE: Final = 100
#: Why a call that had not left is cancelled when its AMC leaves the perimeter.
OUTSIDE: Final = "outside_perimeter"
#: In the parameters of a call: a test d'accrochage asked it, whatever the perimeter says.
TESTED: Final = "connection_test"


def mode_of(establishment_id: int, domain: str, day: date | None = None) -> PerimeterMode:
    """The mode in force on a day, today unless said; open to all where nothing was ever decided."""
    found = in_force(Perimeter, day).filter(establishment=establishment_id, domain=domain)
    return PerimeterMode(found.values_list("mode", flat=True).first() or PerimeterMode.ALL)


def includes(stay: Stay, debtor_id: int) -> bool:
    """True when this AMC is asked by ROC for this stay."""
    mode = mode_of(stay.establishment_id, stay.domain)
    if mode in (PerimeterMode.ALL, PerimeterMode.CLOSED):
        return mode == PerimeterMode.ALL
    named = PerimeterAmc.objects.filter(establishment=stay.establishment_id, debtor=debtor_id)
    return named.filter(circle__in=_circles(mode)).exists()


def only_tested(call: TeleserviceCall) -> bool:
    """True when a test d'accrochage alone asked this AMC, out of the perimeter.

    Its answer proves the connection and changes nothing of the dossier, which goes the way of before: rights written
    here would bring a SIM and a CLC to an AMC with which the hospital has not begun.
    """
    return TESTED in call.parameters and not includes(call.stay, call.payer_id)


def _circles(mode: str) -> tuple[Circle, ...]:
    return {
        PerimeterMode.MIRROR: (Circle.MIRROR,),
        PerimeterMode.CIRCLE: (Circle.MIRROR, Circle.TRUST),
    }.get(PerimeterMode(mode), ())


def _within(establishment_id: int, mode: str) -> Q:
    """The condition on a coverage's `debtor` that this mode asks."""
    if mode == PerimeterMode.ALL:
        return Q(debtor__isnull=False)
    named = PerimeterAmc.objects.filter(establishment=establishment_id, circle__in=_circles(mode))
    return Q(debtor__in=named.values("debtor"))


@dataclass(frozen=True, slots=True)
class Effect:
    """What moving a domain does to the open stays: how many come to ROC, how many leave it."""

    entering: int
    leaving: int


def effect_of(establishment_id: int, domain: str, mode: PerimeterMode) -> Effect:
    """Counted before anything is decided. Two queries."""
    before, after = mode_of(establishment_id, domain), mode
    stays = _open_stays(establishment_id, domain)
    return Effect(
        entering=stays.filter(_has(_within(establishment_id, after) & ~_within(establishment_id, before))).count(),
        leaving=stays.filter(_has(_within(establishment_id, before) & ~_within(establishment_id, after))).count(),
    )


def _open_stays(establishment_id: int, domain: str) -> QuerySet[Stay]:
    """Stays that may still change their route: nothing of them is billed yet."""
    return Stay.objects.filter(establishment=establishment_id, domain=domain, status__in=_OPEN_STAYS).alias(
        care_day=care_day()
    )


def _has(condition: Q) -> Exists:
    return Exists(
        Coverage.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef("care_day")),
            condition,
            patient=OuterRef("patient"),
            kind=CoverageKind.AMC,
            active=True,
            valid_from__lte=OuterRef("care_day"),
        )
    )


def move(establishment: Establishment, domain: Domain, mode: PerimeterMode, user: User, since: date) -> Perimeter:
    """From that day on, this domain is in this mode; its open stays follow by themselves. Raises Refused."""
    moved = change_perimeter(user, establishment.pk, domain, mode, since)
    transaction.on_commit(_wake)
    return moved


@transaction.atomic
def name_amc(establishment: Establishment, debtor: Debtor, circle: Circle, user: User) -> PerimeterAmc:
    """This AMC is the mirror, or of the circle of trust. Open stays follow. Raises Refused."""
    if debtor.kind != DebtorKind.AMC:
        raise Refused("Ce débiteur n’est pas une complémentaire.", todo="Donnez un n° AMC.", field="amc_number")
    named, _ = PerimeterAmc.objects.update_or_create(
        establishment=establishment, debtor=debtor, defaults={"circle": circle, "added_by": user}
    )
    _apply_again(establishment.pk)
    return named


@transaction.atomic
def remove_amc(establishment: Establishment, pk: int) -> bool:
    """It is no longer named. Open stays follow. False when it was not."""
    removed, _ = PerimeterAmc.objects.filter(establishment=establishment, pk=pk).delete()
    if removed:
        _apply_again(establishment.pk)
    return bool(removed)


def _apply_again(establishment_id: int) -> None:
    """The modes have not moved; what they let through has."""
    in_force(Perimeter).filter(establishment=establishment_id).update(applied_at=None, changed_at=timezone.now())
    transaction.on_commit(_wake)


def _wake() -> None:
    wake("teleservices.tasks.apply_perimeters", queue="batch")


# ---- the stays that follow ----


def apply_due(limit: int = MOVED_AT_ONCE) -> int:
    """Let the open stays of the versions that have begun take their route. Returns how many stays were told.

    Each stay by itself: stopped anywhere, the next turn goes on from there.
    """
    due = Perimeter.objects.filter(applied_at__isnull=True, valid_from__lte=timezone.localdate())
    told = 0
    for perimeter in due.order_by("valid_from", "pk"):
        stay_ids = list(_to_tell(perimeter).order_by("pk").values_list("pk", flat=True)[: limit - told])
        for stay_id in stay_ids:
            _tell(stay_id, perimeter)
        told += len(stay_ids)
        if told >= limit:
            return told
        # Nothing is left to tell, unless it was changed again meanwhile.
        Perimeter.objects.filter(pk=perimeter.pk, changed_at=perimeter.changed_at).update(applied_at=timezone.now())
    return told


def _to_tell(perimeter: Perimeter) -> QuerySet[Stay]:
    """Open stays with an AMC that were not told since this version was written."""
    known = AdmissionEvent.objects.filter(
        stay=OuterRef("pk"), kind=EventKind.PERIMETER_CHANGED, created_at__gte=perimeter.changed_at
    )
    stays = _open_stays(perimeter.establishment_id, perimeter.domain)
    return stays.filter(_has(Q(debtor__isnull=False)), ~Exists(known))


@transaction.atomic
def _tell(stay_id: int, perimeter: Perimeter) -> None:
    stay = Stay.objects.select_for_update().get(pk=stay_id)
    now = timezone.now()
    # What the AMC refused for our settings may be answered now.
    TeleserviceCall.objects.filter(
        stay=stay, status=CallStatus.REFUSED, family=Family.CONFIGURATION, superseded_at__isnull=True
    ).update(superseded_at=now)
    record_event(stay, EventKind.PERIMETER_CHANGED, SYSTEM, detail={"domain": perimeter.domain, "mode": perimeter.mode})
