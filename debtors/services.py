"""Writes: associations learnt at the desk and decided by a référent; what the directory and engagements refresh."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from debtors.enums import USABLE, AssociationStatus
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry
from debtors.querysets import CardContext, of_context


class AssociationConflict(Exception):
    """Another référent decided before, or a validated association already stands for this context."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@transaction.atomic
def learn_association(
    context: CardContext, debtor: Debtor, user: User | None, *, day: date | None = None
) -> DatamatrixAssociation:
    """An agent chose this debtor for this card. Stored to validate; the associations set aside are to verify.

    What a référent rejected for this context is not learnt again: that association is returned as it stands, and counts
    that it was chosen all the same. `day`: the day of care, when it was before today. What is learnt holds from then on,
    or the same card read again for the same stay would be unknown.
    """
    since = min(day or timezone.localdate(), timezone.localdate())
    here = of_context(context).select_for_update(of=("self",))
    if rejected := here.filter(status=AssociationStatus.REJECTED, debtor=debtor).order_by("-decided_at", "-pk").first():
        contested = DatamatrixAssociation.objects.filter(pk=rejected.pk)
        contested.update(contested_count=F("contested_count") + 1, contested_at=timezone.now())
        return rejected
    same = here.filter(status__in=USABLE)
    if already := same.filter(debtor=debtor).first():
        if since < already.valid_from:
            already.valid_from = since
            already.save(update_fields=["valid_from"])
        return already
    same.exclude(multiple_centres=True).update(
        status=AssociationStatus.TO_VERIFY, version=F("version") + 1, decided_at=None, decided_by=None
    )
    return DatamatrixAssociation.objects.create(
        fingerprint=context.fingerprint,
        amc_number=context.amc_number,
        convention=context.convention,
        csr=context.csr,
        domain=context.domain,
        debtor=debtor,
        multiple_centres=debtor.multiple_centres,
        status=AssociationStatus.TO_VALIDATE,
        valid_from=since,
        created_by=user,
    )


def count_use(association: DatamatrixAssociation, at: datetime) -> None:
    DatamatrixAssociation.objects.filter(pk=association.pk).update(use_count=F("use_count") + 1, last_used_at=at)


def decide_association(
    association_id: int, status: AssociationStatus, user: User | None, *, version: int, debtor: Debtor | None = None
) -> DatamatrixAssociation:
    """A référent, or a program of theirs (no user), validates, modifies (another debtor) or rejects.

    Raises AssociationConflict.
    """
    try:
        with transaction.atomic():
            association = DatamatrixAssociation.objects.select_for_update().get(pk=association_id)
            if association.version != version:
                by = association.decided_by
                who = by.short_name if by else "Quelqu’un d’autre"
                raise AssociationConflict(f"{who} a déjà traité cette association : rien n’a été écrasé.")
            if debtor is not None:
                association.debtor = debtor
                association.multiple_centres = debtor.multiple_centres
            association.status = status
            association.decided_by, association.decided_at = user, timezone.now()
            association.version += 1
            association.save()
    except IntegrityError as problem:
        raise AssociationConflict(
            "Une autre association est déjà en vigueur pour ce contexte. "
            "Rejetez-la d’abord, ou déclarez l’organisme en centre de gestion multiple."
        ) from problem
    return association


def store_directory_answer(key: dict[str, Any], answer: dict[str, Any], at: datetime) -> DirectoryEntry:
    """Keep what the directory said of one route. `key`: amc_number, convention, csr, domain."""
    entry, _ = DirectoryEntry.objects.update_or_create(defaults=answer | {"answered_at": at}, **key)
    return entry
