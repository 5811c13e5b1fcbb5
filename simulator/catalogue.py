"""The data of the simulator, read once from CSV files: payers, contracts, services, return codes, markers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

DATA = Path(__file__).parent / "data"

SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Amc:
    """A payer. Its name and operator are public; its number, address and habits are invented (see README)."""

    number: str
    label: str
    operator: str
    listed: bool
    connected_since: date | None
    conventions: frozenset[str]
    csr_patterns: tuple[str, ...]
    domains: frozenset[str]
    multiple_centres: bool
    contract: str
    simulations_max: int
    behaviour: str
    address: str
    postcode: str
    town: str

    @property
    def dre_address(self) -> str:
        """Where its invoices go: an invented mailbox in a domain that cannot exist."""
        return f"dre-{self.number}@operateur.invalid"

    def serves(self, convention: str, csr: str, domain: str, day: date) -> bool:
        """Does the directory give this AMC for this card, in this domain, on this day?"""
        connected = self.listed and self.connected_since is not None and self.connected_since <= day
        return connected and domain in self.domains and convention in self.conventions and self._accepts(csr)

    def _accepts(self, csr: str) -> bool:
        return not self.csr_patterns or any(_csr_matches(pattern, csr) for pattern in self.csr_patterns)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What a contract gives for a family of services. `ceiling`: euros for each unit; None: no ceiling."""

    covered: bool
    ceiling: Decimal | None


@dataclass(frozen=True, slots=True)
class Contract:
    code: str
    label: str
    responsible: bool
    guarantees: Mapping[str, Guarantee]

    @property
    def patient_share_possible(self) -> bool:
        """Something may be left to the patient: a family is not covered, or is covered up to a ceiling."""
        return any(not g.covered or g.ceiling is not None for g in self.guarantees.values())


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """`remembered` is False for the codes that say "nothing was processed": the same message may be sent again."""

    code: str
    operations: frozenset[str]
    remembered: bool
    label: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A member number (or, for DEL, an engagement number) that starts so brings this behaviour, on this condition."""

    prefix: str
    behaviour: str
    condition: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    amc: Mapping[str, Amc]
    contracts: Mapping[str, Contract]
    families: Mapping[str, str]
    return_codes: Mapping[str, ReturnCode]
    markers: tuple[Marker, ...]

    def family(self, service_code: str, kind: str) -> str:
        """Family of a service. A code that the table lacks belongs to the stay, or to the external acts."""
        return self.families.get(service_code, "SEJOUR" if kind == "SEJOUR" else "ACTE")


def load_catalogue(folder: Path = DATA) -> Catalogue:
    """Read the five files. Raises ValueError, KeyError or OSError when one is missing or wrong: nothing is guessed."""
    markers = [Marker(row["marker"], row["behaviour"], row["condition"]) for row in _rows(folder / "scenarios.csv")]
    return Catalogue(
        amc={amc.number: amc for amc in map(_amc, _rows(folder / "amc.csv"))},
        contracts=_contracts(folder / "contracts.csv"),
        families={row["service_code"]: row["family"] for row in _rows(folder / "services.csv")},
        return_codes={row["code"]: _return_code(row) for row in _rows(folder / "return_codes.csv")},
        # The longest first: a marker may begin as another does.
        markers=tuple(sorted(markers, key=lambda marker: len(marker.prefix), reverse=True)),
    )


def _csr_matches(pattern: str, csr: str) -> bool:
    padded = csr.ljust(len(pattern))
    return len(padded) == len(pattern) and all(p in ("?", c) for p, c in zip(pattern, padded, strict=True))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream, strict=True)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(SEPARATOR) if part)


def _amc(row: dict[str, str]) -> Amc:
    return Amc(
        number=row["amc_number"],
        label=row["label"],
        operator=row["operator"],
        listed=row["listed"] == "yes",
        connected_since=date.fromisoformat(row["connected_since"]) if row["connected_since"] else None,
        conventions=frozenset(_split(row["conventions"])),
        csr_patterns=_split(row["csr_patterns"]),
        domains=frozenset(_split(row["domains"])),
        multiple_centres=row["multiple_centres"] == "yes",
        contract=row["contract"],
        simulations_max=int(row["simulations_max"]),
        behaviour=row["behaviour"],
        address=row["address"],
        postcode=row["postcode"],
        town=row["town"],
    )


def _contracts(path: Path) -> dict[str, Contract]:
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in _rows(path):
        grouped.setdefault(row["contract"], []).append(row)
    return {code: _contract(code, rows) for code, rows in grouped.items()}


def _contract(code: str, rows: list[dict[str, str]]) -> Contract:
    guarantees = {row["family"]: _guarantee(row) for row in rows}
    return Contract(code, rows[0]["label"], rows[0]["responsible"] == "yes", guarantees)


def _guarantee(row: dict[str, str]) -> Guarantee:
    ceiling = row["ceiling_eur_per_unit"]
    return Guarantee(row["covered"] == "yes", Decimal(ceiling) if ceiling else None)


def _return_code(row: dict[str, str]) -> ReturnCode:
    return ReturnCode(row["code"], frozenset(_split(row["operations"])), row["remembered"] == "yes", row["label"])
