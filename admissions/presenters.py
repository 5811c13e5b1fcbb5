"""What the screens of a dossier show: the banner, what covers the patient, what happened. Built here, drawn there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.urls import reverse
from django.utils import timezone

from admissions.enums import (
    DischargeMode,
    EventKind,
    IdentityStatus,
    Requalification,
    RequestCode,
)
from admissions.events import Actor
from admissions.models import AdmissionEvent, Coverage, Patient, Stay
from admissions.rules.identity import query_variants
from gap.templatetags.gap_format import age_text, nir
from gap.text import NBSP

_SIGNS: Final = ((" :", f"{NBSP}:"), (" ;", "\u202f;"), (" ?", "\u202f?"), (" !", "\u202f!"), ("'", "’"))


def french(text: str) -> str:
    """A sentence of a catalogue or of a payer, with the signs of French typography."""
    for plain, sign in _SIGNS:
        text = text.replace(plain, sign)
    return text


# ---- the banner ----


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to see on the right of the banner."""

    tone: str
    icon: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Banner:
    """Who the dossier is about. The same on every screen (identitovigilance)."""

    birth_name: str
    first_names: str
    used_name: str
    birth_date: date
    age_label: str
    sex_label: str
    ins_icon: str
    ins_tone: str
    ins_status_label: str
    ins_display: str
    ipp: str
    iep: str
    alerts: list[Alert]
    #: Why the dossier is protected; empty when it is not.
    protection: str = ""


_IDENTITY: Final = {
    IdentityStatus.PROVISIONAL: ("shield-question", "wait"),
    IdentityStatus.VALIDATED: ("shield-check", "ok"),
    IdentityStatus.RETRIEVED: ("shield-check", "sys"),
    IdentityStatus.QUALIFIED: ("shield-check", "ok"),
}


def banner(patient: Patient, stay: Stay | None = None) -> Banner:
    icon, tone = _IDENTITY[IdentityStatus(patient.identity_status)]
    qualified = patient.identity_status == IdentityStatus.QUALIFIED
    return Banner(
        birth_name=patient.birth_name,
        first_names=patient.first_names,
        used_name=patient.used_name,
        birth_date=patient.birth_date,
        age_label=age_text(patient.birth_date, timezone.localdate()),
        sex_label=f"sexe {patient.get_sex_display()}",
        ins_icon=icon,
        ins_tone=tone,
        ins_status_label=f"{patient.get_identity_status_display().capitalize()}, INS",
        # The matricule is shown of a qualified identity only (RNIV).
        ins_display=nir(patient.ins) if qualified and patient.ins else "non qualifiée",
        ipp=patient.ipp,
        iep=stay.iep if stay else "",
        alerts=[*doubt_alerts(patient), *homonym_alerts(patient)],
        protection=patient.get_protection_display() if patient.protection else "",
    )


def doubt_alerts(patient: Patient) -> list[Alert]:
    said = ((patient.doubtful, "stop", "Identité douteuse"), (patient.fictitious, "stop", "Identité fictive"))
    return [Alert(tone, "alert-triangle", text) for holds, tone, text in said if holds]


def homonym_alerts(patient: Patient) -> list[Alert]:
    """Another person of the same birth name and first name: the birth date is to be looked at."""
    token = query_variants(patient.birth_name)[-1][-1]
    others = (
        Patient.objects.filter(name_tokens__token=token, birth_name=patient.birth_name)
        .filter(first_names__istartswith=patient.first_name)
        # A protected dossier is not told of by the way.
        .filter(protection="")
        .exclude(pk=patient.pk)
    )
    count = len(others.values_list("pk")[:10])
    if not count:
        return (
            [Alert("wait", "users", f"Homonyme signalé{NBSP}: vérifier la date de naissance")]
            if patient.homonym
            else []
        )
    words = "1 homonyme" if count == 1 else f"{count if count < 10 else '10 ou plus'} homonymes"
    return [Alert("wait", "users", f"{words}{NBSP}: vérifier la date de naissance")]


