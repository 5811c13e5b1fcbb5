"""The dated rules of the circuit outside ROC, by kind of stay (billing/data/pec_rules.csv)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from billing.rules.agreements import Clause

_FILE = Path(__file__).parent.parent / "data" / "pec_rules.csv"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done for a kind of stay, from a day to a day included. Delays in days.

    `asked`: a request is made; else the card's attestation is enough. `tacit_after`: silence is an agreement after so long,
    never when 0. `presumed`: what an agreement covers that nobody spelt out.
    """

    kind: str
    asked: bool
    remind_after: int
    tacit_after: int
    near_exit: int
    expiring: int
    presumed: tuple[Clause, ...]
    valid_from: date
    valid_until: date | None
    source: str


@cache
def all_rules() -> tuple[Rule, ...]:
    with _FILE.open(newline="", encoding="utf-8") as file:
        return tuple(
            Rule(
                kind=row["kind"],
                asked=row["asked"] == "yes",
                remind_after=int(row["remind_after_days"]),
                tacit_after=int(row["tacit_after_days"]),
                near_exit=int(row["near_exit_days"]),
                expiring=int(row["expiring_days"]),
                presumed=tuple(
                    Clause(covers, Decimal(percent))
                    for covers, percent in (part.split(":") for part in row["presumed"].split("|"))
                ),
                valid_from=date.fromisoformat(row["valid_from"]),
                valid_until=date.fromisoformat(row["valid_until"]) if row["valid_until"] else None,
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


def rule_for(kind: str, day: date) -> Rule:
    """The rule of a kind of stay on a day. Raises LookupError when the file has none."""
    for rule in all_rules():
        if rule.kind == kind and rule.valid_from <= day and (rule.valid_until is None or day <= rule.valid_until):
            return rule
    raise LookupError(f"pec_rules.csv: {kind}")
