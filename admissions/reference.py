"""Reference data of the admissions, from the project's own files."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from admissions.enums import Exemption, Nature
from admissions.models import AmoAcceptance, IdentityDocumentKind
from admissions.rules.amo import ORDINARY_NATURE, Effect

DATA = Path(__file__).parent / "data"


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def amo_effects() -> tuple[Effect, ...]:
    """What each code of the AMO makes of a stay, by precedence."""
    rows = [
        Effect(
            list=row["list"],
            code=row["code"],
            precedence=int(row["precedence"]),
            nature=row["nature"],
            exemption=row["exemption"],
            situation=row["situation"],
            label=row["label"],
            consequence=row["consequence"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_until=date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
        )
        for row in _rows("amo_effects.csv")
    ]
    return tuple(sorted(rows, key=lambda row: row.precedence))


def named(nature: str, exemption: str) -> str:
    """A nature and an exemption in words; empty for nothing particular."""
    said = [Nature(nature).label if nature != ORDINARY_NATURE and nature in Nature.values else ""]
    if exemption not in ("", "0"):
        said.append(Exemption(exemption).label if exemption in Exemption.values else f"exonération {exemption}")
    return ", ".join(filter(None, said))


def situation_named(code: str) -> str:
    return next((row.label for row in amo_effects() if row.situation == code), code)


def load_missing(**_signal: Any) -> None:
    """Fill the tables of an empty database; what a hospital has changed since is left alone."""
    known = set(IdentityDocumentKind.objects.values_list("code", flat=True))
    rows = _rows("identity_documents.csv")
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
    if not AmoAcceptance.objects.exists():
        AmoAcceptance.objects.bulk_create(
            [
                AmoAcceptance(
                    field=row["field"],
                    source=row["source"],
                    automatic=row["automatic"] == "yes",
                    note=row["note"],
                    valid_from=row["valid_from"],
                    valid_until=row["valid_until"] or None,
                )
                for row in _rows("amo_acceptance.csv")
            ],
            batch_size=100,
        )
