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


class AgreementState(models.TextChoices):
    """Where a prise en charge (PEC) stands. Trade codes: billing/data/pec_states.csv."""

    TO_ASK = "to_ask", "à demander"
    REQUESTED = "requested", "demandée"
    GRANTED = "granted", "accordée"
    PARTLY_GRANTED = "partly_granted", "accordée en partie"
    REFUSED = "refused", "refusée"
    TACIT = "tacit", "tacite"
    SUSPENDED = "suspended", "suspendue"
    EXTENDED = "extended", "prolongée"


#: The payer pays: the stay may be billed by the contract lines.
PAYING = (
    AgreementState.GRANTED,
    AgreementState.PARTLY_GRANTED,
    AgreementState.TACIT,
    AgreementState.EXTENDED,
)
#: What each state may become; the database holds the same table (migration 0005).
AGREEMENT_STEPS = {
    AgreementState.TO_ASK: ("requested", "granted", "partly_granted", "refused", "tacit"),
    AgreementState.REQUESTED: ("granted", "partly_granted", "refused", "tacit", "suspended"),
    AgreementState.SUSPENDED: ("granted", "partly_granted", "refused"),
    AgreementState.GRANTED: ("extended", "suspended", "partly_granted", "refused"),
    AgreementState.PARTLY_GRANTED: ("extended", "suspended", "granted", "refused"),
    AgreementState.EXTENDED: ("suspended", "partly_granted", "granted", "refused"),
    AgreementState.TACIT: ("granted", "partly_granted", "refused", "suspended", "extended"),
    AgreementState.REFUSED: ("requested", "granted", "partly_granted"),
}


class AgreementEnd(models.TextChoices):
    """Why a prise en charge is closed: nothing more is expected of it."""

    BY_ROC = "by_roc", "l’organisme répond par ROC"
    STAY_CANCELLED = "stay_cancelled", "séjour annulé"
    COVERAGE_REPLACED = "coverage_replaced", "couverture remplacée"
    RIGHTS_CLOSED = "rights_closed", "droits fermés"
    REQUALIFIED = "requalified", "séjour requalifié"
    KEPT_SECRET = "kept_secret", "accouchement dans le secret"


class AgreementAct(models.TextChoices):
    """One step of the history of a prise en charge."""

    OPENED = "opened", "ouverte"
    REQUESTED = "requested", "demande"
    REMINDED = "reminded", "relance"
    ATTACHED = "attached", "courrier joint"
    DETACHED = "detached", "courrier retiré"
    READ = "read", "courrier lu"
    ANSWERED = "answered", "réponse"
    PRESUMED = "presumed", "accord tacite"
    CLOSED = "closed", "fermée"


class Covered(models.TextChoices):
    """What a contract line covers."""

    CO_PAYMENT = "TM", "ticket modérateur"
    DAILY_CHARGE = "FJ", "forfait journalier"
    SINGLE_ROOM = "CHP", "chambre particulière"
    COMPANION = "REP", "accompagnant"
