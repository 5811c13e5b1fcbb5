"""What the calls say of an arrival: what a person must do, or what is awaited. One query however many stays."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from admissions.arrivals import Missing
from admissions.presenters import french
from gap.constants import Constant, constants
from gap.instances import light
from gap.templatetags.gap_format import clock
from gap.text import NBSP
from teleservices.enums import OPEN, CallStatus, Disposition
from teleservices.messages import Operation
from teleservices.models import ReturnCode, TeleserviceCall

_ASKING = (Operation.DIRECTORY, Operation.IDB)


def missing_of(stay_ids: Iterable[int]) -> dict[int, Missing]:
    """The first thing to say of each stay that has a live call on its rights."""
    live = Q(status=Constant(CallStatus.REFUSED), superseded_at__isnull=True, handled_at__isnull=True)
    calls = list(
        light(
            TeleserviceCall.objects.filter(
                Q(status__in=constants(OPEN)) | live, stay__in=list(stay_ids), operation__in=_ASKING
            )
            .only(
                "stay_id", "status", "disposition", "return_code", "attempts_count", "not_before", "planned_at", "cause"
            )
            .order_by("pk")
        )
    )
    labels = dict(
        ReturnCode.objects.filter(
            code__in={call.return_code for call in calls if call.return_code}, valid_until__isnull=True
        ).values_list("code", "label")
    )
    found: dict[int, tuple[int, Missing]] = {}
    for call in calls:
        rank, said = _said(call, labels.get(call.return_code, ""))
        if said and (call.stay_id not in found or rank < found[call.stay_id][0]):
            found[call.stay_id] = (rank, said)
    return {stay_id: said for stay_id, (_, said) in found.items()}


def _said(call: TeleserviceCall, label: str) -> tuple[int, Missing | None]:
    if call.status == CallStatus.REFUSED:
        if call.disposition == Disposition.ASK_MEMBER_NUMBER:
            return 0, Missing("N° d’adhérent à saisir", "you", "keyboard")
        if call.disposition == Disposition.INFORM_PATIENT:
            why = french(label[:1].lower() + label[1:]) if label else "droits refusés"
            return 1, Missing(f"Prévenir{NBSP}: {why}", "you", "message-circle")
        if call.disposition == Disposition.WAIT_ALIGNMENT:
            return 3, Missing("Régimes différents, en attente", "wait", "clock")
        return 4, Missing("Refus montré au référent", "sys", "settings-automation")
    if call.status == CallStatus.NEEDS_REFERENT:
        return 4, Missing("Appel arrêté, au référent", "sys", "tool")
    if call.attempts_count and call.not_before > timezone.now():
        return 2, Missing(f"Sans réponse, essai à {clock(call.not_before)}", "wait", "clock")
    return 2, Missing(f"Droits AMC demandés à {clock(call.planned_at)}", "run", "loader-2")
