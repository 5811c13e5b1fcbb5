"""What an address asks of the lists of debtors and associations. What cannot be read is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from debtors.enums import GONE, AssociationStatus, DebtorKind
from debtors.models import DatamatrixAssociation, Debtor
from debtors.querysets import search_debtors

_SORTS: Final = {"nom": "name", "numero": "amc_number", "ville": "town", "fiche": "refreshed_at"}
_ORDERS: Final = {"usages": "use_count", "depuis": "created_at", "organisme": "debtor__name"}


@dataclass(frozen=True, slots=True)
class DebtorFilter:
    """Search of debtors: a name, an AMC number, an operator or a town; and a nature."""

    text: str
    kind: DebtorKind
    sort: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> DebtorFilter:
        kind = query.get("nature", "")
        sort = query.get("tri", "")
        return cls(
            text=query.get("q", "").strip()[:60],
            kind=DebtorKind(kind) if kind in DebtorKind.values else DebtorKind.AMC,
            sort=sort if sort.removeprefix("-") in _SORTS else "nom",
        )

    def found(self) -> QuerySet[Debtor]:
        path = _SORTS[self.sort.removeprefix("-")]
        return search_debtors(self.text, self.kind).order_by(f"-{path}" if self.sort.startswith("-") else path, "pk")

    @staticmethod
    def adorned(debtors: QuerySet[Debtor]) -> QuerySet[Any]:
        """With how many associations stand for each, and how many wait for a référent."""
        waiting = Q(associations__status__in=[AssociationStatus.TO_VALIDATE, AssociationStatus.TO_VERIFY])
        return debtors.annotate(
            associations_count=Count("associations", filter=~Q(associations__status__in=GONE)),
            waiting_count=Count("associations", filter=waiting),
        )


@dataclass(frozen=True, slots=True)
class AssociationFilter:
    """Associations of one status, the most used first."""

    status: AssociationStatus
    text: str
    sort: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> AssociationFilter:
        status = query.get("statut", "")
        sort = query.get("tri", "")
        return cls(
            status=AssociationStatus(status) if status in AssociationStatus.values else AssociationStatus.TO_VALIDATE,
            text=query.get("q", "").strip()[:60],
            sort=sort if sort.removeprefix("-") in _ORDERS else "-usages",
        )

    def found(self) -> QuerySet[DatamatrixAssociation]:
        rows = DatamatrixAssociation.objects.filter(status=self.status)
        if self.text:
            digits = self.text.replace(" ", "")
            rows = (
                rows.filter(amc_number__contains=digits)
                if digits.isdigit()
                else rows.filter(debtor__name__icontains=self.text)
            )
        path = _ORDERS[self.sort.removeprefix("-")]
        return rows.order_by(f"-{path}" if self.sort.startswith("-") else path, "pk")
