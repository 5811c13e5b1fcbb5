"""Lines of the lists of the reference: associations, records of debtors, and the stays that hang on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import uuid4

from django.utils import timezone

from admissions.models import Stay
from debtors.enums import AssociationStatus, ChangeSource, ChangeState, ImportKind, ImportState
from debtors.models import DatamatrixAssociation, Debtor, DebtorChange, DebtorPair, FileImport
from tests.factories import AssociationFactory, DebtorFactory
from tests.worklists import scene, scene_amo, scene_identity


def a_contested_rejection() -> DatamatrixAssociation:
    return AssociationFactory(
        status=AssociationStatus.REJECTED, contested_count=2, contested_at=timezone.now(), decided_at=scene.ago(days=1)
    )


def a_proposed_change() -> DebtorChange:
    return DebtorChange.objects.create(
        debtor=DebtorFactory(locked=["town"], town="Brest"),
        field="town",
        before="Brest",
        after="Quimper",
        source=ChangeSource.ENGAGEMENT,
        state=ChangeState.PROPOSED,
        said_at=timezone.now(),
    )


def a_stay_of_a_rejected_association() -> Stay:
    stay = scene.a_stay()
    association = AssociationFactory(status=AssociationStatus.REJECTED)
    scene.a_coverage(stay, debtor=association.debtor, association=association)
    return stay


def a_pair() -> DebtorPair:
    first, second = DebtorFactory(), DebtorFactory()
    return DebtorPair.objects.create(
        first=first, second=second, score=90, reasons=["même n° AMC", "noms proches"], found_at=timezone.now()
    )


def an_idle_debtor() -> Debtor:
    return DebtorFactory(idle_since=timezone.localdate() - timedelta(days=500))


def a_stopped_import() -> FileImport:
    return FileImport.objects.create(
        kind=ImportKind.HISTORY, name="cartes-2024.csv", digest=uuid4().hex, state=ImportState.STOPPED,
        resumes=ImportState.APPLYING, tries=5, cause="DataError 22001 history.py:250", ended_at=timezone.now(),
        problem="L’application s’est arrêtée.",
    )  # fmt: skip


#: What puts one more line in each of the lists of the reference, by slug.
MAKERS: Final[dict[str, Callable[[], object]]] = {
    "rejets-contestes": a_contested_rejection,
    "changements-de-fiches": a_proposed_change,
    "doublons-de-debiteurs": a_pair,
    "debiteurs-sans-usage": an_idle_debtor,
    "imports-arretes": a_stopped_import,
    "debiteurs-a-revoir": a_stay_of_a_rejected_association,
}


def everything() -> None:
    AssociationFactory(status=AssociationStatus.TO_VALIDATE)
    AssociationFactory(status=AssociationStatus.TO_VERIFY)
    for make in MAKERS.values():
        make()
    scene_identity.an_unknown()
    scene_amo.an_unfound()
    scene_identity.a_double()
