from debtors.models.associations import AssociationDecision, DatamatrixAssociation, DirectoryEntry
from debtors.models.merges import DebtorMerge, DebtorMove, DebtorPair
from debtors.models.records import KEPT_UP, Debtor, DebtorChange, Operator, label_of

__all__ = [
    "KEPT_UP",
    "AssociationDecision",
    "DatamatrixAssociation",
    "Debtor",
    "DebtorChange",
    "DebtorMerge",
    "DebtorMove",
    "DebtorPair",
    "DirectoryEntry",
    "Operator",
    "label_of",
]
