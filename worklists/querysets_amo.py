"""Stays and what the AMO says of them: rights that are not everybody's, answers that somebody at the desk has to settle."""

from __future__ import annotations

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When

from accounts.sight import Here, seen
from admissions.amo import PRESCRIBED_WITHIN
from admissions.enums import AmoField, AmoOutcome, CoverageKind, DifferenceState, Nature
from admissions.models import AmoAnswer, AmoDifference, Coverage, Stay
from admissions.querysets import care_day
from admissions.services.amo_side import UNKNOWN_FUND
from admissions.services.identity import OPEN_STAYS
from gap.constants import Constant, constants

_UNFOUND = (AmoOutcome.NONE, AmoOutcome.SEVERAL)
_WAITING = AmoDifference.objects.filter(patient=OuterRef("patient"), state=Constant(DifferenceState.WAITING))


def exempted() -> Q:
    """Of stays with `care_day`: what `admissions.amo.AmoRights.ordinary` says no to, by the rights of care or prescription."""
    prescribed = Q(prescription_date__gte=F("care_day") - PRESCRIBED_WITHIN, prescription_date__lt=F("care_day"))
    return Q(_particular_on("care_day")) | (prescribed & Q(_particular_on("prescription_date")))


def _particular_on(day: str) -> Exists:
    return Exists(
        Coverage.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef(day)),
            ~Q(exemption="") | ~Q(nature=Nature.ILLNESS) | Q(situations__contains=["AME"]),
            patient=OuterRef("patient"),
            kind=CoverageKind.AMO,
            active=True,
            valid_from__lte=OuterRef(day),
        )
    )


def rights_to_settle(here: Here) -> QuerySet[Stay]:
    """Open stays of people whom the AMO does not find, unless a paper says their rights; and differences that wait."""
    newer = AmoAnswer.objects.filter(patient=OuterRef("patient"), answered_at__gt=OuterRef("answered_at"))
    unfound = AmoAnswer.objects.filter(~Exists(newer), outcome__in=constants(_UNFOUND))
    differing = AmoDifference.objects.filter(state=Constant(DifferenceState.WAITING))
    proved = Exists(
        Coverage.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef("care_day")),
            ~Q(piece=""),
            patient=OuterRef("patient"),
            kind=CoverageKind.AMO,
            active=True,
            valid_from__lte=OuterRef("care_day"),
        )
    )
    return (
        Stay.objects.filter(seen(here), status__in=constants(OPEN_STAYS))
        .alias(care_day=care_day())
        .filter(Q(patient__in=differing.values("patient")) | (Q(patient__in=unfound.values("patient")) & ~Q(proved)))
    )


def what_to_settle() -> Case:
    """The first thing to settle, in French."""
    return Case(
        When(Exists(_WAITING.filter(field=AmoField.CLOSED)), then=Value("Droits fermés à la date des soins")),
        When(
            Exists(_WAITING.filter(cause=UNKNOWN_FUND)), then=Value("Caisse sans fiche\u00a0: à créer par la finance")
        ),
        When(Exists(_WAITING), then=Value("La caisse dit autre chose\u00a0: à comparer")),
        When(
            Exists(AmoAnswer.objects.filter(patient=OuterRef("patient"), outcome=Constant(AmoOutcome.SEVERAL))),
            then=Value("Plusieurs bénéficiaires selon CDRi"),
        ),
        default=Value("Assuré introuvable par CDRi"),
        output_field=CharField(),
    )
