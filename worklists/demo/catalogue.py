"""The data files of the demonstration, as typed rows. The payers are those that the simulator serves."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

DATA = Path(__file__).parent / "data"
# The demonstration plays against the simulator: one list of payers for both sides.
PAYERS = Path(settings.BASE_DIR) / "simulator" / "data" / "amc.csv"

UNLISTED = "unlisted"
MULTIPLE = "multiple"
#: Payers that misbehave have numbers of their own, and no ordinary patient.
_TRIAL = "00990009"


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit, what is done there, and how often."""

    code: str
    name: str
    domain: str
    tariff_code: str
    kind: str
    weight: int


@dataclass(frozen=True, slots=True)
class FundRow:
    """A caisse of the AMO."""

    code: str
    name: str
    regime: str
    fund: str
    centre: str
    postcode: str
    town: str
    weight: int


@dataclass(frozen=True, slots=True)
class PayerRow:
    """An AMC. `centres`: the codes of its debtors, one or several (centres de gestion)."""

    number: str
    label: str
    operator: str
    listed: bool
    conventions: tuple[str, ...]
    csr_patterns: tuple[str, ...]
    domains: frozenset[str]
    address: str
    postcode: str
    town: str
    centres: tuple[tuple[str, str], ...]

    @property
    def is_trial(self) -> bool:
        return self.number.startswith(_TRIAL)


@dataclass(frozen=True, slots=True)
class StaffRow:
    username: str
    first_name: str
    last_name: str
    role: str
    signs_in: bool
    #: Of the simulated Pro Santé Connect; empty: not a professional whom it knows.
    rpps: str


@dataclass(frozen=True, slots=True)
class FirstNameRow:
    name: str
    sex: str
    born_from: int
    born_until: int


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def units() -> tuple[UnitRow, ...]:
    return tuple(
        UnitRow(row["code"], row["name"], row["domain"], row["tariff_code"], row["kinds"], int(row["weight"]))
        for row in rows(DATA / "units.csv")
    )


@cache
def funds() -> tuple[FundRow, ...]:
    return tuple(FundRow(**{**row, "weight": int(row["weight"])}) for row in rows(DATA / "funds.csv"))  # type: ignore[arg-type]


@cache
def staff() -> tuple[StaffRow, ...]:
    return tuple(StaffRow(**{**row, "signs_in": row["signs_in"] == "yes"}) for row in rows(DATA / "staff.csv"))  # type: ignore[arg-type]


@cache
def surnames() -> tuple[str, ...]:
    return tuple(row["name"] for row in rows(DATA / "surnames.csv"))


@cache
def first_names() -> tuple[FirstNameRow, ...]:
    return tuple(
        FirstNameRow(row["name"], row["sex"], int(row["born_from"]), int(row["born_until"]))
        for row in rows(DATA / "first_names.csv")
    )


@cache
def payers() -> tuple[PayerRow, ...]:
    centres: dict[str, list[tuple[str, str]]] = {}
    for row in rows(DATA / "centres.csv"):
        centres.setdefault(row["amc_number"], []).append((row["code"], row["name"]))
    return tuple(_payer(row, centres.get(row["amc_number"], [])) for row in rows(PAYERS))


def _payer(row: dict[str, str], centres: list[tuple[str, str]]) -> PayerRow:
    number = row["amc_number"]
    return PayerRow(
        number=number,
        label=row["label"],
        operator=row["operator"],
        listed=row["listed"] == "yes",
        conventions=tuple(row["conventions"].split("|")),
        csr_patterns=tuple(filter(None, row["csr_patterns"].split("|"))),
        domains=frozenset(row["domains"].split("|")),
        address=row["address"],
        postcode=row["postcode"],
        town=row["town"],
        centres=((f"AMC{number}", row["label"]), *centres),
    )
