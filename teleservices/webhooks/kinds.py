"""What may be told, and the scope of the client that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from accounts.enums import Scope
from admissions.enums import EventKind

RIGHTS_CHANGED: Final = "rights.changed"
INVOICE_SENT: Final = "invoice.sent"
AGREEMENT_CHANGED: Final = "agreement.changed"

OF_EVENTS: Final[Mapping[str, str]] = {
    EventKind.STAY_PREADMITTED: "stay.preadmitted",
    EventKind.STAY_ADMITTED: "stay.admitted",
    EventKind.MOVEMENT_ADDED: "stay.moved",
    EventKind.STAY_CORRECTED: "stay.corrected",
    EventKind.STAY_REQUALIFIED: "stay.requalified",
    EventKind.STAY_DISCHARGED: "stay.discharged",
    EventKind.STAY_CANCELLED: "stay.cancelled",
    EventKind.STAY_CLOSED: "stay.closed",
    EventKind.COVERAGE_CHANGED: "coverage.changed",
    EventKind.PATIENT_CORRECTED: "patient.corrected",
}
SCOPES: Final[Mapping[str, Scope]] = {
    **dict.fromkeys(OF_EVENTS.values(), Scope.STAYS_READ),
    "patient.corrected": Scope.PATIENTS_READ,
    RIGHTS_CHANGED: Scope.STAYS_READ,
    INVOICE_SENT: Scope.INVOICES_READ,
    AGREEMENT_CHANGED: Scope.INVOICES_READ,
}
