from billing.models.exchange import ExchangeFile, ExchangeRecord, Payment
from billing.models.invoices import Bill, Invoice, InvoiceLine, NumberSeries
from billing.models.pec import Agreement, AgreementLetter, AgreementLine, AgreementStep, LetterPage
from billing.models.rights import Engagement, Estimate, EstimateLine
from billing.models.tariffs import Activity, TariffItem, TariffValue

__all__ = [
    "Activity",
    "Agreement",
    "AgreementLetter",
    "AgreementLine",
    "AgreementStep",
    "Bill",
    "Engagement",
    "Estimate",
    "EstimateLine",
    "ExchangeFile",
    "ExchangeRecord",
    "Invoice",
    "InvoiceLine",
    "LetterPage",
    "NumberSeries",
    "Payment",
    "TariffItem",
    "TariffValue",
]
