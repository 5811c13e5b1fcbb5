"""A stay: what happens to it, and what may be done of it now. Each act is a form in place, with an address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import colleague, needs
from accounts.enums import Action
from admissions.enums import EXTERNAL_KINDS, DischargeMode, Requalification, RequestCode, Sex, StayKind, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor
from admissions.forms import (
    BirthForm,
    CancelForm,
    DischargeForm,
    EndRoomForm,
    MovementForm,
    RequalifyForm,
    RoomForm,
    ServiceForm,
)
from admissions.models import Movement, ParticularRequest, Stay
from admissions.presenters import banner, nights, stay_row, stay_title
from admissions.presenters_amo import amo_view, last_answer
from admissions.presenters_coverage import coverages_of_stay
from admissions.services import at_once, desk, recycling, requalification, stays
from admissions.views.common import actor, draw, stay_or_404, stay_scan_url, version_of

VIEWS: Final = ("tout", "appels", "a-vous")


# ---- what may be done ----


@dataclass(frozen=True, slots=True)
class StayAction:
    """One act on a stay: its form, its service, and the words of its button and of its effects."""

    slug: str
    title: str
    verb: str
    key: str
    form: type[ServiceForm]
    carry_out: Callable[[Stay, dict[str, Any], Actor, int], object]
    effects: str
    done: str
    allowed: Callable[[Stay], bool]
    initial: Callable[[Stay], dict[str, Any]]


def _now(_stay: Stay) -> Any:
    return timezone.localtime().replace(second=0, microsecond=0)


def _move(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    return stays.move(stay.pk, values["unit"], values["started_at"], who, room=values["room"], bed=values["bed"])


def _room(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    return stays.add_request(stay.pk, RequestCode.SINGLE_ROOM, values["starts_on"], who, signed_on=values["signed_on"])


def _end_room(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    room = open_room(stay)
    if room is not None and values["ends_on"] < room.starts_on:
        desk.stop_request(stay.pk, RequestCode.SINGLE_ROOM, who, values["ends_on"])
        return None
    return stays.end_request(room.pk, values["ends_on"], who) if room is not None else None


def _discharge(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    return stays.discharge(stay.pk, values["ended_at"], DischargeMode(values["mode"]), who)


def _correct(stay: Stay, values: dict[str, Any], who: Actor, version: int) -> object:
    return stays.correct_discharge(stay.pk, values["ended_at"], DischargeMode(values["mode"]), who, version=version)


def _cancel(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    return stays.cancel(stay.pk, values["reason"], who)


def _requalify(stay: Stay, values: dict[str, Any], who: Actor, version: int) -> object:
    return requalification.requalify(
        stay.pk, StayKind(values["kind"]), values["unit"], Requalification(values["reason"]), who, version=version
    )


def _birth(stay: Stay, values: dict[str, Any], who: Actor, _version: int) -> object:
    return at_once.register_birth(stay.pk, at_once.Birth(**values), who)


def open_room(stay: Stay) -> ParticularRequest | None:
    return stay.requests.filter(code=RequestCode.SINGLE_ROOM, ends_on__isnull=True).first()


def _place(stay: Stay) -> Movement | None:
    return stay.movements.filter(ended_at__isnull=True).first()


def _first_place(stay: Stay) -> dict[str, Any]:
    place = _place(stay)
    return {
        "unit": stay.unit_id,
        "room": place.room if place else "",
        "bed": place.bed if place else "",
        "started_at": _now(stay),
    }


ACTIONS: Final = {
    action.slug: action
    for action in (
        StayAction(
            "mouvement", "Ajouter un mouvement", "Enregistrer le mouvement", "m", MovementForm, _move,
            "La simulation repart seule si le tarif du service change.",
            "Mouvement enregistré.",
            lambda stay: stay.status == StayStatus.ADMITTED,
            _first_place,
        ),
        StayAction(
            "chambre", "Chambre particulière", "Commencer la chambre particulière", "c", RoomForm, _room,
            "La simulation repart seule : le reste au patient change. Prévenez-le du montant, faites signer la demande.",
            "Chambre particulière enregistrée. La simulation repart seule.",
            lambda stay: stay.is_open and stay.kind not in EXTERNAL_KINDS and open_room(stay) is None,
            lambda stay: {"starts_on": max(timezone.localdate(), timezone.localdate(stay.start_at))},
        ),
        StayAction(
            "fin-chambre", "Fin de la chambre particulière", "Terminer la chambre particulière", "c", EndRoomForm,
            _end_room,
            "La simulation repart seule sans les nuits suivantes.",
            "Chambre particulière terminée. La simulation repart seule.",
            lambda stay: stay.is_open and open_room(stay) is not None,
            lambda stay: {"ends_on": timezone.localdate()},
        ),
        StayAction(
            "sortie", "Sortie", "Enregistrer la sortie", "s", DischargeForm, _discharge,
            "L’engagement de la complémentaire (CLC) est demandé seul, puis les factures se font. Rien d’autre à lancer.",
            "Sortie enregistrée. L’engagement est demandé seul.",
            lambda stay: stay.status == StayStatus.ADMITTED,
            lambda stay: {"ended_at": _now(stay), "mode": DischargeMode.HOME},
        ),
        StayAction(
            "correction", "Corriger la sortie", "Corriger la sortie", "s", DischargeForm, _correct,
            "L’engagement reçu est annulé (DEL), redemandé (CLC), et les factures qui ne sont pas parties se refont.",
            "Sortie corrigée. L’engagement est redemandé seul.",
            lambda stay: stay.status == StayStatus.DISCHARGED,
            lambda stay: {"ended_at": stay.ended_at, "mode": stay.discharge_mode},
        ),
        StayAction(
            "requalification", "Requalifier", "Requalifier le séjour", "q", RequalifyForm, _requalify,
            "La carte déjà lue est relue pour ce nouveau contexte, les droits sont redemandés. Un engagement reçu est "
            "annulé (DEL) avant toute nouvelle facture.",
            "Séjour requalifié. Droits, engagement ou prise en charge suivent seuls.",
            lambda stay: stay.status in (StayStatus.ADMITTED, StayStatus.DISCHARGED),
            lambda stay: {"kind": stay.kind, "unit": stay.unit_id, "reason": Requalification.CODING},
        ),
        StayAction(
            "naissance", "Naissance", "Ouvrir le dossier de l’enfant", "n", BirthForm, _birth,
            "L’enfant a son dossier et son séjour, sous le numéro de sa mère et avec ses droits. Sans prénom, il reste dans "
            "« Identités à compléter ».",
            "Naissance enregistrée. Le séjour de l’enfant est dans la chronologie.",
            lambda stay: stay.status == StayStatus.ADMITTED and stay.patient.sex == Sex.FEMALE
            and stay.kind not in EXTERNAL_KINDS,
            lambda stay: {"born_at": _now(stay), "birth_name": stay.patient.birth_name, "rank": 1},
        ),
        StayAction(
            "annulation", "Annuler le séjour", "Annuler le séjour", "", CancelForm, _cancel,
            "Les appels qui ne sont pas partis s’arrêtent. Le séjour reste lisible, avec votre motif.",
            "Séjour annulé.",
            lambda stay: stay.is_open,
            lambda stay: {},
        ),
    )
}  # fmt: skip


# ---- the page ----


def stay_context(request: HttpRequest, stay: Stay, *, opened: StayAction | None = None) -> dict[str, Any]:
    """All that the page of a stay shows by itself; calls and money are live parts of the floors above, by address."""
    may_admit = colleague(request).may(Action.ADMIT)
    offered = [action for action in ACTIONS.values() if may_admit and action.allowed(stay)]
    view = request.GET.get("voir", VIEWS[0])
    movements = list(stay.movements.select_related("unit"))
    said = last_answer(stay.patient_id)
    return {
        "stay": stay,
        "patient": stay.patient,
        "ident": banner(stay.patient, stay),
        "title": stay_title(stay),
        "row": stay_row(stay),
        "nights": nights(stay),
        "movements": movements,
        "requests": list(stay.requests.all()),
        "actions": offered,
        "opened": opened,
        "voir": view if view in VIEWS else VIEWS[0],
        "scan_url": stay_scan_url(stay) if colleague(request).may(Action.READ_CARD) else "",
        "coverages": coverages_of_stay(stay, said),
        "rights": amo_view(stay, said),
        "known": recycling.last_known(stay),
        "may_act": colleague(request).may(Action.READ_CARD),
        "may_ask": colleague(request).may(Action.ASK_AGAIN),
        "may_admit": may_admit,
        "may_enter": colleague(request).may(Action.ENTER_ACTIVITY) and stay.kind in EXTERNAL_KINDS,
        "version": stay.version,
        "back": reverse("admissions:arrivals") if may_admit else "",
    }


@needs(Action.SEE_DOSSIER)
@require_safe
def stay(request: HttpRequest, iep: str) -> HttpResponse:
    found = stay_or_404(request, iep)
    return draw(request, "admissions/stay.html", stay_context(request, found))


@needs(Action.SEE_DOSSIER)
@require_safe
def summary(request: HttpRequest, iep: str) -> HttpResponse:
    """One sheet to print: who, where, what is covered, what is owed."""
    found = stay_or_404(request, iep)
    return draw(
        request,
        "admissions/summary.html",
        stay_context(request, found) | {"now": timezone.now(), "may_act": False, "may_ask": False},
    )


@needs(Action.ADMIT)
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, iep: str, slug: str) -> HttpResponse:
    """The page of the stay with the form of one act open; sent, it acts and comes back to the stay."""
    found = stay_or_404(request, iep)
    action = ACTIONS.get(slug)
    if action is None:
        raise Http404
    status = 200
    theirs: list[tuple[str, str, str]] = []
    version = found.version
    if request.method == "POST":
        form = action.form(request.POST, stay=found)
        version = version_of(request)
        if form.is_valid():
            try:
                action.carry_out(found, form.cleaned_data, actor(request), version)
            except Conflict as conflict:
                form.refuse(conflict)
                theirs, status, version = _saved(found, form.cleaned_data), 409, found.version
            except Refused as refused:
                form.refuse(refused)
            else:
                messages.success(request, action.done)
                return redirect("admissions:stay", iep)
        status = status if status == 409 else 422
    elif not action.allowed(found):
        messages.warning(
            request, f"« {action.title} » n’est plus possible : ce séjour est {found.get_status_display()}."
        )
        return redirect("admissions:stay", iep)
    else:
        form = action.form(initial=action.initial(found), stay=found)
    context = stay_context(request, found, opened=action) | {"form": form, "theirs": theirs, "version": version}
    return draw(request, "admissions/stay.html", context, status=status)


def _saved(stay: Stay, typed: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a colleague saved meanwhile of what this act writes, beside what was typed."""
    stay.refresh_from_db()
    if "kind" in typed:
        kind, unit = StayKind(typed["kind"]).label, str(typed["unit"])
        return [("Type", stay.get_kind_display(), str(kind)), ("Service", str(stay.unit), unit)]
    mode = DischargeMode(typed["mode"]).label
    return [
        ("Sortie", _moment(stay.ended_at), _moment(typed["ended_at"])),
        ("Mode de sortie", stay.get_discharge_mode_display() or "aucun", str(mode)),
        ("Type et service", f"{stay.get_kind_display()}, {stay.unit}", "non changés ici"),
    ]


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%d/%m/%Y %H:%M}" if at else "aucune"
