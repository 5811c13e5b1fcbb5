"""The one table of what a role may do, and how far: read by the views, the fragments, the exports and the screens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from accounts.enums import Action, Reach, Role


def _all(reach: Reach, *roles: Role) -> Mapping[Role, Reach]:
    return dict.fromkeys(roles, reach)


_EVERYONE: Final = tuple(Role)
# Who controls accesses has no work on dossiers, and sees none: only who saw them.
_HOSPITAL: Final = tuple(role for role in Role if role is not Role.AUDITOR)
_DESK: Final = (Role.AGENT, Role.REFERENT)
_WORKERS: Final = (Role.AGENT, Role.REFERENT, Role.BILLING, Role.CASHIER)

#: A role that an action does not name is refused it. A dossier is never seen further than the establishment.
PERMISSIONS: Final[Mapping[Action, Mapping[Role, Reach]]] = {
    Action.SEE_HOME: _all(Reach.SERVICES, *_EVERYONE),
    Action.SEE_DOSSIER: _all(Reach.SERVICES, *_WORKERS),
    Action.EDIT_PATIENT: _all(Reach.SERVICES, *_DESK),
    Action.ADMIT: _all(Reach.SERVICES, *_DESK),
    Action.READ_CARD: _all(Reach.SERVICES, *_DESK),
    Action.ASK_AGAIN: _all(Reach.SERVICES, *_DESK, Role.BILLING),
    Action.FOLLOW_AGREEMENT: _all(Reach.SERVICES, *_DESK, Role.BILLING),
    Action.ENTER_ACTIVITY: _all(Reach.SERVICES, *_DESK, Role.BILLING),
    Action.SEE_WORKLISTS: _all(Reach.SERVICES, *_HOSPITAL),
    Action.ASSIGN_WORK: _all(Reach.SERVICES, *_WORKERS),
    Action.SEE_DEBTORS: _all(Reach.INSTALLATION, *_HOSPITAL),
    Action.VALIDATE_ASSOCIATION: _all(Reach.INSTALLATION, Role.REFERENT),
    Action.EDIT_DEBTOR: _all(Reach.INSTALLATION, Role.REFERENT),
    Action.TREAT_ANOMALY: _all(Reach.ESTABLISHMENT, Role.REFERENT),
    Action.CHANGE_RULES: _all(Reach.INSTALLATION, Role.REFERENT),
    Action.SEE_INVOICES: _all(Reach.SERVICES, Role.BILLING, Role.CASHIER, Role.REFERENT),
    Action.CORRECT_INVOICE: _all(Reach.SERVICES, Role.BILLING),
    Action.SEE_EXCHANGES: _all(Reach.ESTABLISHMENT, Role.BILLING, Role.REFERENT, Role.ADMINISTRATOR),
    Action.RECORD_PAYMENT: _all(Reach.SERVICES, Role.CASHIER, Role.BILLING),
    Action.SEE_TECHNICAL: _all(Reach.INSTALLATION, Role.REFERENT, Role.ADMINISTRATOR),
    Action.MANAGE_CERTIFICATES: _all(Reach.INSTALLATION, Role.ADMINISTRATOR),
    Action.TEST_CONNECTION: _all(Reach.ESTABLISHMENT, Role.REFERENT),
    Action.MANAGE_ACCOUNTS: _all(Reach.ESTABLISHMENT, Role.ADMINISTRATOR),
    Action.MANAGE_PROGRAMS: _all(Reach.ESTABLISHMENT, Role.ADMINISTRATOR),
    Action.SEE_JOURNAL: _all(Reach.ESTABLISHMENT, Role.AUDITOR),
    Action.SEE_SECURITY: _all(Reach.INSTALLATION, Role.ADMINISTRATOR, Role.AUDITOR),
    Action.BREAK_GLASS: _all(Reach.SERVICES, *_WORKERS),
    Action.PROTECT_DOSSIER: _all(Reach.SERVICES, Role.REFERENT),
    Action.CLOSE_DOWNTIME: _all(Reach.ESTABLISHMENT, Role.REFERENT),
    Action.DECIDE_IDENTITY: _all(Reach.SERVICES, Role.REFERENT),
    Action.RUN_BATCH: _all(Reach.ESTABLISHMENT, Role.REFERENT, Role.BILLING),
}
