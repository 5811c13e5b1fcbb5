"""The journal as a person reads it: who, what, on which dossier, and what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.enums import JournalKind
from accounts.models import ApiClient, Establishment, JournalEntry, User
from admissions.models import Patient, Stay
from admissions.querysets import day_bounds, patients_of

#: What the views that open dossiers are called at the desk. The others keep the name of their address.
_WORDS: Final = {
    "admissions:stay": "dossier du séjour",
    "admissions:summary": "résumé du séjour",
    "admissions:patient": "dossier du patient",
    "admissions:identity": "identité",
    "admissions:admission": "admission",
    "admissions:coverage": "couvertures",
    "admissions:stay-scan": "lecture d’une carte",
    "admissions:search": "recherche",
    "admissions:arrivals": "arrivées",
    "billing:stay-estimate": "reste à charge",
    "billing:stay-invoices": "factures du séjour",
    "billing:invoice": "facture",
    "billing:stay-agreement": "prise en charge",
    "billing:agreement-letter": "lettre de prise en charge",
    "teleservices:stay-calls": "appels du séjour",
    "teleservices:stay-timeline": "chronologie du séjour",
    "worklists:accesses": "liste des accès à un dossier",
    "worklists:list": "liste de travail",
    "worklists:export": "liste de travail",
    "worklists:anomaly-evidence": "dossier de preuve",
    "admissions:arrivals-export": "arrivées",
    "billing:invoices": "factures",
    "billing:exchange-download": "fichier d’échange",
}
#: Tables as a person calls them, and their columns that are worth more than their name.
_TABLES: Final = {
    "admissions_patient": "identité",
    "admissions_stay": "séjour",
    "admissions_movement": "mouvement",
    "admissions_coverage": "couverture",
    "teleservices_nationalbatch": "lot national",
    "admissions_patientpair": "doublon possible",
    "admissions_amodifference": "différence avec la caisse",
    "admissions_amoacceptance": "règle d’acceptation",
    "admissions_card": "carte",
    "admissions_particularrequest": "demande du patient",
    "billing_invoice": "facture",
    "billing_activity": "acte",
    "billing_engagement": "engagement de paiement",
    "billing_payment": "paiement",
    "billing_agreement": "prise en charge",
    "billing_agreementline": "ligne de prise en charge",
    "accounts_user": "compte",
    "accounts_roleassignment": "rôle",
    "accounts_apiclient": "programme",
    "accounts_pin": "PIN",
    "accounts_badge": "badge",
}
#: An encrypted value, as the database has it.
_ENCRYPTED: Final = "\\x"
_SHOWN_CHANGES: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What an auditor looks for. Keys, never names: it stands in the address."""

    ipp: str = ""
    iep: str = ""
    username: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def active(self) -> bool:
        return bool(self.ipp or self.iep or self.username or self.kind or self.since or self.until)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry in words."""

    pk: int
    at: datetime
    who: str
    place: str
    kind: str
    tone: str
    what: str
    ipp: str
    iep: str
    changes: list[tuple[str, str, str]]
    reason: str


_TONES: Final = {
    JournalKind.REFUSED: "stop",
    JournalKind.GLASS: "wait",
    JournalKind.EXPORT: "wait",
    JournalKind.CHANGE: "plan",
}


def _ours(hospital: Establishment, places: Q) -> Q:
    """Entries of these places; and of no place (the system's own), those of nobody or of one of our patients."""
    known = Exists(patients_of(hospital, merged=True).filter(pk=OuterRef("patient_id")))
    return places | (Q(establishment_id__isnull=True) & (Q(patient_id__isnull=True) | Q(known)))


def entries_of(here: Establishment, asked: Asked) -> QuerySet[JournalEntry]:
    """The entries of an establishment that were asked for, the last first. Nothing is found for a key that nobody has."""
    found = JournalEntry.objects.filter(_ours(here, Q(establishment_id=here.pk)))
    if asked.ipp:
        found = found.filter(patient_id__in=Patient.objects.filter(ipp=asked.ipp).values("pk"))
    if asked.iep:
        stays = Stay.objects.filter(iep=asked.iep)
        found = found.filter(patient_id__in=stays.values("patient"), stay_id__in=stays.values("pk"))
    if asked.username:
        found = found.filter(user_id__in=User.objects.filter(username=asked.username).values("pk"))
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.since:
        found = found.filter(at__gte=day_bounds(asked.since)[0])
    if asked.until:
        found = found.filter(at__lt=day_bounds(asked.until)[1])
    return found.order_by("-id")


def lines_of(entries: Iterable[JournalEntry]) -> list[Line]:
    """The entries in words: four queries, however many."""
    rows = list(entries)
    people = {user.pk: user for user in User.objects.filter(pk__in={row.user_id for row in rows if row.user_id})}
    programs = dict(
        ApiClient.objects.filter(pk__in={row.client_id for row in rows if row.client_id}).values_list("pk", "name")
    )
    ipps = dict(
        Patient.objects.filter(pk__in={row.patient_id for row in rows if row.patient_id}).values_list("pk", "ipp")
    )
    ieps = dict(Stay.objects.filter(pk__in={row.stay_id for row in rows if row.stay_id}).values_list("pk", "iep"))
    return [
        Line(
            pk=row.pk,
            at=row.at,
            who=_who(row, people, programs),
            place=row.place or "",
            kind=str(row.get_kind_display()),
            tone=_TONES.get(JournalKind(row.kind), "sys"),
            what=_what(row),
            ipp=ipps.get(row.patient_id or 0, ""),
            iep=ieps.get(row.stay_id or 0, ""),
            changes=_changes(row),
            reason=row.reason,
        )
        for row in rows
    ]


def _who(row: JournalEntry, people: dict[int, User], programs: dict[int, str]) -> str:
    if row.user_id:
        user = people.get(row.user_id)
        return user.get_full_name() or user.username if user else f"compte {row.user_id}, qui n’existe plus"
    if row.client_id:
        return f"programme {programs.get(row.client_id, row.client_id)}"
    return "le système" if row.request else "hors de l’application"


def _what(row: JournalEntry) -> str:
    if row.kind == JournalKind.CHANGE:
        verb = {"insert": "création", "update": "modification", "delete": "suppression"}
        action, _, operation = row.action.rpartition(" ")
        return f"{_TABLES.get(row.object_type, row.object_type)} : {verb.get(operation, operation)} ({_view(action)})"
    if row.kind == JournalKind.LISTED:
        shown = len(row.detail.get("patients", [])) + len(row.detail.get("stays", []))
        return f"{row.object_type} ({shown} lignes)"
    return _view(row.action)


def _view(action: str) -> str:
    name = action.rpartition(" ")[2]
    return _WORDS.get(name, name)


def _changes(row: JournalEntry) -> list[tuple[str, str, str]]:
    """(what, before, after) of a change. An encrypted value is said to have changed, and stays where it is.

    Of something made or removed, the object itself says more than its columns.
    """
    if row.kind != JournalKind.CHANGE or not row.action.endswith(" update"):
        return []
    words = _columns(row.object_type)
    found = [(words.get(name, name), *map(_told, pair)) for name, pair in sorted(row.detail.items())]
    return [(name, before, after) for name, before, after in found if before or after][:_SHOWN_CHANGES]


@cache
def _columns(table: str) -> dict[str, str]:
    """What the columns of a table are called on the screens."""
    model = next((one for one in apps.get_models() if one._meta.db_table == table), None)
    if model is None:
        return {}
    return {str(field.column): str(field.verbose_name) for field in model._meta.concrete_fields}


def _told(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str) and value.startswith(_ENCRYPTED):
        return "chiffré"
    if isinstance(value, bool):
        return "oui" if value else "non"
    return str(value)[:80]


def accesses_of(patient: Patient, hospital: Establishment) -> QuerySet[JournalEntry]:
    """What was seen and done on one person's dossier in the hospital, all its sites: what they may ask for."""
    sites = Establishment.objects.filter(finess_legal=hospital.finess_legal)
    ours = _ours(hospital, Q(establishment_id__in=sites.values("pk")))
    return JournalEntry.objects.filter(ours, patient_id=patient.pk).order_by("-id")
