"""What a person does about calls: say that what their refusals asked of people is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.enums import Action
from accounts.models import User
from accounts.sight import seen
from admissions.enums import EventKind
from admissions.events import Actor, record_event
from admissions.models import Stay
from teleservices.enums import CallStatus, Disposition
from teleservices.models import TeleserviceCall

# What a person can truly have done; the others end by data (a member number typed) or by themselves.
HANDLED_BY_PEOPLE: Final = (
    Disposition.INFORM_PATIENT,
    Disposition.ESCALATE,
    Disposition.REFERENT,
    Disposition.STORE,
)


@dataclass(frozen=True, slots=True)
class HandledLine:
    """What became of one call: done, or a French sentence that says why not."""

    call_id: int
    done: bool
    message: str = ""
    #: Nothing was left to do: somebody had done it, or the call was made again since.
    late: bool = False


def mark_handled(
    call_ids: Iterable[int], user: User, *, asked_for: Collection[Disposition] = HANDLED_BY_PEOPLE
) -> list[HandledLine]:
    """This person did what these refusals asked of people. One result a call, in the order asked; each call by itself.

    A call that cannot be marked keeps its state and says why; the others are marked all the same. `asked_for`: what
    the screen offered to do, no other refusal is marked. Telling a patient is an event of the stay.
    """
    asked = list(dict.fromkeys(call_ids))
    stays = dict(
        TeleserviceCall.objects.filter(seen(user.sight(Action.SEE_DOSSIER), "stay__"), pk__in=asked).values_list(
            "pk", "stay_id"
        )
    )
    # In the order of the stays, whatever the order asked: two people never wait for each other.
    done = {
        call_id: _mark(call_id, stays[call_id], user, asked_for)
        for call_id in sorted((pk for pk in asked if pk in stays), key=lambda pk: stays[pk])
    }
    missing = "Cet appel n’existe pas dans votre établissement."
    return [done.get(call_id) or HandledLine(call_id, False, missing) for call_id in asked]


@transaction.atomic
def _mark(call_id: int, stay_id: int, user: User, asked_for: Collection[Disposition]) -> HandledLine:
    stay = Stay.objects.select_for_update().get(pk=stay_id)
    call = TeleserviceCall.objects.select_for_update(of=("self",)).select_related("handled_by").get(pk=call_id)
    if late := _too_late(call):
        return HandledLine(call_id, False, late, late=True)
    if call.status != CallStatus.REFUSED or call.disposition not in asked_for:
        return HandledLine(call_id, False, _not_asked(call))
    call.handled_at, call.handled_by = timezone.now(), user
    call.save(update_fields=["handled_at", "handled_by"])
    if call.disposition == Disposition.INFORM_PATIENT:
        record_event(stay, EventKind.PATIENT_INFORMED, Actor(user), detail={"call": call.pk, "code": call.return_code})
    return HandledLine(call_id, True)


def _too_late(call: TeleserviceCall) -> str:
    """Why nothing is asked of anybody any more; empty while something is."""
    if call.handled_at:
        who = call.handled_by.short_name if call.handled_by else "quelqu’un"
        return f"{who} l’a déjà traité le {timezone.localtime(call.handled_at):%d/%m à %H:%M}. Rien n’a changé."
    if call.superseded_at:
        return "Cet appel a été refait depuis : il ne demande plus rien."
    return ""


def _not_asked(call: TeleserviceCall) -> str:
    if call.status != CallStatus.REFUSED:
        return "Cet appel n’est pas refusé : il ne demande rien à personne."
    if call.disposition in HANDLED_BY_PEOPLE:
        return "Ce refus demande autre chose : rechargez la page."
    return "Celui-ci se règle par la donnée qui manque : il repartira seul dès qu’elle sera saisie."
