"""After a return to a backup: invoices and lots that may have left already wait for a person (docs/adr/0016)."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.enums import JournalKind
from accounts.journal import done
from admissions.errors import Refused
from billing.enums import FileDirection, FileStatus, InvoiceStatus, Payer
from billing.models import ExchangeFile, Invoice

#: Why they wait (`Invoice.blocked_reason`, `ExchangeFile.problem`): shown as it is, and what holds them.
RESTORED: Final = "Retenue après restauration\u00a0: peut-être déjà envoyée"

_SAYS: Final[dict[type[Invoice] | type[ExchangeFile], str]] = {Invoice: "blocked_reason", ExchangeFile: "problem"}


@transaction.atomic
def hold_lots() -> tuple[int, int]:
    """(Invoices held, lots held): those ready to leave at the backup."""
    ready = Invoice.objects.filter(status=InvoiceStatus.READY, payer=Payer.AMC)
    prepared = ExchangeFile.objects.filter(direction=FileDirection.OUT, status=FileStatus.PREPARED)
    return ready.update(blocked_reason=RESTORED), prepared.update(problem=RESTORED)


@transaction.atomic
def let_go(held: type[Invoice] | type[ExchangeFile], pk: int) -> None:
    """The payer has not had it: it leaves with the next lots. Raises Refused."""
    one = _held(held, pk)
    setattr(one, _SAYS[held], "")
    one.save(update_fields=[_SAYS[held]])
    _told("libérée après restauration", one)


@transaction.atomic
def had_already(held: type[Invoice] | type[ExchangeFile], pk: int) -> None:
    """The payer has had it: it is sent, and waits for what comes back. Raises Refused."""
    one = _held(held, pk)
    setattr(one, _SAYS[held], "")
    if isinstance(one, Invoice):
        one.status, one.sent_at = InvoiceStatus.SENT, timezone.now()
        one.save(update_fields=["blocked_reason", "status", "sent_at"])
    else:
        one.status = FileStatus.WRITTEN
        one.save(update_fields=["problem", "status"])
    _told("reçue par l’organisme avant la restauration", one)


def _held(held: type[Invoice] | type[ExchangeFile], pk: int) -> Invoice | ExchangeFile:
    found = held._default_manager.select_for_update().filter(pk=pk, **{_SAYS[held]: RESTORED}).first()
    waits = found is not None and found.status in (InvoiceStatus.READY, FileStatus.PREPARED)
    if found is None or not waits:
        raise Refused("Elle n’est plus retenue.", kept="Rien n’a changé.", todo="Rechargez la liste.")
    return found


def _told(action: str, one: Invoice | ExchangeFile) -> None:
    done(JournalKind.ADMIN, action, object_type=one._meta.db_table, object_id=one.pk)


@transaction.atomic
def release_lots() -> tuple[int, int]:
    """Somebody has asked the payers: what was held leaves with the next lots. (Invoices, lots)."""
    invoices = Invoice.objects.filter(status=InvoiceStatus.READY, blocked_reason=RESTORED).update(blocked_reason="")
    lots = ExchangeFile.objects.filter(status=FileStatus.PREPARED, problem=RESTORED).update(problem="")
    return invoices, lots
