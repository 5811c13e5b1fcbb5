from django.db import models


class Sex(models.TextChoices):
    FEMALE = "F", "féminin"
    MALE = "M", "masculin"
    UNKNOWN = "I", "indéterminé"


class IdentityStatus(models.TextChoices):
    """The four statuses of the national reference of identitovigilance (RNIV)."""

    PROVISIONAL = "PROV", "identité provisoire"
    VALIDATED = "VALI", "identité validée"
    RETRIEVED = "RECUP", "identité récupérée"
    QUALIFIED = "QUAL", "identité qualifiée"


class IdentityAct(models.TextChoices):
    """What moves an identity from one status to another, or says something of it."""

    DOCUMENT = "document", "pièce d’identité vue"
    INS_FOUND = "ins_found", "INS récupérée"
    INS_CONFIRMED = "ins_confirmed", "INS vérifiée"
    INS_NONE = "ins_none", "INSi : aucune identité"
    INS_SEVERAL = "ins_several", "INSi : plusieurs identités"
    INS_PROPOSED = "ins_proposed", "INSi : identité à comparer"
    INS_REFUSED = "ins_refused", "identité trouvée écartée"
    INS_ENDED = "ins_ended", "INS abandonnée"
    TRAITS = "traits", "traits stricts corrigés"
    DOUBTFUL = "doubtful", "identité douteuse"
    TRUSTED = "trusted", "doute levé"
    FICTITIOUS = "fictitious", "identité fictive"
    REAL = "real", "identité réelle"
    HOMONYM = "homonym", "homonyme signalé"
    ALONE = "alone", "homonyme retiré"


class Incomplete(models.TextChoices):
    """Why a person was registered before it was known who they are. Nobody: as anybody else."""

    NONE = "", "complète"
    UNKNOWN = "unknown", "patient inconnu"
    NEWBORN = "newborn", "nouveau-né sans prénom"


class InsSource(models.TextChoices):
    TRAITS = "traits", "INSi, par les traits"
    VITALE = "vitale", "INSi, par la carte Vitale"
    HISTORY = "history", "INSi, ancien matricule"


class InsEnd(models.TextChoices):
    """Why a matricule is no longer a patient's here."""

    FORMER = "former", "ancien matricule"
    TRAITS = "traits", "traits stricts corrigés"
    DOUBT = "doubt", "identité douteuse"
    FICTITIOUS = "fictitious", "identité fictive"
    REFUTED = "refuted", "non confirmée par INSi"
    REPLACED = "replaced", "autre matricule reçu"


class InsOutcome(models.TextChoices):
    """What the national service last said of a patient."""

    UNASKED = "", "pas encore demandée"
    FOUND = "found", "identité trouvée"
    NONE = "none", "aucune identité"
    SEVERAL = "several", "plusieurs identités"
    PROPOSED = "proposed", "identité à comparer"
    REFUSED = "refused", "identité écartée"
    REFUTED = "refuted", "identité non confirmée"


#: Answers that a person at the desk has to look at, a document in hand.
UNSETTLED = (InsOutcome.PROPOSED, InsOutcome.REFUTED)


class ProposalState(models.TextChoices):
    WAITING = "waiting", "à comparer"
    ACCEPTED = "accepted", "retenue"
    REFUSED = "refused", "écartée"
    REPLACED = "replaced", "remplacée"


class Protection(models.TextChoices):
    """Why a dossier is opened with a reason only. Nobody: it is opened as any other."""

    NONE = "", "aucune"
    STAFF = "staff", "personne qui travaille ici"
    EXPOSED = "exposed", "personne exposée"
    ANONYMOUS = "anonymous", "anonymat demandé"
    SECRET = "secret", "accouchement dans le secret"


class GlassReason(models.TextChoices):
    RECEPTION = "reception", "le patient est devant moi, ou arrive"
    BILLING = "billing", "facturation ou recouvrement"
    REQUEST = "request", "le patient ou son représentant le demande"
    MISTAKE = "mistake", "correction d’une erreur signalée"
    OTHER = "other", "autre raison"


