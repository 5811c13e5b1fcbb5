from accounts.models.controls import Control
from accounts.models.journal import JournalEntry, JournalSeal
from accounts.models.people import Establishment, RoleAssignment, User
from accounts.models.programs import ApiClient, IdempotentReply
from accounts.models.signing_in import RecoveryCode, SecondFactor, Session, Tries

__all__ = [
    "ApiClient",
    "Control",
    "Establishment",
    "IdempotentReply",
    "JournalEntry",
    "JournalSeal",
    "RecoveryCode",
    "RoleAssignment",
    "SecondFactor",
    "Session",
    "Tries",
    "User",
]
