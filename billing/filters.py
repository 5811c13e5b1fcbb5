"""What an address asks of the lists of invoices and of exchange files. What cannot be read is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from billing.enums import FileDirection, FileKind, FileStatus, InvoiceStatus, Payer
from billing.models import ExchangeFile, Invoice

_NINE: Final = re.compile(r"[0-9]{9}")
_SORTS: Final = {"numero": "number", "montant": "amount", "depuis": "created_at", "debiteur": "debtor__name"}
AGES: Final = {"7": "plus de 7 jours", "30": "plus de 30 jours", "90": "plus de 90 jours"}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _one_of(value: str | None, known: Any) -> str:
    return value if value in known else ""  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """By number or IEP, payer, state, debtor and age. A patient's name is not one of them: addresses are logged."""

    text: str
    payer: str
    status: str
    debtor: int | None
    age: str
    sort: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> InvoiceFilter:
        sort = query.get("tri", "")
        return cls(
            text=query.get("q", "").strip()[:60],
            payer=_one_of(query.get("payeur"), Payer.values),
            status=_one_of(query.get("etat"), InvoiceStatus.values),
            debtor=_number(query.get("debiteur", "")),
            age=_one_of(query.get("age"), AGES),
            sort=sort if sort.removeprefix("-") in _SORTS else "depuis",
        )

    def found(self, invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
        if self.text:
            digits = self.text.replace(" ", "")
            if _NINE.fullmatch(digits):
                invoices = invoices.filter(Q(number=digits) | Q(stay__iep=digits))
            else:
                invoices = invoices.filter(debtor__name__icontains=self.text)
        if self.payer:
            invoices = invoices.filter(payer=self.payer)
        if self.status:
            invoices = invoices.filter(status=self.status)
        if self.debtor:
            invoices = invoices.filter(debtor=self.debtor)
        if self.age:
            invoices = invoices.filter(created_at__lt=timezone.now() - timedelta(days=int(self.age)))
        return invoices

    @property
    def ordering(self) -> tuple[str, str]:
        """«Depuis» counts the wait: the newest first is the shortest wait first."""
        path = _SORTS[self.sort.removeprefix("-")]
        down = self.sort.startswith("-") != (path == "created_at")
        return (f"-{path}" if down else path, "-pk")

    @property
    def active(self) -> bool:
        return bool(self.text or self.payer or self.status or self.debtor or self.age)


@dataclass(frozen=True, slots=True)
class ExchangeFilter:
    """Files by direction, kind and state, or by name or lot number."""

    text: str
    direction: str
    kind: str
    status: str
    again: bool

    @classmethod
    def read(cls, query: Mapping[str, str]) -> ExchangeFilter:
        return cls(
            text=query.get("q", "").strip()[:60],
            direction=_one_of(query.get("sens"), FileDirection.values),
            kind=_one_of(query.get("nature"), FileKind.values),
            status=_one_of(query.get("etat"), FileStatus.values),
            again=query.get("deja") == "oui",
        )

    def found(self, among: QuerySet[ExchangeFile]) -> QuerySet[ExchangeFile]:
        files = among.order_by("-created_at", "-pk")
        if self.text:
            files = files.filter(Q(name__icontains=self.text) | Q(lot_number=self.text.zfill(9)))
        if self.direction:
            files = files.filter(direction=self.direction)
        if self.kind:
            files = files.filter(kind=self.kind)
        if self.status:
            files = files.filter(status=self.status)
        if self.again:
            files = files.filter(resent_count__gt=0)
        return files

    @property
    def active(self) -> bool:
        return bool(self.text or self.direction or self.kind or self.status or self.again)
