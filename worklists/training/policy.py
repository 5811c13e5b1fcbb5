"""What becomes of each column of each table in a copy for training (policy.csv): a new one must be decided."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from django.apps import apps
from django.db.models import Field

from worklists.training.invention import INVENTED

_FILE = Path(__file__).parent / "policy.csv"


class Fate(Enum):
    KEPT = "kept"
    REPLACED = "replaced"
    EMPTIED = "emptied"
    #: Its whole table stays away, or is made again from the rest.
    LEFT_OUT = "left_out"


class Undecided(Exception):
    """A column that the policy does not name, or names wrongly. Its text names it."""


@dataclass(frozen=True, slots=True)
class Column:
    """`how` names what is invented in its place, when it is replaced."""

    field: Field
    fate: Fate
    how: str


def tables() -> dict[str, list[Column]]:
    """Table → its columns, in the order of the model. Raises Undecided."""
    with _FILE.open(newline="", encoding="utf-8") as file:
        said = {(row["table"], row["column"]): row for row in csv.DictReader(file)}
    found: dict[str, list[Column]] = {}
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        for field in model._meta.local_concrete_fields:
            row = said.pop((table, field.column or ""), None)
            if row is None:
                raise Undecided(f"{table}.{field.column}")
            found.setdefault(table, []).append(_column(table, field, row))
    if said:
        raise Undecided(", ".join(f"{table}.{column}" for table, column in said))
    return found


def _column(table: str, field: Field, row: dict[str, str]) -> Column:
    name, fate = f"{table}.{field.column}", Fate(row["policy"])
    if fate is Fate.REPLACED and row["how"] not in INVENTED:
        raise Undecided(f"{name}, {row['how']}")
    if fate is Fate.EMPTIED and not (field.null or field.empty_strings_allowed):
        raise Undecided(f"{name} cannot be empty")
    return Column(field, fate, row["how"])
