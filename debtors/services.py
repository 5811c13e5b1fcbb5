"""Writes: associations learnt at the desk, and what the directory answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from debtors.enums import USABLE, AssociationStatus
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry
from debtors.querysets import CardContext, of_context


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


def store_directory_answer(key: dict[str, Any], answer: dict[str, Any], at: datetime) -> DirectoryEntry:
    """Keep what the directory said of one route. `key`: amc_number, convention, csr, domain."""
    entry, _ = DirectoryEntry.objects.update_or_create(defaults=answer | {"answered_at": at}, **key)
    return entry
