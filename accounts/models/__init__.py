from accounts.models.journal import JournalEntry, JournalSeal
from accounts.models.people import Establishment, RoleAssignment, User
from accounts.models.programs import ApiClient, IdempotentReply
from accounts.models.signing_in import RecoveryCode, SecondFactor, Session, Tries
from accounts.models.tokens import ApiSecret, ApiToken, UsedAssertion

__all__ = [
    "ApiClient",
    "ApiSecret",
    "ApiToken",
    "Establishment",
    "IdempotentReply",
    "JournalEntry",
    "JournalSeal",
    "RecoveryCode",
    "RoleAssignment",
    "SecondFactor",
    "Session",
    "Tries",
    "UsedAssertion",
    "User",
]
