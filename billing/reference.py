"""Reference data of billing: dated tariffs and rates, from the project's own file."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.models import TariffItem, TariffValue

DATA = Path(__file__).parent / "data"


def load_missing(**_signal: Any) -> None:
    """Fill the tariffs of an empty database; tariffs entered since are left alone."""
    if TariffItem.objects.exists():
        return
    with (DATA / "tariffs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    items: dict[str, TariffItem] = {}
    for row in rows:
        items.setdefault(
            row["code"],
            TariffItem(
                code=row["code"], label=row["label"], family=row["family"], service_family=row["service_family"]
            ),
        )
    TariffItem.objects.bulk_create(items.values())
    TariffValue.objects.bulk_create(
        TariffValue(
            item=items[row["code"]],
            value=Decimal(row["value"]),
            unit=row["unit"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_until=date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
            source=row["source"],
            confidence=row["confidence"],
        )
        for row in rows
    )
