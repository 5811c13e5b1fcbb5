"""A hospital that came back from a backup: nothing is sent twice, no number is given twice, and what was lost is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction
from django.db.models import F
from psycopg import sql

from accounts.enums import JournalKind
from accounts.journal import sealing, writing
from accounts.journal.unit import current
from accounts.models import JournalSeal, Session
from admissions.services.downtime import withdraw_everywhere
from billing.models import NumberSeries
from billing.restored import hold_lots
from gap.templatetags.gap_format import counted
from teleservices.restored import hold_calls

#: Its gaps would be looked for by every seal; no number of it is known outside.
_NO_LEAP: Final = "accounts_journalentry_id_seq"


@dataclass(frozen=True, slots=True)
class Settled:
    """What waits for a person, and how many sessions were closed."""

    calls: int
    invoices: int
    lots: int
    sessions: int

    def __str__(self) -> str:
        calls = counted(self.calls, "engagement ou annulation,engagements ou annulations")
        return (
            f"Retenus jusqu’à «\u00a0manage.py release_restored\u00a0»\u00a0: {calls}, {counted(self.invoices, 'facture')}, "
            f"{counted(self.lots, 'lot')}. {counted(self.sessions, 'session fermée,sessions fermées')}."
        )


def last_seal() -> tuple[int, str]:
    """Number and digest of the journal's last seal; (0, "") before the first."""
    last = JournalSeal.objects.order_by("-number").first()
    return (last.number, bytes(last.digest).hex()) if last else (0, "")


@transaction.atomic
def settle(leap: int, taken_at: str) -> Settled:
    """Before anything starts on what came back. `leap`: numbers left out of every series, for those given since the
    backup to whoever still has them on paper or in another program."""
    _leap(leap)
    calls, (invoices, lots) = hold_calls(), hold_lots()
    # One that was ended since would be open again.
    sessions, _ = Session.objects.all().delete()
    # Sheets handed out since the backup are blank again here, and not in people's hands.
    withdraw_everywhere()
    settled = Settled(calls, invoices, lots, sessions)
    told = {"taken_at": taken_at, "calls": calls, "invoices": invoices, "lots": lots, "leap": leap}
    writing.done(JournalKind.ADMIN, "restore", detail=told)
    writing.write(current())
    return settled


def _leap(count: int) -> None:
    if not count:
        return
    with connection.cursor() as cursor:
        cursor.execute("select sequencename from pg_sequences where schemaname = 'public' order by 1")
        for (name,) in cursor.fetchall():
            if name != _NO_LEAP:
                # The last value of a sequence that gave none is null: it keeps its start, moved as far.
                cursor.execute(
                    sql.SQL(
                        "select setval({name}, (select coalesce(last_value, start_value - 1) + %s from pg_sequences "
                        "where schemaname = 'public' and sequencename = {name}))"
                    ).format(name=sql.Literal(name)),  # type: ignore[arg-type]
                    [count],
                )
    NumberSeries.objects.update(last=F("last") + count)


def journal_found(anchor: tuple[int, str]) -> sealing.Verification:
    """The chain as it came back, against the seal that the backup says was its last."""
    return sealing.verify(anchor=anchor if anchor[0] else None)
