"""Stays whose patient is not quite known: what somebody at the desk may settle, document in hand."""

from __future__ import annotations

from django.db.models import Case, CharField, Q, QuerySet, Value, When

from accounts.sight import Here, seen, seen_whole
from admissions.enums import UNSETTLED, Incomplete, InsOutcome
from admissions.models import Patient, PatientPair, Stay
from admissions.services.identity import OPEN_STAYS
from gap.constants import constants


def to_complete(here: Here) -> QuerySet[Stay]:
    """Open stays of people registered before they were known, doubted, or whom INSi knows otherwise."""
    unsettled = Patient.objects.filter(~Q(incomplete="") | Q(doubtful=True) | Q(ins_outcome__in=UNSETTLED))
    return Stay.objects.filter(seen(here), status__in=constants(OPEN_STAYS), patient__in=unsettled.values("pk"))


def what_is_missing() -> Case:
    """The first thing to settle, in French."""
    return Case(
        When(patient__incomplete=Incomplete.UNKNOWN, then=Value("Patient inconnu\u00a0: identité à saisir")),
        When(patient__incomplete=Incomplete.NEWBORN, then=Value("Prénom de l’enfant à déclarer")),
        When(patient__doubtful=True, then=Value("Identité douteuse")),
        When(patient__ins_outcome=InsOutcome.PROPOSED, then=Value("Identité trouvée par INSi, à comparer")),
        default=Value("INS non confirmée\u00a0: pièce à comparer"),
        output_field=CharField(),
    )


def patient_pairs(here: Here) -> QuerySet[PatientPair]:
    """Pairs of dossiers of this hospital that nobody has decided, both still standing."""
    return PatientPair.objects.filter(
        decided_at__isnull=True,
        first__merged_into__isnull=True,
        second__merged_into__isnull=True,
        second__establishment=seen_whole(here),
    )
