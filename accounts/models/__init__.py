from accounts.models.controls import Control
from accounts.models.invitations import Invitation
from accounts.models.journal import JournalEntry, JournalSeal
from accounts.models.people import Establishment, RoleAssignment, User
from accounts.models.professionals import ProfessionalIdentity
from accounts.models.programs import ApiClient, IdempotentReply
from accounts.models.signing_in import RecoveryCode, SecondFactor, Session, Tries
from accounts.models.tokens import ApiSecret, ApiToken, UsedAssertion
from accounts.models.workstations import Badge, Pin, QuickAccess, Workstation

__all__ = [
    "ApiClient",
    "ApiSecret",
    "ApiToken",
    "Badge",
    "Control",
    "Establishment",
    "IdempotentReply",
    "Invitation",
    "JournalEntry",
    "JournalSeal",
    "Pin",
    "ProfessionalIdentity",
    "QuickAccess",
    "RecoveryCode",
    "RoleAssignment",
    "SecondFactor",
    "Session",
    "Tries",
    "UsedAssertion",
    "User",
    "Workstation",
]
