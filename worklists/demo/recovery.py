"""Invoices leave, answers and money come back: one sending day after the other, over the simulator's transport.

What would have come by today is waited for; what would come later is left with the simulator, which delivers it in its
own time (`scenario.json`, key `delay_s`).
"""

from __future__ import annotations

import json
import time as clock
from datetime import date, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from random import Random

from django.core.files.storage import storages
from django.utils import timezone

from accounts.enums import Role
from billing import lots, returns, services
from billing.enums import FileDirection, FileStatus, InvoiceStatus, Payer, PaymentMeans
from billing.models import ExchangeFile, Invoice
from worklists.demo.acts import Hospital
from worklists.demo.plots import FULL_SIZE, Script

_PATIENCE_S = 20.0
_DAY_S = 86_400
# Days from a lot to its payment: the programme's mean is 6.2.
_PAYMENT_DAYS = (4, 5, 6, 6, 7, 8, 9)
_REJECTIONS = (
    ("NOM-INC", "Nom du beneficiaire different"), ("DAT-SEJ", "Dates du sejour incoherentes"),
    ("PRE-INC", "Prestation inconnue a cette date"), ("DOU-FAC", "Facture deja recue"),
)  # fmt: skip
_REJECTIONS_LEAST = 3
# While the demonstration runs, an AMC pays a minute after it has received a lot: long enough to be seen.
_LIVE_DELAY_S = 60
# Patients who have not paid yet, at least.
_STILL_OWING = 2


