"""What the screens show of how sure an identity is, and what a person may do about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from admissions.enums import IdentityAct, IdentityStatus, InsOutcome, ProposalState, Sex
from admissions.events import Actor
from admissions.models import IdentityChange, IdentityDocumentKind, InsProposal, Patient
from admissions.rules.identity_status import STRICT_TRAITS, StrictTraits, calendar_day, why_not_asked
from admissions.services.identity import documents_on, is_locked, proposed_traits, strict_traits
from gap.templatetags.gap_format import nir, since_text
from gap.text import NBSP, search_tokens

TRAIT_LABELS: Final = {
    "birth_name": "Nom de naissance",
    "first_names": "Prénoms de naissance",
    "birth_date": "Date de naissance",
    "sex": "Sexe",
    "birth_place": "Lieu de naissance",
}
_SAID: Final = {
    InsOutcome.UNASKED: "INSi n’a pas encore répondu.",
    InsOutcome.NONE: f"INSi ne trouve personne sous ces traits{NBSP}: vérifiez-les sur la pièce d’identité.",
    InsOutcome.SEVERAL: f"INSi trouve plusieurs personnes{NBSP}: le lieu de naissance les départage.",
    InsOutcome.PROPOSED: "INSi a trouvé une identité qui n’est pas tout à fait celle-ci.",
    InsOutcome.REFUSED: "L’identité trouvée par INSi a été écartée.",
    InsOutcome.REFUTED: f"INSi ne confirme plus l’INS, qui a été abandonnée{NBSP}: comparez la pièce d’identité.",
}
_ICONS: Final = {
    IdentityAct.DOCUMENT: "id",
    IdentityAct.TRAITS: "pencil",
    IdentityAct.DOUBTFUL: "alert-triangle",
    IdentityAct.FICTITIOUS: "alert-triangle",
}


@dataclass(frozen=True, slots=True)
class TraitRow:
    """One strict trait, as we have it and as the national service has it."""

    label: str
    ours: str
    theirs: str
    differs: bool


@dataclass(frozen=True, slots=True)
class ProposalView:
    rows: tuple[TraitRow, ...]
    #: It can be taken: its birth date is a day of the calendar.
    usable: bool


@dataclass(frozen=True, slots=True)
class IdentityView:
    """`document_asked`: a document is to be compared. `matricule`: shown when qualified only, empty otherwise."""

    status: str
    label: str
    tone: str
    icon: str
    ins: str
    document: str
    matricule: str
    locked: bool
    document_asked: bool
    documents: tuple[IdentityDocumentKind, ...]
    attributes: tuple[str, ...]
    proposal: ProposalView | None
    #: The national service may be asked again by hand.
    askable: bool

    @property
    def settled(self) -> bool:
        """Nothing of it waits for somebody."""
        return not self.document_asked and self.proposal is None and not self.attributes


_TONES: Final = {
    IdentityStatus.PROVISIONAL: ("wait", "shield-question"),
    IdentityStatus.VALIDATED: ("ok", "shield-check"),
    IdentityStatus.RETRIEVED: ("sys", "shield-check"),
    IdentityStatus.QUALIFIED: ("ok", "shield-check"),
}


def identity_view(patient: Patient) -> IdentityView:
    """Two queries at most: the documents that count today, the identity to compare when there is one."""
    tone, icon = _TONES[IdentityStatus(patient.identity_status)]
    asked = patient.document_seen_at is None and not (patient.doubtful or patient.fictitious)
    kinds = documents_on(timezone.localdate())
    proposal = None
    if patient.ins_outcome == InsOutcome.PROPOSED:
        proposal = patient.ins_proposals.filter(state=ProposalState.WAITING).first()
    return IdentityView(
        status=patient.identity_status,
        label=patient.get_identity_status_display(),
        tone=tone,
        icon=icon,
        ins=ins_sentence(patient),
        document=_document_sentence(patient, kinds),
        matricule=nir(patient.ins) if patient.identity_status == IdentityStatus.QUALIFIED and patient.ins else "",
        locked=is_locked(patient),
        document_asked=asked,
        documents=tuple(kinds),
        attributes=attributes_of(patient),
        proposal=_proposal_view(patient, proposal) if proposal else None,
        askable=bool(settings.INSI["url"]) and patient.ins is None and not _refused(patient),
    )


def _refused(patient: Patient) -> str:
    return why_not_asked(sex=patient.sex, doubtful=patient.doubtful, fictitious=patient.fictitious)


def ins_sentence(patient: Patient) -> str:
    """What the national service said of this identity, or why it is not asked."""
    if refused := _refused(patient):
        return refused
    if not settings.INSI["url"] and patient.ins_outcome == InsOutcome.UNASKED:
        return "INSi n’est pas raccordé."
    if patient.ins_outcome == InsOutcome.FOUND and patient.ins_answered_at:
        return f"INS récupérée, confirmée {_ago(patient.ins_answered_at)}."
    said = _SAID[InsOutcome(patient.ins_outcome)]
    return f"{said} Réponse {_ago(patient.ins_answered_at)}." if patient.ins_answered_at else said


def attributes_of(patient: Patient) -> tuple[str, ...]:
    said = ((patient.doubtful, "douteuse"), (patient.fictitious, "fictive"))
    return tuple(word for holds, word in said if holds)


def _ago(at: datetime) -> str:
    text = since_text(timezone.now() - at)
    return text if text.startswith("à") else f"il y a {text}"


def _document_sentence(patient: Patient, kinds: list[IdentityDocumentKind]) -> str:
    if patient.document_seen_at is None:
        return ""
    label = next((kind.label for kind in kinds if kind.code == patient.document_kind), "pièce")
    by = f" par {patient.document_seen_by.short_name}" if patient.document_seen_by else ""
    return f"{label.capitalize()} vue le {timezone.localtime(patient.document_seen_at):%d/%m/%Y}{by}"


def _proposal_view(patient: Patient, proposal: InsProposal) -> ProposalView:
    theirs = proposed_traits(proposal)
    ours = strict_traits(patient)
    rows = tuple(
        TraitRow(TRAIT_LABELS[name], _shown(ours, name), _shown(theirs, name), name in proposal.differences)
        for name in STRICT_TRAITS
    )
    return ProposalView(rows, calendar_day(theirs.birth_date) is not None)


def _shown(traits: StrictTraits, name: str) -> str:
    value = str(getattr(traits, name))
    if name == "birth_date":
        day = calendar_day(value)
        return f"{day:%d/%m/%Y}" if day else value
    if name == "sex":
        return str(Sex(value).label) if value in Sex.values else value
    return value or "inconnu"


_COMPARED: Final = (
    *TRAIT_LABELS.items(),
    ("used_name", "Nom utilisé"),
    ("nir", "NIR de l’assuré"),
    ("birth_rank", "Rang de naissance"),
    ("phone", "Téléphone"),
)


def compared(source: Patient, target: Patient) -> tuple[TraitRow, ...]:
    """Two dossiers side by side: `ours` of the one that goes, `theirs` of the one that is kept."""
    rows = [TraitRow("Statut", source.get_identity_status_display(), target.get_identity_status_display(), False)]
    for name, label in _COMPARED:
        one, other = (_value(patient, name) for patient in (source, target))
        rows.append(TraitRow(label, one or "–", other or "–", one.casefold() != other.casefold()))
    return tuple(rows)


def _value(patient: Patient, name: str) -> str:
    if name in STRICT_TRAITS:
        return _shown(strict_traits(patient), name) if getattr(patient, name) else ""
    if name == "nir":
        return nir(patient.nir) if patient.nir else ""
    return str(getattr(patient, name) or "")


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of the history of an identity."""

    at: datetime
    icon: str
    title: str
    status: str
    detail: str
    who: str


def change_row(change: IdentityChange, documents: dict[str, str]) -> ChangeRow:
    said = []
    if change.document:
        said.append(documents.get(change.document, change.document))
    if change.traits:
        moved = json.loads(change.traits)
        said += [
            f"{TRAIT_LABELS[name].lower()}{NBSP}: {was or 'vide'} → {now or 'vide'}"
            for name, (was, now) in moved.items()
            if search_tokens(was) != search_tokens(now)
        ]
    if change.reason:
        said.append(change.reason)
    return ChangeRow(
        at=change.at,
        icon=_ICONS.get(IdentityAct(change.act), "shield-check"),
        title=str(change.get_act_display())[:1].upper() + str(change.get_act_display())[1:],
        status=change.get_status_display(),
        detail=", ".join(said),
        who=Actor(change.by, change.client).name or "Le système",
    )
