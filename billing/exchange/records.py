"""What exchange files say, free of positions. Amounts are `Decimal` euros with two places, dates are calendar days.

`line` is the line of the file (from 1), `number` the record number that the file itself carries (from 1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from gap.fixedwidth import FieldError

# ---- out ----


@dataclass(frozen=True, slots=True)
class LotHeader:
    """One lot of invoices to one AMC. `number`: up to 9 digits; `created_at`: local time; `test`: no money may move."""

    number: str
    amc_number: str
    finess_legal: str
    finess_site: str
    created_at: datetime
    dre_address: str = ""
    dre_recipient: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class DreLine:
    """One service: `total` = quantity × unit price, the AMO's part and the AMC's part of it. `rate` in percent."""

    number: int
    service_code: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    amo_base: Decimal
    rate: int
    amo_amount: Decimal
    amc_amount: Decimal
    start: date
    end: date
    treatment_mode: str = "00"
    dmt: str = "000"


@dataclass(frozen=True, slots=True)
class DreInvoice:
    """One invoice to an AMC, for exactly the amount that it engaged.

    `number` = YY + 7 digits; `nir` = 15 characters; `birth` = a date, or AAMMJJ when it is not one (lunar months; and
    always so on reading, since the record has no century); `kind` = EXTERNE or SEJOUR; `finess_site` in 9 characters,
    Corsica in digits on reading.
    """

    number: str
    engagement_number: str
    engaged_amount: Decimal
    finess_site: str
    stay_number: str
    nir: str = field(repr=False)
    birth: date | str = field(repr=False)
    amc_number: str
    entry: date
    exit: date
    domain: str
    kind: str
    lines: tuple[DreLine, ...]
    member_number: str = field(default="", repr=False)
    convention: str = ""
    csr: str = ""
    amo_regime: str = ""
    amo_fund: str = ""
    amo_centre: str = ""
    nature_assurance: str = "10"
    exemption: str = ""
    beneficiary_rank: str = "000"
    birth_rank: int = 1
    exit_hour: int = 0
    contract_type: str = ""


@dataclass(frozen=True, slots=True)
class LotSummary:
    """What was written: number of invoices and of records, sum of the AMC amounts, bytes."""

    invoice_count: int
    record_count: int
    total: Decimal
    size: int


# ---- back ----


class ReturnKind(StrEnum):
    """What an AMC sends back."""

    ARL = "ARL"
    PAYMENT = "578R"
    REJECTION = "908R"


@dataclass(frozen=True, slots=True)
class ReturnHeader:
    """Who wrote the file, to whom, when. (`amc_number`, `file_number`, `kind`) names it."""

    kind: ReturnKind
    file_number: str
    amc_number: str
    finess_legal: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LotAcknowledgement:
    """ARL: the AMC accepts or refuses a whole lot, counted as it received it."""

    line: int
    number: int
    lot_number: str
    accepted: bool
    invoice_count: int
    amount: Decimal
    code: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceAnomaly:
    """ARL: why a lot is refused; an empty `invoice_number` means that the fault is the lot's own."""

    line: int
    number: int
    lot_number: str
    invoice_number: str
    code: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Remittance:
    """578R: one transfer. Its invoices follow; their sum is `amount` (negative when money is taken back)."""

    line: int
    number: int
    reference: str
    paid_on: date
    amount: Decimal
    invoice_count: int


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """578R: what a transfer pays of one invoice (negative when it takes back)."""

    line: int
    number: int
    reference: str
    paid_on: date
    lot_number: str
    invoice_number: str
    engagement_number: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceRejection:
    """908R: one invoice that won't be paid, and why."""

    line: int
    number: int
    lot_number: str
    invoice_number: str
    engagement_number: str
    rejected_on: date
    code: str
    label: str = ""


Record = LotAcknowledgement | InvoiceAnomaly | Remittance | InvoicePayment | InvoiceRejection


@dataclass(frozen=True, slots=True)
class RecordError:
    """One line that can't be used; the others can. `errors` locates each fault; no value is repeated."""

    line: int
    reason: str
    message_fr: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """Always the last item of a reading.

    `complete`: the file is whole and unaltered (header, numbering, counts, totals, control). A file that is
    not complete was cut or altered: `billing/returns.py` says what is applied of each.
    `errors` counts unusable lines, which a complete file
    may have. `reasons_fr`: sentences, empty when complete.
    """

    complete: bool
    kind: str
    header: ReturnHeader | LotHeader | None
    record_count: int
    errors: int
    total: Decimal
    reasons_fr: tuple[str, ...]
