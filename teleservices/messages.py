"""What the hospital and the payers say to each other, free of any wire format.

Amounts are `Decimal` euros with two places, quantities are whole units, dates are calendar days (Europe/Paris),
`sent_at` is an aware instant. One adapter a contract version turns these into XML and back (`teleservices.clients`).
Source of the fields: the programme's description of the five services; the field tables of the norm are not public
(see docs/conformite.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class Operation(StrEnum):
    """The outbound services of a complementary payer (AMC), the national directory of AMC, and two national services.

    INSI (who somebody is), INSV (is it still they) and CDRI (what the AMO owes them) are about a patient: they name no
    coverage and no debtor.
    """

    DIRECTORY = "ANNUAIRE"
    IDB = "IDB"
    SIM = "SIM"
    CLC = "CLC"
    DEL = "DEL"
    INSI = "INSI"
    INSV = "INSV"
    CDRI = "CDRI"


#: Asked of the Assurance maladie, of a patient: no payer answers for them.
NATIONAL: Final = (Operation.INSI, Operation.INSV, Operation.CDRI)


class DossierKind(StrEnum):
    """External care (ACE) or stay: an AMC answers the two by different rules."""

    EXTERNAL = "EXTERNE"
    STAY = "SEJOUR"


@dataclass(frozen=True, slots=True)
class Header:
    """Common to every request. `message_id` is decided when the call is planned and never changes."""

    message_id: UUID
    sent_at: datetime
    finess_legal: str
    finess_site: str
    software_name: str
    software_version: str
    dossier_number: str
    domain: str  # MCO, SMR, PSY, HAD
    dossier_kind: DossierKind


@dataclass(frozen=True, slots=True)
class PayerRoute:
    """What a card says of its payer: AMC number (10 digits), type de convention (2 letters), CSR (up to 9)."""

    amc_number: str
    convention: str
    csr: str = ""


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """Who is cared for. `nir` is the insured person's number with its key: 15 characters."""

    nir: str
    birth_name: str
    first_name: str
    birth_date: date
    birth_rank: int = 1
    used_name: str = ""
    member_number: str = ""
    amo_regime: str = ""


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One billable service. `total` = quantity × unit price; `amo_base` is what the AMO reimburses a share of."""

    number: int
    service_code: str
    label: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    amo_base: Decimal
    amo_amount: Decimal
    start: date
    end: date


# ---- requests ----


@dataclass(frozen=True, slots=True)
class DirectoryRequest:
    """Who answers for this card, in this domain, on this day?"""

    header: Header
    route: PayerRoute
    care_date: date


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """IDB: does the AMC cover this person on these days?"""

    header: Header
    route: PayerRoute
    beneficiary: Beneficiary
    care_start: date
    care_end: date | None = None


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """SIM: what would the AMC pay of these lines?"""

    header: Header
    route: PayerRoute
    beneficiary: Beneficiary
    entry: date
    expected_exit: date
    lines: tuple[ServiceLine, ...]


@dataclass(frozen=True, slots=True)
class CalculationRequest:
    """CLC: what does the AMC engage itself to pay of these final lines?"""

    header: Header
    route: PayerRoute
    beneficiary: Beneficiary
    entry: date
    exit: date
    prescription_date: date | None
    lines: tuple[ServiceLine, ...]


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """DEL: give up an engagement."""

    header: Header
    route: PayerRoute
    engagement_number: str
    reason: str


Request = DirectoryRequest | RightsRequest | SimulationRequest | CalculationRequest | CancellationRequest


# ---- answers ----

POSITIVE = "OK"


@dataclass(frozen=True, slots=True)
class AnswerHeader:
    """`message_id` echoes the request's. `code` is "OK" or a return code, kept as received (up to 20 characters).

    `usable`: the service has done its work under another code (nobody found is an answer, not a refusal).
    """

    message_id: UUID
    answered_at: datetime
    code: str
    label: str = ""
    messages: tuple[str, ...] = ()
    usable: bool = False

    @property
    def positive(self) -> bool:
        return self.usable or self.code == POSITIVE


@dataclass(frozen=True, slots=True)
class DirectoryAnswer:
    header: AnswerHeader
    found: bool
    amc_label: str = ""
    operator: str = ""
    connected_since: date | None = None
    idb_url: str = ""
    sim_url: str = ""
    clc_url: str = ""
    del_url: str = ""
    dre_address: str = ""
    contract_version: str = ""
    multiple_centres: bool = False


@dataclass(frozen=True, slots=True)
class CoveredFamily:
    """A family of services (SEJOUR, ACTE, CHAMBRE_PARTICULIERE…) and whether the contract covers it."""

    family: str
    covered: bool


@dataclass(frozen=True, slots=True)
class RightsAnswer:
    header: AnswerHeader
    rights_from: date | None = None
    rights_until: date | None = None
    contract_label: str = ""
    responsible_contract: bool | None = None
    patient_share_possible: bool | None = None
    families: tuple[CoveredFamily, ...] = ()
    answer_valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class LineShare:
    number: int
    amc_amount: Decimal


@dataclass(frozen=True, slots=True)
class SimulationAnswer:
    header: AnswerHeader
    lines: tuple[LineShare, ...] = ()
    amc_total: Decimal | None = None
    patient_share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DebtorData:
    """What an engagement tells of the debtor: enough to issue the DRE, and to refresh its record."""

    label: str
    address: str = ""
    postcode: str = ""
    town: str = ""


@dataclass(frozen=True, slots=True)
class CalculationAnswer:
    header: AnswerHeader
    engagement_number: str = ""
    lines: tuple[LineShare, ...] = ()
    amc_total: Decimal | None = None
    valid_until: date | None = None
    dre_address: str = ""
    dre_recipient: str = ""
    debtor: DebtorData | None = None


@dataclass(frozen=True, slots=True)
class CancellationAnswer:
    header: AnswerHeader
    cancelled_at: datetime | None = None


Answer = DirectoryAnswer | RightsAnswer | SimulationAnswer | CalculationAnswer | CancellationAnswer


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answered call: the answer, and what went over the wire (bytes, to be stored encrypted, never logged)."""

    # Of the operation that was asked: one of `Answer`, or of a national service's own messages. It has a `header`.
    answer: Any
    http_status: int
    request_xml: bytes = field(repr=False)
    response_xml: bytes = field(repr=False)
    duration_ms: int
