"""What of each table is held on a person, and given to them (policy.csv): a new table or column must be decided."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db.models import Field, Model

_FILE = Path(__file__).parent / "policy.csv"
_WHOLE = "*"


class Undecided(Exception):
    """A table or column that the policy does not name, or names wrongly. Its text names it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A table that speaks of people. `by` and `path`: how the rows of one are found (see `export`)."""

    model: type[Model]
    by: str
    path: str
    given: tuple[Field[Any, Any], ...]


def tables() -> list[Held]:
    """Every table that holds something on a person, in the order of the models. Raises Undecided."""
    with _FILE.open(newline="", encoding="utf-8") as file:
        said = {(row["table"], row["column"]): (row["fate"], row["how"]) for row in csv.DictReader(file)}
    found = []
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        fate, how = said.pop((table, _WHOLE), ("", ""))
        if fate == "elsewhere" and how:
            continue
        by, _, path = how.partition(":")
        if fate != "held" or not path:
            raise Undecided(table)
        found.append(Held(model, by, path, tuple(_given(model, said))))
    if said:
        raise Undecided(", ".join(f"{table}.{column}" for table, column in said))
    return found


def _given(model: type[Model], said: dict[tuple[str, str], tuple[str, str]]) -> list[Field[Any, Any]]:
    table, given = model._meta.db_table, []
    for field in model._meta.local_concrete_fields:
        fate, why = said.pop((table, field.column or ""), ("", ""))
        if fate == "given":
            given.append(field)
        elif fate != "withheld" or not why:
            raise Undecided(f"{table}.{field.column}")
    return given