class Verdict(models.TextChoices):
    """What who controls accesses thinks of an opening."""

    JUSTIFIED = "justified", "justifié"
    FOLLOWED = "followed", "à suivre"


class StayKind(models.TextChoices):
    EXTERNAL = "external", "consultation, soins externes"
    DAY = "day", "hôpital de jour"
    FULL = "full", "hospitalisation complète"
    EMERGENCY = "emergency", "passage aux urgences"
    SESSION = "session", "séances"


# Kinds that an AMC treats as external care (ACE): IDB then CLC, no SIM.
EXTERNAL_KINDS = (StayKind.EXTERNAL, StayKind.EMERGENCY)


class Domain(models.TextChoices):
    MCO = "MCO", "médecine, chirurgie, obstétrique"
    SMR = "SMR", "soins médicaux et de réadaptation"
    PSY = "PSY", "psychiatrie"
    HAD = "HAD", "hospitalisation à domicile"


class StayStatus(models.TextChoices):
    PREADMITTED = "preadmitted", "pré-admis"
    ADMITTED = "admitted", "présent"
    DISCHARGED = "discharged", "sorti"
    CLOSED = "closed", "soldé"
    CANCELLED = "cancelled", "annulé"


class DischargeMode(models.TextChoices):
    HOME = "home", "retour à domicile"
    TRANSFER = "transfer", "transfert"
    DEATH = "death", "décès"


class RequestCode(models.TextChoices):
    """Exigences particulières: what a patient asks for on top of care, in writing."""

    SINGLE_ROOM = "CHP", "chambre particulière"
    COMPANION_MEAL = "REP", "repas accompagnant"


class CoverageKind(models.TextChoices):
    AMO = "AMO", "assurance maladie obligatoire"
    AMC = "AMC", "complémentaire"


class CoverageSource(models.TextChoices):
    """Whence a coverage is known."""

    CDRI = "cdri", "réponse de CDRi"
    CARD = "card", "carte lue"
    PAPER = "paper", "attestation papier"
    BIRTH = "birth", "droits de la mère"
    API = "api", "reçue d’un autre logiciel"
    DECLARED = "declared", "déclarée"


class Trust(models.IntegerChoices):
    """How far a coverage may be believed before its payer has answered; an answer that agrees makes it CONFIRMED."""

    CONFIRMED = 4, "confirmée par l’organisme"
    PROVED = 3, "vue sur une pièce"
    RECEIVED = 2, "reprise d’un autre dossier"
    SAID = 1, "dite par le patient"


class AmoOutcome(models.TextChoices):
    """What the service of AMO rights came to, a state each."""

    FOUND = "found", "droits trouvés"
    PARTIAL = "partial", "réponse partielle"
    NONE = "none", "bénéficiaire inconnu"
    SEVERAL = "several", "plusieurs bénéficiaires"
    CLOSED = "closed", "service fermé"


class AmoField(models.TextChoices):
    """What may differ between what we had of the AMO and what it says."""

    FUND = "fund", "caisse"
    INSURED = "insured", "NIR de l’assuré"
    EXEMPTION = "exemption", "exonération"
    SITUATIONS = "situations", "situation particulière"
    PERIOD = "period", "dates des droits"
    CLOSED = "closed", "droits fermés à la date des soins"


class DifferenceState(models.TextChoices):
    WAITING = "waiting", "à décider"
    ACCEPTED = "accepted", "repris"
    REFUSED = "refused", "écarté"
    REPLACED = "replaced", "remplacé par une autre réponse"


class AmoPiece(models.TextChoices):
    """Nature de la pièce justificative: the codes of the norm (B2 2/58)."""

    NONE = "0", "aucune"
    ATTESTATION = "1", "attestation (AME, C2S…)"
    RIGHTS = "2", "attestation de droits"
    CARE = "3", "prise en charge"
    VITALE = "4", "carte Vitale"
    CARE_CDRI = "5", "prise en charge après CDRi"


