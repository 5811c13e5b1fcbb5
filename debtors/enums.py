from django.db import models


class DebtorKind(models.TextChoices):
    AMO = "AMO", "assurance maladie obligatoire"
    AMC = "AMC", "organisme complémentaire"


class AssociationStatus(models.TextChoices):
    TO_VALIDATE = "to_validate", "à valider"
    VALIDATED = "validated", "validée"
    TO_VERIFY = "to_verify", "à vérifier"
    REJECTED = "rejected", "rejetée"
    #: Forgotten: the next card of that context is unknown again, and nothing is held against that debtor.
    DELETED = "deleted", "supprimée"


# An association that a new card may use without a question.
USABLE = (AssociationStatus.TO_VALIDATE, AssociationStatus.VALIDATED, AssociationStatus.TO_VERIFY)
# An association that serves no card any more.
GONE = (AssociationStatus.REJECTED, AssociationStatus.DELETED)


class DecisionKind(models.TextChoices):
    """What may be decided of an association."""

    VALIDATE = "validate", "validée"
    CHANGE = "change", "modifiée"
    REJECT = "reject", "rejetée"
    DELETE = "delete", "supprimée"
    #: What said so was taken back, and stays hang on it: a référent looks.
    DOUBT = "doubt", "mise à vérifier"


class MatchLevel(models.TextChoices):
    """From the most to the least specific part of a card that decided."""

    WHOLE = "whole", "carte entière"
    CSR = "csr", "organisme, convention et CSR"
    CONVENTION = "convention", "organisme et convention"
    AMC = "amc", "organisme"
    #: Nothing was learnt of it, and the directory knows its AMC, which has one record.
    DIRECTORY = "directory", "annuaire AMC"


class ChangeSource(models.TextChoices):
    """Who says what a debtor's record should hold."""

    ENGAGEMENT = "engagement", "un engagement"
    DIRECTORY = "directory", "l’annuaire AMC"
    PERSON = "person", "une personne"
    IMPORT = "import", "un import"
    MERGE = "merge", "une fusion"


class ChangeState(models.TextChoices):
    APPLIED = "applied", "appliqué"
    PROPOSED = "proposed", "proposé"
    ACCEPTED = "accepted", "accepté"
    DISMISSED = "dismissed", "écarté"


class PairState(models.TextChoices):
    """What was said of two records that look alike."""

    PROPOSED = "proposed", "proposé"
    MERGED = "merged", "fusionnées"
    APART = "apart", "deux organismes"


class ImportKind(models.TextChoices):
    HISTORY = "history", "historique de cartes"
    DEBTORS = "debtors", "fiches débiteurs"


class ImportState(models.TextChoices):
    """A file is read, then a person decides, then it is applied; what it brought may be taken back, and given again."""

    WAITING = "waiting", "à lire"
    READY = "ready", "à décider"
    APPLYING = "applying", "en cours d’application"
    DONE = "done", "appliqué"
    TAKING_BACK = "taking", "en cours de reprise"
    TAKEN_BACK = "taken", "repris"
    GIVING = "giving", "en cours de restitution"
    DROPPED = "dropped", "abandonné"
    FAILED = "failed", "illisible"
    #: A fault of ours, met at each of its tries: what it has is kept, and a person starts it again.
    STOPPED = "stopped", "arrêté"


#: What a worker has to do of a file.
TO_DO = (ImportState.WAITING, ImportState.APPLYING, ImportState.TAKING_BACK, ImportState.GIVING)
#: The same file may be given again.
LET_GO = (ImportState.FAILED, ImportState.DROPPED, ImportState.TAKEN_BACK)


class VoteFate(models.TextChoices):
    """What becomes of what a file says of a context."""

    NEW = "new", "à créer"
    SPLIT = "split", "partagée"
    KNOWN = "known", "déjà dans la table"
    STANDS = "stands", "la table dit autre chose"
    REJECTED = "rejected", "rejetée par un référent"
    CREATED = "created", "créée"
    #: What became of one that was created, once the import is taken back.
    BACK = "back", "supprimée"
    DOUBTED = "doubted", "à vérifier"
    KEPT = "kept", "gardée"


class RecordFate(models.TextChoices):
    """What becomes of a record of debtor in a file."""

    NEW = "new", "à créer"
    UPDATE = "update", "à mettre à jour"
    DOUBLE = "double", "ressemble à une autre"
    SAME = "same", "identique"
    CREATED = "created", "créée"
    UPDATED = "updated", "mise à jour"
    #: What became of it once the import is taken back.
    REMOVED = "removed", "retirée"
    RESTORED = "restored", "remise comme avant"
    KEPT = "kept", "gardée"


class Doubles(models.TextChoices):
    """What a person wants of the lines that look like a record of another code."""

    LEAVE = "leave", "ne rien en faire"
    UPDATE = "update", "mettre à jour la fiche qui ressemble"
    CREATE = "create", "créer quand même"