# ---- what happened ----


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a stay's timeline. `moving` lines stand at the top; `bold` is the head of the title."""

    at: datetime
    kind: str
    icon: str
    title: str
    bold: str = ""
    detail: str = ""
    tone: str = ""
    turn: bool = False
    chip: str = ""
    chip_tone: str = ""
    chip_icon: str = ""
    moving: bool = False
    yours: bool = False
    upcoming: bool = False
    announce: str = ""
    url: str = ""
    # What an upper floor draws in the line: a call with its three sentences.
    view: object = None
    coverage_id: int = 0


_EVENTS: Final[dict[str, tuple[str, str]]] = {
    EventKind.STAY_PREADMITTED: ("calendar", "Pré-admission"),
    EventKind.STAY_ADMITTED: ("door-enter", "Admission"),
    EventKind.MOVEMENT_ADDED: ("arrows-exchange", "Mouvement"),
    EventKind.REQUEST_ADDED: ("bed", "Demande du patient"),
    EventKind.REQUEST_ENDED: ("bed", "Fin d’une demande du patient"),
    EventKind.COVERAGE_CHANGED: ("credit-card", "Couverture changée"),
    EventKind.CARD_READ: ("scan", "Carte lue"),
    EventKind.ACTIVITY_ENTERED: ("stethoscope", "Acte saisi"),
    EventKind.STAY_CORRECTED: ("pencil", "Séjour corrigé"),
    EventKind.STAY_DISCHARGED: ("door-exit", "Sortie"),
    EventKind.STAY_CANCELLED: ("x", "Séjour annulé"),
    EventKind.STAY_CLOSED: ("checks", "Séjour soldé"),
    EventKind.RIGHTS_ASKED_AGAIN: ("refresh", "Droits redemandés"),
    EventKind.PATIENT_CORRECTED: ("id", "Identité corrigée"),
    EventKind.RIGHTS_VERIFIED: ("shield", "Droits AMO vérifiés par lot"),
    EventKind.IDENTITY_VERIFIED: ("id", "INS vérifiée par lot"),
    EventKind.IDENTITY_ASKED: ("id", "Identité redemandée"),
    EventKind.BIRTH_REGISTERED: ("plus", "Naissance"),
    EventKind.PATIENT_INFORMED: ("message-circle", "Patient prévenu"),
    EventKind.ANOMALY_SOLVED: ("refresh", "Anomalie résolue, rappel"),
    EventKind.PERIMETER_CHANGED: ("settings-automation", "Périmètre ROC changé"),
    EventKind.STAY_REQUALIFIED: ("arrows-exchange", "Requalification"),
    EventKind.CONNECTION_TESTED: ("plug-connected", "Test d’accrochage"),
}
_NOW: Final = {RequestCode.SINGLE_ROOM: "Chambre particulière", RequestCode.COMPANION_MEAL: "Repas accompagnant"}


def event_entries(stay: Stay, coverages: Iterable[Coverage]) -> list[Entry]:
    """The business events of a stay. `coverages`: those of the patient, for their names. One query."""
    names = {coverage.pk: coverage.debtor.name for coverage in coverages}
    events = AdmissionEvent.objects.filter(stay=stay).select_related("created_by", "client")
    return [_event_entry(stay, event, names) for event in events]