class Exemption(models.TextChoices):
    """Justification d’exonération du ticket modérateur (B2 2/79)."""

    COSTLY = "1", "acte coûteux"
    LONG = "2", "séjour de plus de 30 jours"
    PARTICULAR = "3", "soins particuliers exonérés"
    ALD = "4", "affection de longue durée"
    PERSON = "5", "assuré ou bénéficiaire exonéré"
    REGIME = "6", "régime spécial"
    PREVENTION = "7", "prévention"
    ASPA = "9", "ASPA"
    NATURE = "C", "acte exonéré"


class Nature(models.TextChoices):
    """Nature d’assurance (B2 2/77-78)."""

    ILLNESS = "10", "maladie"
    LOCAL = "13", "maladie, régime local"
    MATERNITY = "30", "maternité"
    ACCIDENT = "41", "accident du travail, maladie professionnelle"
    PREVENTION = "90", "prévention"


class RightsStatus(models.TextChoices):
    """Three outcomes, never two."""

    OPEN = "open", "ouverts"
    CLOSED = "closed", "fermés"
    UNDETERMINED = "undetermined", "indéterminés"


#: Answers of ours that say that an AMC is out of reach by ROC: not connected, or not yet in the hospital's perimeter.
OUTSIDE_ROC = ("HORS_ROC", "HORS_PERIMETRE")
#: Answer of ours too: the stay changed its context, and nothing that was known of its rights holds until they are asked.
REQUALIFIED = "REQUALIFIE"


class EventKind(models.TextChoices):
    """Business events: each is a row, and makes the calls (mission, «the life of a stay»)."""

    STAY_PREADMITTED = "stay_preadmitted", "pré-admission"
    STAY_ADMITTED = "stay_admitted", "admission"
    MOVEMENT_ADDED = "movement_added", "mouvement"
    REQUEST_ADDED = "request_added", "demande du patient"
    REQUEST_ENDED = "request_ended", "fin d’une demande du patient"
    COVERAGE_CHANGED = "coverage_changed", "couverture changée"
    CARD_READ = "card_read", "carte lue"
    ACTIVITY_ENTERED = "activity_entered", "activité saisie"
    STAY_CORRECTED = "stay_corrected", "séjour corrigé"
    STAY_DISCHARGED = "stay_discharged", "sortie"
    STAY_CANCELLED = "stay_cancelled", "annulation"
    STAY_CLOSED = "stay_closed", "séjour soldé"
    RIGHTS_ASKED_AGAIN = "rights_asked_again", "droits redemandés"
    PATIENT_CORRECTED = "patient_corrected", "identité corrigée"
    PATIENT_INFORMED = "patient_informed", "patient prévenu"
    ANOMALY_SOLVED = "anomaly_solved", "anomalie résolue"
    PERIMETER_CHANGED = "perimeter_changed", "périmètre changé"
    CONNECTION_TESTED = "connection_tested", "test d’accrochage"
    STAY_REQUALIFIED = "stay_requalified", "requalification"
    IDENTITY_ASKED = "identity_asked", "identité redemandée"
    BIRTH_REGISTERED = "birth_registered", "naissance"
    RIGHTS_VERIFIED = "rights_verified", "droits AMO vérifiés par lot"
    IDENTITY_VERIFIED = "identity_verified", "INS vérifiée par lot"


class Requalification(models.TextChoices):
    """Why a stay changes its kind or its field of activity."""

    SHORTER = "shorter", "prise en charge plus courte que prévu"
    LONGER = "longer", "prise en charge plus longue que prévu"
    TRANSFER = "transfer", "transfert dans l’établissement"
    CODING = "coding", "conditions d’hospitalisation non réunies"
    MISTAKE = "mistake", "erreur de saisie"


class VoidReason(models.TextChoices):
    """Why the number of a sheet becomes no stay."""

    DESTROYED = "destroyed", "feuille détruite"
    UNISSUED = "unissued", "jamais distribuée"
