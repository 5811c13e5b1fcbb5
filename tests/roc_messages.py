"""Invented patients and messages for the tests of the ROC teleservices. No real person, no real NIR."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from teleservices.messages import (
    Beneficiary,
    CalculationRequest,
    CancellationRequest,
    DirectoryRequest,
    DossierKind,
    Header,
    Operation,
    PayerRoute,
    Request,
    RightsRequest,
    ServiceLine,
    SimulationRequest,
)

AMC = "0099000102"
AMC_OTHER = "0099000112"
ROUTE = PayerRoute(AMC, "RO")
ENTRY, EXIT = date(2026, 5, 4), date(2026, 5, 7)


def nir(first_thirteen: str = "2840599999123") -> str:
    """Thirteen invented characters and their computed key."""
    digits = first_thirteen.replace("2A", "19").replace("2B", "18")
    return f"{first_thirteen}{97 - int(digits) % 97:02d}"


def header(message_id: UUID | None = None, dossier: str | None = None, **changes: Any) -> Header:
    base = Header(
        message_id=message_id or uuid4(),
        sent_at=datetime(2026, 5, 4, 8, 30, tzinfo=UTC),
        finess_legal="990000001",
        finess_site="990000019",
        software_name="mini-GAP",
        software_version="0.1.0",
        dossier_number=dossier or f"D{uuid4().hex[:12]}",
        domain="MCO",
        dossier_kind=DossierKind.STAY,
    )
    return replace(base, **changes)


def beneficiary(member: str = "ADH0001", **changes: Any) -> Beneficiary:
    base = Beneficiary(
        nir=nir(),
        birth_name="Écureuil d’Été",
        first_name="Zoé",
        birth_date=date(1984, 5, 12),
        used_name="Loutre & Fils <SA>",
        member_number=member,
        amo_regime="01",
    )
    return replace(base, **changes)


def lines() -> tuple[ServiceLine, ...]:
    """A stay of three days: 240 € left by the AMO; 60 € of daily charge; a single room at 70 € a day."""
    return (
        _line(1, "GHS", 1, "1200.00", "1200.00", "960.00"),
        _line(2, "FJ", 3, "20.00", "0.00", "0.00"),
        _line(3, "CP", 3, "70.00", "0.00", "0.00"),
    )


def _line(number: int, code: str, quantity: int, price: str, base: str, amo: str) -> ServiceLine:
    unit_price = Decimal(price)
    return ServiceLine(
        number,
        code,
        "Prestation",
        quantity,
        unit_price,
        unit_price * quantity,
        Decimal(base),
        Decimal(amo),
        ENTRY,
        EXIT,
    )


def directory_request(route: PayerRoute = ROUTE, **changes: Any) -> DirectoryRequest:
    return DirectoryRequest(changes.pop("header", None) or header(**changes), route, ENTRY)


def rights_request(member: str = "ADH0001", route: PayerRoute = ROUTE, **changes: Any) -> RightsRequest:
    return RightsRequest(header(**changes), route, beneficiary(member), ENTRY, EXIT)


def simulation_request(member: str = "ADH0001", route: PayerRoute = ROUTE, **changes: Any) -> SimulationRequest:
    return SimulationRequest(header(**changes), route, beneficiary(member), ENTRY, EXIT, lines())


def calculation_request(
    member: str = "ADH0001", route: PayerRoute = ROUTE, prescription: date | None = ENTRY, **changes: Any
) -> CalculationRequest:
    return CalculationRequest(header(**changes), route, beneficiary(member), ENTRY, EXIT, prescription, lines())


def cancellation_request(number: str, route: PayerRoute = ROUTE, **changes: Any) -> CancellationRequest:
    return CancellationRequest(header(**changes), route, number, "Erreur de saisie")


def request_for(operation: Operation, marker: str = "ADH0001", route: PayerRoute = ROUTE, **changes: Any) -> Request:
    """A request of any operation; the marker is the member number, or the engagement number of a DEL."""
    match operation:
        case Operation.DIRECTORY:
            return directory_request(route, **changes)
        case Operation.IDB:
            return rights_request(marker, route, **changes)
        case Operation.SIM:
            return simulation_request(marker, route, **changes)
        case Operation.CLC:
            return calculation_request(marker, route, **changes)
        case Operation.DEL:
            return cancellation_request(marker, route, **changes)
