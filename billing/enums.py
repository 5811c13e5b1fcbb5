from django.db import models


class Payer(models.TextChoices):
    AMO = "AMO", "assurance maladie"
    AMC = "AMC", "complémentaire"
    PATIENT = "PATIENT", "patient"


class InvoiceStatus(models.TextChoices):
    """States of a facture-tiers. Sent and later ones are immutable: a correction is a new number."""

    READY = "ready", "prête"
    SENT = "sent", "envoyée"
    ACKNOWLEDGED = "acknowledged", "reçue par l’organisme"
    REJECTED = "rejected", "rejetée"
    PARTLY_PAID = "partly_paid", "payée en partie"
    PAID = "paid", "payée"
    REPLACED = "replaced", "remplacée"
    CANCELLED = "cancelled", "annulée"


# Invoices that carry the bill's shares today.
LIVE = (
    InvoiceStatus.READY,
    InvoiceStatus.SENT,
    InvoiceStatus.ACKNOWLEDGED,
    InvoiceStatus.REJECTED,
    InvoiceStatus.PARTLY_PAID,
    InvoiceStatus.PAID,
)


class BillStatus(models.TextChoices):
    CURRENT = "current", "en vigueur"
    REPLACED = "replaced", "remplacée"


class EngagementStatus(models.TextChoices):
    IN_FORCE = "in_force", "en vigueur"
    CANCELLED = "cancelled", "annulé"


class FileDirection(models.TextChoices):
    OUT = "out", "envoyé"
    IN = "in", "reçu"


class FileKind(models.TextChoices):
    DRE_ES = "DRE-ES", "DRE-ES"
    ARL = "ARL", "ARL"
    PAYMENT = "578R", "578R"
    REJECTION = "908R", "908R"
    UNKNOWN = "?", "inconnu"


class FileStatus(models.TextChoices):
    PREPARED = "prepared", "à déposer"
    WRITTEN = "written", "déposé"
    ACKNOWLEDGED = "acknowledged", "acquitté"
    REFUSED = "refused", "refusé"
    IMPORTED = "imported", "importé"
    QUARANTINED = "quarantined", "en quarantaine"


class RecordStatus(models.TextChoices):
    APPLIED = "applied", "appliqué"
    ALREADY_APPLIED = "already_applied", "déjà appliqué"
    UNMATCHED = "unmatched", "non rapproché"
    INVALID = "invalid", "illisible"


class PaymentMeans(models.TextChoices):
    TRANSFER = "transfer", "virement"
    CARD = "card", "carte bancaire"
    CASH = "cash", "espèces"
    CHEQUE = "cheque", "chèque"
