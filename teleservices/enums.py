from django.db import models


class CallStatus(models.TextChoices):
    PLANNED = "planned", "prévu"
    CALLING = "calling", "en cours"
    UNKNOWN = "unknown", "issue inconnue"
    SUCCEEDED = "succeeded", "répondu"
    REFUSED = "refused", "refusé"
    NEEDS_REFERENT = "needs_referent", "arrêté, référent"
    CANCELLED = "cancelled", "sans objet"


# One of these at most for a stay × operation × coverage: a database constraint.
OPEN = (CallStatus.PLANNED, CallStatus.CALLING, CallStatus.UNKNOWN, CallStatus.NEEDS_REFERENT)
# What a worker may claim when its time has come.
CLAIMABLE = (CallStatus.PLANNED, CallStatus.UNKNOWN)


class Lane(models.TextChoices):
    INTERACTIVE = "interactive", "un patient attend"
    BATCH = "batch", "traitement de nuit"


class AttemptOutcome(models.TextChoices):
    STARTED = "started", "commencé"
    ANSWERED = "answered", "répondu"
    UNAVAILABLE = "unavailable", "répondu indisponible"
    NOT_SENT = "not_sent", "rien n’est parti"
    LOST = "lost", "parti, réponse perdue"
    INVALID = "invalid", "réponse illisible"
    REFUSED = "refused", "message refusé"
    CONFIGURATION = "configuration", "certificat ou réglage"


class Family(models.TextChoices):
    """The programme's families of return codes."""

    ANOMALY = "anomaly", "anomalies"
    CONFIGURATION = "configuration", "paramétrage"
    NO_THIRD_PARTY_PAYMENT = "no_third_party_payment", "tiers payant impossible"
    AMO_MISMATCH = "amo_mismatch", "régimes différents"
    MEMBER_NUMBER = "member_number", "n° d’adhérent"
    PRESCRIPTION_DATE = "prescription_date", "date de prescription"
    UNAVAILABLE = "unavailable", "organisme indisponible"
    UNKNOWN_CODE = "unknown_code", "codes inconnus"


class Disposition(models.TextChoices):
    """What the system does of a return code."""

    ESCALATE = "escalate", "signaler"
    REFERENT = "referent", "montrer au référent"
    INFORM_PATIENT = "inform_patient", "prévenir le patient"
    WAIT_ALIGNMENT = "wait_alignment", "attendre l’alignement des régimes"
    ASK_MEMBER_NUMBER = "ask_member_number", "demander le n° d’adhérent"
    REPLAY_WITH_ENTRY_DATE = "replay_with_entry_date", "rappeler avec la date d’entrée"
    RETRY = "retry", "réessayer"
    STORE = "store", "garder et alerter"


class AnomalyState(models.TextChoices):
    TO_REPORT = "to_report", "à signaler"
    REPORTED = "reported", "signalée"
    ANSWERED = "answered", "répondue"
    SOLVED = "solved", "résolue"
    DISMISSED = "dismissed", "sans suite"


# Nothing is expected any more: the same cause, met again, is another anomaly.
ANOMALY_OVER = (AnomalyState.SOLVED, AnomalyState.DISMISSED)


class Recipient(models.TextChoices):
    """Whose fault it may be."""

    VENDOR = "vendor", "éditeur"
    AMC = "amc", "organisme"


class LimitName(models.TextChoices):
    """Delays and caps that a référent may change, each with its unit."""

    SIMULATIONS = "simulations_per_stay", "simulations au plus pour un séjour"
    SIMULATION_MERGE = "simulation_merge_s", "changements regroupés avant une simulation (s)"
    ALIGNMENT = "alignment_show_after_s", "régimes différents, montrés après (s)"
    IDENTITY_AGAIN = "identity_again_s", "identité introuvable, redemandée après (s)"
    RIGHTS_AGAIN = "rights_again_s", "assuré introuvable, droits AMO redemandés après (s)"
    INS_AGAIN = "ins_again_s", "INS vérifiée de nouveau après (s)"
    BATCH_DAY_LINES = "batch_day_lines", "lignes d’un lot de jour, au plus"
    BATCH_NIGHT_LINES = "batch_night_lines", "lignes d’un lot de nuit, au plus"
    BATCH_DAY_AHEAD = "batch_day_ahead_d", "lot de jour : venues des prochains (jours)"
    BATCH_NIGHT_AHEAD = "batch_night_ahead_d", "lot de nuit : venues des prochains (jours)"


class BatchKind(models.TextChoices):
    RIGHTS = "rights", "droits AMO (CDRi)"
    INS = "ins", "INS (INSi)"


class BatchState(models.TextChoices):
    RUNNING = "running", "en cours"
    PAUSED = "paused", "en pause"
    STOPPED = "stopped", "arrêté"
    DONE = "done", "terminé"


class LineState(models.TextChoices):
    WAITING = "waiting", "à demander"
    ASKED = "asked", "demandée"
    ANSWERED = "answered", "répondue"
    SPARED = "spared", "sans besoin"
    FAILED = "failed", "en échec"


class PerimeterMode(models.TextChoices):
    """Steps of the ramp-up, from the narrowest."""

    CLOSED = "closed", "fermé"
    MIRROR = "mirror", "surveillance, AMC miroir seule"
    CIRCLE = "circle", "cercle de confiance"
    ALL = "all", "tous les organismes"


class Circle(models.TextChoices):
    MIRROR = "mirror", "AMC miroir"
    TRUST = "trust", "cercle de confiance"


class PlanStatus(models.TextChoices):
    """The words of the ANS's table."""

    PROPOSED = "proposed", "Proposé à l’établissement"
    VALIDATED = "validated", "Validé par l’établissement"


class CertificateUse(models.TextChoices):
    """To whom it presents us: each asks for its own."""

    DIRECTORY = "directory", "annuaire AMC"
    SERVICES = "services", "services des AMC"
    INSI = "insi", "identité nationale (INSi)"
    CDRI = "cdri", "droits AMO (CDRi)"


class CertificateState(models.TextChoices):
    READY = "ready", "prêt"
    IN_FORCE = "in_force", "en service"
    WITHDRAWN = "withdrawn", "retiré"


class TrustProblem(models.TextChoices):
    """Why we refused the certificate of a server."""

    UNKNOWN_AUTHORITY = "unknown_authority", "autorité non reconnue"
    EXPIRED = "expired", "expiré"
    NOT_YET = "not_yet", "pas encore valable"
    OTHER_NAME = "other_name", "fait pour un autre serveur"
    WRONG_PURPOSE = "wrong_purpose", "pas fait pour un serveur"
    OTHER = "other", "refusé par la vérification"


class HandshakeState(models.TextChoices):
    """Where a test d'accrochage stands."""

    RUNNING = "running", "en cours"
    SUCCEEDED = "succeeded", "réussi"
    FAILED = "failed", "échoué"
    STOPPED = "stopped", "arrêté"


class Kept(models.TextChoices):
    """What is kept for a time, then erased (RetentionRule)."""

    CALL_MESSAGES = "call_messages", "messages des appels"
    EXCHANGE_FILES = "exchange_files", "fichiers d’échange"
    CARD_IMAGES = "card_images", "images des cartes"
    AGREEMENT_LETTERS = "agreement_letters", "courriers des prises en charge"
    IDEMPOTENT_REPLIES = "idempotent_replies", "réponses rejouables"
    SESSIONS = "sessions", "sessions"
    REFUSED_CERTIFICATES = "refused_certificates", "certificats refusés"
