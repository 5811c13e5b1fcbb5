"""Roles, and what each may do: one table, read by the views, the fragments and the screens."""

from __future__ import annotations

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    AGENT = "agent", "agent d’accueil"
    REFERENT = "referent", "référent"
    BILLING = "billing", "facturation"
    CASHIER = "cashier", "régie"
    ADMINISTRATOR = "administrator", "administrateur"


class Action(StrEnum):
    """One thing a person may do. Views name an action, never a role."""

    SEE_HOME = "see_home"
    SEE_DOSSIER = "see_dossier"
    EDIT_PATIENT = "edit_patient"
    ADMIT = "admit"
    READ_CARD = "read_card"
    ASK_AGAIN = "ask_again"
    ENTER_ACTIVITY = "enter_activity"
    SEE_WORKLISTS = "see_worklists"
    ASSIGN_WORK = "assign_work"
    SEE_DEBTORS = "see_debtors"
    VALIDATE_ASSOCIATION = "validate_association"
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


_EVERYONE = frozenset(Role)
_DESK = frozenset({Role.AGENT, Role.REFERENT})
_MONEY = frozenset({Role.BILLING, Role.CASHIER, Role.REFERENT})

PERMISSIONS: dict[Action, frozenset[Role]] = {
    Action.SEE_HOME: _EVERYONE,
    Action.SEE_DOSSIER: _EVERYONE - {Role.ADMINISTRATOR},
    Action.EDIT_PATIENT: _DESK,
    Action.ADMIT: _DESK,
    Action.READ_CARD: _DESK,
    Action.ASK_AGAIN: _DESK | {Role.BILLING},
    Action.ENTER_ACTIVITY: _DESK | {Role.BILLING},
    Action.SEE_WORKLISTS: _EVERYONE,
    Action.ASSIGN_WORK: _EVERYONE - {Role.ADMINISTRATOR},
    Action.SEE_DEBTORS: _EVERYONE,
    Action.VALIDATE_ASSOCIATION: frozenset({Role.REFERENT}),
    Action.TREAT_ANOMALY: frozenset({Role.REFERENT}),
    Action.CHANGE_RULES: frozenset({Role.REFERENT}),
    Action.SEE_INVOICES: _MONEY,
    Action.CORRECT_INVOICE: frozenset({Role.BILLING}),
    Action.SEE_EXCHANGES: frozenset({Role.BILLING, Role.REFERENT, Role.ADMINISTRATOR}),
    Action.RECORD_PAYMENT: frozenset({Role.CASHIER, Role.BILLING}),
    Action.SEE_TECHNICAL: frozenset({Role.REFERENT, Role.ADMINISTRATOR}),
    Action.MANAGE_CERTIFICATES: frozenset({Role.ADMINISTRATOR}),
    Action.TEST_CONNECTION: frozenset({Role.REFERENT}),
    Action.MANAGE_ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
}


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
