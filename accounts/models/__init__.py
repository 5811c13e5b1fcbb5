from accounts.models.journal import JournalEntry, JournalSeal
from accounts.models.people import Establishment, RoleAssignment, User
from accounts.models.programs import ApiClient, IdempotentReply

__all__ = [
    "ApiClient",
    "Establishment",
    "IdempotentReply",
    "JournalEntry",
    "JournalSeal",
    "RoleAssignment",
    "User",
]
