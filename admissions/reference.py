"""Reference data of the admissions, from the project's own files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from admissions.models import IdentityDocumentKind

DATA = Path(__file__).parent / "data"


def load_missing(**_signal: Any) -> None:
    """Fill the tables of an empty database; what a hospital has changed since is left alone."""
    known = set(IdentityDocumentKind.objects.values_list("code", flat=True))
    with (DATA / "identity_documents.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    IdentityDocumentKind.objects.bulk_create(
        [
            IdentityDocumentKind(
                code=row["code"],
                label=row["label"],
                trusted=row["trusted"] == "yes",
                note=row["note"],
                valid_from=row["valid_from"],
                valid_until=row["valid_until"] or None,
                source=row["source"],
            )
            for row in rows
            if row["code"] not in known
        ],
        batch_size=100,
    )
