"""After a return to a backup: invoices and lots that may have left already wait for a person (docs/adr/0016)."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from billing.enums import FileDirection, FileStatus, InvoiceStatus, Payer
from billing.models import ExchangeFile, Invoice

#: Why they wait (`Invoice.blocked_reason`, `ExchangeFile.problem`): shown as it is, and what holds them.
RESTORED: Final = "Retenue après restauration\u00a0: peut-être déjà envoyée"


@transaction.atomic
def hold_lots() -> tuple[int, int]:
    """(Invoices held, lots held): those ready to leave at the backup."""
    ready = Invoice.objects.filter(status=InvoiceStatus.READY, payer=Payer.AMC)
    prepared = ExchangeFile.objects.filter(direction=FileDirection.OUT, status=FileStatus.PREPARED)
    return ready.update(blocked_reason=RESTORED), prepared.update(problem=RESTORED)


@transaction.atomic
def release_lots() -> tuple[int, int]:
    """Somebody has asked the payers: what was held leaves with the next lots. (Invoices, lots)."""
    invoices = Invoice.objects.filter(status=InvoiceStatus.READY, blocked_reason=RESTORED).update(blocked_reason="")
    lots = ExchangeFile.objects.filter(status=FileStatus.PREPARED, problem=RESTORED).update(problem="")
    return invoices, lots
