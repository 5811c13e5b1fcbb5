"""What the screens show of the AMO: a state for each answer, what it makes, what differs, and how far it may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.utils import timezone

from admissions.amo import rights_of
from admissions.enums import AmoOutcome, AmoPiece, CoverageKind, CoverageSource, DifferenceState, RightsStatus, Trust
from admissions.models import AmoAnswer, AmoDifference, Coverage, Rights, Stay
from admissions.querysets import care_date
from admissions.rules.amo import rights_open
from gap.templatetags.gap_format import nir, since_text
from gap.text import NBSP

_ENTITIES: Final = {
    "03.03": "médecin traitant",
    "03.04": "caisse",
    "03.05": "exonérations",
    "03.06": "maternité",
    "03.07": "modulation du ticket modérateur",
    "03.09": "accidents du travail",
    "03.10": "situation particulière",
}
_TRUST: Final = {
    CoverageSource.CDRI: Trust.CONFIRMED,
    CoverageSource.CARD: Trust.PROVED,
    CoverageSource.PAPER: Trust.PROVED,
    CoverageSource.BIRTH: Trust.RECEIVED,
    CoverageSource.API: Trust.RECEIVED,
    CoverageSource.DECLARED: Trust.SAID,
}
_QUALITIES: Final = {"1": "assuré", "2": "conjoint", "6": "enfant"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rights as three outcomes, with the reason and the age of the answer."""

    tone: str
    icon: str
    word: str
    reason: str = ""
    answered_at: datetime | None = None

    @property
    def age(self) -> str:
        """« il y a 5 min », « à l’instant »; empty when nothing was answered."""
        if self.answered_at is None:
            return ""
        text = since_text(timezone.now() - self.answered_at)
        return text if text.startswith("à") else f"il y a {text}"


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    label: str
    ours: str
    theirs: str
    stopped: str


@dataclass(frozen=True, slots=True)
class AmoView:
    """`effects`: what is particular, and what it makes. `beneficiary`: who opens the rights, when it is somebody else."""

    outcome: Outcome | None
    effects: tuple[tuple[str, str], ...]
    differences: tuple[DifferenceRow, ...]
    beneficiary: str
    judged_on: date | None


def amo_view(stay: Stay, last: AmoAnswer | None) -> AmoView:
    """What to show of the AMO of a stay. Four queries at most, beside that of its last answer."""
    waiting = AmoDifference.objects.filter(patient=stay.patient_id, state=DifferenceState.WAITING).order_by("pk")
    rights = rights_of(stay)
    held = rights.coverage if rights else None
    shown = amo_outcome(held, last, care_date(stay)) if last or held else None
    rows = tuple(
        DifferenceRow(one.get_field_display().capitalize(), _shown(one, one.ours), _shown(one, one.theirs), _stop(one))
        for one in waiting
    )
    if rows and shown:
        shown = Outcome("you", "alert-triangle", "À comparer", shown.reason, shown.answered_at)
    return AmoView(
        outcome=shown,
        effects=tuple(rights.words) if rights else (),
        differences=rows,
        beneficiary=_beneficiary(held, stay),
        judged_on=rights.day if rights and rights.day != care_date(stay) else None,
    )


def last_answer(patient_id: int) -> AmoAnswer | None:
    """What the AMO last said of a patient, without what is sealed in it."""
    return AmoAnswer.objects.filter(patient=patient_id).defer("content", "insured").first()


def amo_outcome(held: Coverage | None, last: AmoAnswer | None, day: date) -> Outcome:
    """A word and a sentence for each thing that the AMO may have said."""
    if last is None:
        if held is not None and held.answer_id:
            return Outcome("ok", "circle-check", "Confirmés", "Confirmés par CDRi.")
        if held is not None and held.piece not in ("", AmoPiece.NONE):
            said = f"Vu sur pièce ({held.get_piece_display()}), pas encore contrôlé par CDRi."
            return Outcome("sys", "file-text", "Sur pièce", said)
        return Outcome("sys", "file-text", "Déclarés", "Déclarés à l’accueil, pas encore contrôlés par CDRi.")
    at = last.answered_at
    paper = " Une pièce fait foi au dossier." if held is not None and held.piece else ""
    match last.outcome:
        case AmoOutcome.NONE:
            todo = paper or " Vérifiez-les, ou prenez l’attestation papier."
            said = f"CDRi ne trouve personne sous ce NIR, cette date et ce rang de naissance.{todo}"
            return Outcome("wait", "help-circle", "Introuvable", said, at)
        case AmoOutcome.SEVERAL:
            todo = paper or " Saisissez la caisse de la carte ou de l’attestation, puis redemandez."
            return Outcome("wait", "users", "Plusieurs", f"CDRi trouve plusieurs bénéficiaires.{todo}", at)
        case AmoOutcome.CLOSED:
            return Outcome("wait", "clock", "Service fermé", f"CDRi est fermé{NBSP}: il est redemandé seul.{paper}", at)
    if rights_open(last.rights_from, last.rights_until, day) is False:
        said = f"La caisse donne des droits {_days(last.rights_from, last.rights_until)}, pas à la date des soins."
        return Outcome("stop", "ban", "Fermés", said, at)
    if last.outcome == AmoOutcome.PARTIAL:
        missing = ", ".join(_ENTITIES.get(code, code) for code in last.missing)
        return Outcome("wait", "help-circle", "Incomplets", f"CDRi n’a pas dit{NBSP}: {missing}.", at)
    assert last.expires_at is not None
    limit = f"{timezone.localtime(last.expires_at):%d/%m à %H:%M}"
    if last.expires_at <= timezone.now():
        said = f"Réponse de CDRi valable jusqu’au {limit}{NBSP}: redemandée seule avant la facture."
        return Outcome("sys", "clock", "À revérifier", said, at)
    return Outcome("ok", "circle-check", "Ouverts", f"Contrôlés par CDRi, réponse valable jusqu’au {limit}.", at)


def trust_of(coverage: Coverage, rights: Rights | None = None) -> Trust:
    """How far a coverage may be believed: by whence it comes, then by what its payer said of it (CDRi, IDB)."""
    if coverage.kind == CoverageKind.AMO and coverage.answer_id:
        return Trust.CONFIRMED
    if rights is not None and rights.status == RightsStatus.OPEN:
        return Trust.CONFIRMED
    return _TRUST[CoverageSource(coverage.source)]


def _beneficiary(held: Coverage | None, stay: Stay) -> str:
    if held is None:
        return ""
    quality = _QUALITIES.get(held.quality, "")
    if quality and quality != "assuré":
        return f"Ayant droit ({quality}) de l’assuré {nir(held.insured) if held.insured else ''}".rstrip()
    if held.insured and stay.patient.nir and held.insured != stay.patient.nir:
        return f"Assuré {nir(held.insured)}"
    return ""


def _shown(one: AmoDifference, text: str) -> str:
    return (nir(text) if one.field == "insured" and text else text) or "rien"


def _stop(one: AmoDifference) -> str:
    return {
        "unknown_fund": "Aucune fiche débiteur n’a ce numéro\u00a0: à créer par la finance.",
        "billed": "Une facture est partie\u00a0: rien ne change plus.",
    }.get(one.cause, "")


def _days(start: date | None, end: date | None) -> str:
    first = f"du {start:%d/%m/%Y}" if start else ""
    last = f"au {end:%d/%m/%Y}" if end else ""
    return " ".join(filter(None, (first, last)))