def _event_entry(stay: Stay, event: AdmissionEvent, names: dict[int, str]) -> Entry:
    icon, title = _EVENTS[event.kind]
    detail = event.detail
    said = url = ""
    if event.kind == EventKind.MOVEMENT_ADDED:
        said = f"Vers l’UF {detail.get('unit', '')}"
    elif event.kind in (EventKind.REQUEST_ADDED, EventKind.REQUEST_ENDED):
        asked = _NOW.get(detail.get("code", ""), "Demande du patient")
        title = f"{asked}{NBSP}: fin" if event.kind == EventKind.REQUEST_ENDED else f"{asked} demandée"
        if detail.get("code") == RequestCode.COMPANION_MEAL and event.kind == EventKind.REQUEST_ADDED:
            title = "Repas accompagnant demandé"
    elif event.kind == EventKind.COVERAGE_CHANGED:
        said = names.get(detail.get("coverage", 0), "")
    elif event.kind == EventKind.ACTIVITY_ENTERED:
        title = f"Acte {detail.get('code', '')}"
    elif event.kind == EventKind.STAY_REQUALIFIED:
        said = requalified(event)
    elif event.kind == EventKind.STAY_DISCHARGED and detail.get("mode"):
        title = f"Sortie, {DischargeMode(detail['mode']).label}"
    elif event.kind == EventKind.STAY_CANCELLED:
        said = stay.cancel_reason
    elif event.kind == EventKind.BIRTH_REGISTERED:
        said = f"Séjour de l’enfant{NBSP}: {detail.get('stay', '')}"
        url = reverse("admissions:stay", args=[detail["stay"]]) if detail.get("stay") else ""
    who = Actor(event.created_by, event.client).name
    late = f"Saisi après coup, le {timezone.localtime(event.created_at):%d/%m à %H:%M}" if event.entered_late else ""
    return Entry(
        at=event.occurred_at,
        kind="event",
        icon=icon,
        title=title,
        detail=". ".join(filter(None, (said, f"Par {who}" if who else "", late))),
        url=url,
    )


def requalified(event: AdmissionEvent) -> str:
    """« Hôpital de jour, MCO → Consultation, soins externes, MCO (erreur de saisie) »."""
    was, now = (event.detail.get(end, {}) for end in ("from", "to"))
    said = " → ".join(f"{KINDS.get(one.get('kind', ''), '')}, {one.get('domain', '')}" for one in (was, now))
    reasons = dict(Requalification.choices)
    return f"{said} ({reasons.get(event.detail.get('reason', ''), '')})"


# ---- words of a stay ----

KINDS: Final = {
    "external": "Consultation, soins externes",
    "day": "Hôpital de jour",
    "full": "Hospitalisation",
    "emergency": "Urgences",
    "session": "Séances",
}


def stay_title(stay: Stay) -> str:
    """« Séjour du 16/11 au 20/11/2026 »."""
    start = timezone.localdate(stay.start_at)
    end = stay.ended_at or stay.planned_end_at
    if not end or timezone.localdate(end) == start:
        return f"{KINDS[stay.kind]}, {start:%d/%m/%Y}"
    last = timezone.localdate(end)
    first = f"{start:%d/%m}" if start.year == last.year else f"{start:%d/%m/%Y}"
    return f"Séjour du {first} au {last:%d/%m/%Y}"


def nights(stay: Stay) -> int:
    """Nights from entry to (planned) exit; 0 when the exit is unknown."""
    end = stay.ended_at or stay.planned_end_at
    if not end:
        return 0
    return max((timezone.localdate(end) - timezone.localdate(stay.start_at)).days, 0)


_STATUS: Final = {
    "preadmitted": ("sys", "calendar"),
    "admitted": ("ok", "door-enter"),
    "discharged": ("sys", "door-exit"),
    "closed": ("ok", "checks"),
    "cancelled": ("sys", "x"),
}


@dataclass(frozen=True, slots=True)
class StayRow:
    """A stay in a list of stays."""

    iep: str
    url: str
    title: str
    unit: str
    tone: str
    icon: str
    status: str
    start_at: datetime


def stay_row(stay: Stay) -> StayRow:
    tone, icon = _STATUS[stay.status]
    return StayRow(
        iep=stay.iep,
        url=reverse("admissions:stay", args=[stay.iep]),
        title=stay_title(stay),
        unit=str(stay.unit),
        tone=tone,
        icon=icon,
        status=stay.get_status_display(),
        start_at=stay.start_at,
    )
