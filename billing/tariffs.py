"""Values of tariffs at a date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Q

from billing.models import TariffItem, TariffValue
from billing.rules.split import NotDecided


class TariffBook:
    """The values of a set of items over a period, read in one query. Raises NotDecided for what has no value."""

    def __init__(self, codes: set[str], first: date, last: date) -> None:
        self._values: dict[str, list[TariffValue]] = {}
        self.items: dict[str, TariffItem] = {}
        rows = TariffValue.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=first), item__code__in=codes, valid_from__lte=last
        ).select_related("item")
        for row in rows:
            self._values.setdefault(row.item.code, []).append(row)
            self.items[row.item.code] = row.item

    def value(self, code: str, day: date) -> Decimal:
        for row in self._values.get(code, []):
            if row.valid_from <= day and (row.valid_until is None or day <= row.valid_until):
                return row.value
        raise NotDecided(f"Aucun tarif « {code} » n’est connu au {day:%d/%m/%Y}.")

    def label(self, code: str) -> str:
        if code not in self.items:
            raise NotDecided(f"Aucun tarif « {code} » n’est connu sur cette période.")
        return self.items[code].label
