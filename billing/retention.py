"""What payers and we wrote to each other, once it has been kept long enough: of a file, its line and its records stay; of a
letter, what was typed of it."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from billing.enums import FileStatus
from billing.models import AgreementLetter, ExchangeFile
from billing.pec import letters
from teleservices import retention
from teleservices.enums import Kept


def _due(before: datetime) -> QuerySet:
    """A lot that was not deposited yet keeps its file whatever its age."""
    return ExchangeFile.objects.filter(created_at__lt=before).exclude(file="").exclude(status=FileStatus.PREPARED)


def _erase(files: QuerySet) -> None:
    for row in files:
        kept = row.file
        ExchangeFile.objects.filter(pk=row.pk).update(file="")
        transaction.on_commit(partial(kept.storage.delete, str(kept.name)))


def register() -> None:
    retention.register(Kept.EXCHANGE_FILES, retention.Purge(_due, _erase))
    retention.register(
        Kept.AGREEMENT_LETTERS,
        retention.Purge(lambda before: AgreementLetter.objects.filter(received_at__lt=before), letters.erase),
    )
