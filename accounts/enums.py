"""Roles, and the things that a person or a program may do. Who may do what is in `accounts.permissions`."""

from __future__ import annotations

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    AGENT = "agent", "agent d’accueil"
    REFERENT = "referent", "référent"
    BILLING = "billing", "facturation"
    CASHIER = "cashier", "régie"
    ADMINISTRATOR = "administrator", "administrateur"
    AUDITOR = "auditor", "contrôle des accès"


class Action(StrEnum):
    """One thing a person may do. Views name an action, never a role."""

    SEE_HOME = "see_home"
    SEE_DOSSIER = "see_dossier"
    EDIT_PATIENT = "edit_patient"
    ADMIT = "admit"
    READ_CARD = "read_card"
    ASK_AGAIN = "ask_again"
    FOLLOW_AGREEMENT = "follow_agreement"
    ENTER_ACTIVITY = "enter_activity"
    SEE_WORKLISTS = "see_worklists"
    ASSIGN_WORK = "assign_work"
    SEE_DEBTORS = "see_debtors"
    VALIDATE_ASSOCIATION = "validate_association"
    EDIT_DEBTOR = "edit_debtor"
    TREAT_ANOMALY = "treat_anomaly"
    CHANGE_RULES = "change_rules"
    SEE_INVOICES = "see_invoices"
    CORRECT_INVOICE = "correct_invoice"
    SEE_EXCHANGES = "see_exchanges"
    RECORD_PAYMENT = "record_payment"
    SEE_TECHNICAL = "see_technical"
    MANAGE_CERTIFICATES = "manage_certificates"
    TEST_CONNECTION = "test_connection"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_PROGRAMS = "manage_programs"
    SEE_JOURNAL = "see_journal"
    BREAK_GLASS = "break_glass"
    PROTECT_DOSSIER = "protect_dossier"
    SEE_SECURITY = "see_security"
    CLOSE_DOWNTIME = "close_downtime"
    DECIDE_IDENTITY = "decide_identity"
    RUN_BATCH = "run_batch"


class Reach(StrEnum):
    """How far a permission goes."""

    #: The services that the role was given for, all those of the establishment when it names none.
    SERVICES = "services"
    #: The whole establishment, whatever the services of the role: what belongs to no service.
    ESTABLISHMENT = "establishment"
    #: What all the establishments of the installation share: payers, rules, channels, certificates.
    INSTALLATION = "installation"


class Scope(models.TextChoices):
    """What an API client may do. A client gets the scopes it needs, one by one."""

    PATIENTS_READ = "patients:read", "lire les patients"
    PATIENTS_WRITE = "patients:write", "créer et corriger les patients"
    STAYS_READ = "stays:read", "lire les séjours"
    STAYS_WRITE = "stays:write", "créer et faire avancer les séjours"
    CARDS_WRITE = "cards:write", "envoyer des cartes"
    CALLS_READ = "calls:read", "lire les appels"
    INVOICES_READ = "invoices:read", "lire les factures et les échanges"
    INVOICES_WRITE = "invoices:write", "corriger les factures, constater les paiements"
    WORKLISTS_READ = "worklists:read", "lire les listes de travail"
    DEBTORS_READ = "debtors:read", "lire les débiteurs et les associations"
    DEBTORS_WRITE = "debtors:write", "valider les associations"
    PROTECTED = "protected", "voir aussi les dossiers protégés"
    WEBHOOKS = "webhooks:write", "s’abonner à des événements"


class Controlled(models.TextChoices):
    """What an installation looks at of itself."""

    JOURNAL = "journal", "journal relu en entier"
    BACKUP = "backup", "sauvegarde"
    RESTORE = "restore", "restauration essayée"
    PURGE = "purge", "effacement de ce qui a assez duré"
    KEYS = "keys", "passage aux clés en cours"
    KIT = "kit", "papiers d’une panne"


class ClientAuth(models.TextChoices):
    """How a program proves itself, by the names of the IANA registry « OAuth Token Endpoint Authentication Methods »."""

    SECRET = "client_secret_basic", "secret"
    PRIVATE_KEY = "private_key_jwt", "signature (RFC 7523)"
    CERTIFICATE = "tls_client_auth", "certificat d’une autorité (RFC 8705)"
    OWN_CERTIFICATE = "self_signed_tls_client_auth", "certificat enregistré (RFC 8705)"


class JournalKind(models.TextChoices):
    """What an entry of the journal tells."""

    READ = "read", "consultation"
    LISTED = "listed", "liste affichée"
    EXPORT = "export", "export"
    CHANGE = "change", "modification"
    REFUSED = "refused", "accès refusé"
    SESSION = "session", "connexion"
    GLASS = "glass", "bris de glace"
    ADMIN = "admin", "administration"