class Recovery:
    """Sends lots and takes returns as the scheduler would, on the days that the stays ended."""

    def __init__(self, hospital: Hospital, rng: Random, size: int) -> None:
        self._hospital = hospital
        self._rng = rng
        self._folder = Path(storages["exchange"].path(""))
        self._troubles = _troubles(size)
        self._means = cycle((PaymentMeans.CARD, PaymentMeans.CHEQUE, PaymentMeans.CASH, PaymentMeans.CARD))
        #: Lot → when its money came, or will.
        self.paid_at: dict[int, datetime] = {}

    def send(self, day: date) -> None:
        """What is ready leaves; what has come back meanwhile is taken in."""
        now = self._hospital.now
        delay = timedelta(days=self._rng.choice(_PAYMENT_DAYS), minutes=self._rng.randrange(600))
        paid_at = timezone.make_aware(datetime.combine(day, time(9))) + delay
        wanted: dict[str, object] = {"delay_s": round(max((paid_at - now).total_seconds(), 0))}
        age = (timezone.localdate(now) - day).days
        trouble = self._troubles[0][1] if self._troubles and self._troubles[0][0] >= age else {}
        self._scenario(wanted | trouble)
        for lot_id in self._send():
            self.paid_at[lot_id] = paid_at
        returns.import_returns()
        if trouble and not trouble.keys() & self._left_of_scenario():
            # It took place: a day without a lot leaves it to the next one.
            self._troubles.pop(0)

    def _send(self) -> list[int]:
        before = set(_lot_ids())
        lots.send_lots()
        # A lot is in one folder or in the other: in this order, none is missed.
        self._wait("out")
        self._wait(".work")
        return [lot_id for lot_id in _lot_ids() if lot_id not in before]

    def resend_rejected(self, keep: int) -> None:
        """The billing office corrects the oldest rejected invoices and sends them again; the last ones wait."""
        self._take_what_is_due()
        rejected = Invoice.objects.filter(status=InvoiceStatus.REJECTED, engagement__isnull=False).order_by("pk")
        notes = ("Nom corrigé d’après la pièce d’identité", "Dates du séjour revues", "Prestation vérifiée")
        for number, invoice in enumerate(list(rejected[: max(rejected.count() - keep, 0)])):
            actor = self._hospital.someone(Role.BILLING, number)
            services.correct_and_resend(invoice.pk, notes[number % len(notes)], actor, version=invoice.version)
        self._scenario({"delay_s": 0})
        self._send()
        self._take_what_is_due()

    def finish(self) -> None:
        """Leave the transport as the demonstration wants it while it runs."""
        self._take_what_is_due()
        self._scenario({"delay_s": _LIVE_DELAY_S})

    def _take_what_is_due(self) -> None:
        self._wait(".due", due_by=clock.time())
        returns.import_returns()

    def collect(self, scripts: list[Script]) -> None:
        """The AMO's transfers and the patients' payments, seen by the people who take them."""
        today = timezone.localdate(self._hospital.now)
        ages = {script.stay_id: script.exit for script in scripts if script.exit}
        invoices = list(Invoice.objects.exclude(payer=Payer.AMC).filter(status=InvoiceStatus.READY).order_by("pk"))
        # Whatever the day draws, somebody still has something to pay.
        owing = [invoice.pk for invoice in invoices if invoice.payer == Payer.PATIENT][-_STILL_OWING:]
        for invoice in invoices:
            if invoice.pk in owing:
                continue
            left = ages.get(invoice.stay_id)
            if left is None:
                continue
            exit_day = timezone.localdate(left)
            if invoice.payer == Payer.AMO:
                self._amo_pays(invoice, exit_day + timedelta(days=self._rng.randrange(8, 16)), today)
            else:
                self._patient_pays(invoice, exit_day, today)

    def _amo_pays(self, invoice: Invoice, day: date, today: date) -> None:
        if day > today:
            return
        actor = self._hospital.someone(Role.BILLING, invoice.pk)
        reference = f"VIR AMO {day:%Y%m%d} {invoice.number}"
        services.record_payment(invoice.pk, invoice.amount, PaymentMeans.TRANSFER, reference, day, actor)

    def _patient_pays(self, invoice: Invoice, exit_day: date, today: date) -> None:
        drawn = self._rng.randrange(100)
        day = exit_day if drawn < 35 else exit_day + timedelta(days=self._rng.randrange(9, 30))
        if day > today or drawn >= 90:
            return
        means = next(self._means)
        actor = self._hospital.someone(Role.CASHIER, 0)
        services.record_payment(invoice.pk, invoice.amount, means, f"Quittance {invoice.number}", day, actor)

    def _scenario(self, wanted: dict[str, object]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / "scenario.json.tmp"
        beside.write_text(json.dumps(wanted), encoding="utf-8")
        beside.replace(self._folder / "scenario.json")

    def _left_of_scenario(self) -> set[str]:
        """What the simulator has not used up."""
        try:
            return set(json.loads((self._folder / "scenario.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return set()

    def _wait(self, name: str, due_by: float | None = None) -> None:
        """Until the simulator has emptied this folder (or of `.due`, what is due). Raises RuntimeError."""
        deadline = clock.monotonic() + _PATIENCE_S
        while any(_is_awaited(path, due_by) for path in (self._folder / name).iterdir()):
            if clock.monotonic() > deadline:
                raise RuntimeError("Le simulateur des organismes ne prend plus les lots de factures.")
            clock.sleep(0.02)


def _is_awaited(path: Path, due_by: float | None) -> bool:
    if path.suffix == ".tmp":
        return due_by is not None
    return due_by is None or float(path.name.partition("_")[0]) <= due_by


def _lot_ids() -> list[int]:
    lots_sent = ExchangeFile.objects.filter(direction=FileDirection.OUT).exclude(status=FileStatus.PREPARED)
    return list(lots_sent.order_by("pk").values_list("pk", flat=True))


def _troubles(size: int) -> list[tuple[int, dict[str, object]]]:
    """Age in days → what goes wrong in the transport that day, the oldest first: each happens once.

    A small hospital has fewer rejections; the others are one of each, and are needed for every state to be seen.
    """
    ages = (52, 47, 41, 36, 30, 25, 21, 18, 15, 13)
    wanted = max(_REJECTIONS_LEAST, round(len(ages) * size / FULL_SIZE))
    rejected: list[tuple[int, dict[str, object]]] = [
        (age, {"reject_next": {"code": code, "label": label}})
        for age, (code, label) in zip(ages[: wanted - 1] + ages[-1:], _REJECTIONS * 3, strict=False)
    ]
    others: list[tuple[int, dict[str, object]]] = [
        (44, {"duplicate_next_return": True}),
        (33, {"truncate_next_return": True}),
        (28, {"pay_delta": "-1.00"}),
        (23, {"pay_delta": "2.50"}),
        (10, {"negative_arl_next": {"code": "LOT-FMT", "label": "Lot illisible"}}),
        (6, {"no_arl_next": True}),
        (4, {"no_arl_next": True}),
    ]
    return sorted([*rejected, *others], key=lambda trouble: -trouble[0])
