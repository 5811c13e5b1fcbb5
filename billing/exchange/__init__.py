"""Files exchanged with complementary payers: DRE-ES out; ARL, 578R and 908R back.

Layouts are the CSV files of `layouts/` (ours: the official record tables are not public); codecs turn them into the
dataclasses of `records` and back. No ORM, no clock, no settings. Reading is streaming and never raises on bad content.
"""

from billing.exchange.dre import read_dre, write_dre
from billing.exchange.records import (
    DreInvoice,
    DreLine,
    FileVerdict,
    InvoiceAnomaly,
    InvoicePayment,
    InvoiceRejection,
    LotAcknowledgement,
    LotHeader,
    LotSummary,
    Record,
    RecordError,
    Remittance,
    ReturnHeader,
    ReturnKind,
)
from billing.exchange.returns import read_return, write_return

__all__ = [
    "DreInvoice",
    "DreLine",
    "FileVerdict",
    "InvoiceAnomaly",
    "InvoicePayment",
    "InvoiceRejection",
    "LotAcknowledgement",
    "LotHeader",
    "LotSummary",
    "Record",
    "RecordError",
    "Remittance",
    "ReturnHeader",
    "ReturnKind",
    "read_dre",
    "read_return",
    "write_dre",
    "write_return",
]
