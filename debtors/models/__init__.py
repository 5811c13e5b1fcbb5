from debtors.models.associations import AssociationDecision, DatamatrixAssociation, DirectoryEntry
from debtors.models.imports import MOST_TRIES, FileImport, ImportRecord, ImportVote
from debtors.models.merges import DebtorMerge, DebtorMove, DebtorPair
from debtors.models.records import KEPT_UP, WRITTEN, Debtor, DebtorChange, Operator, label_of, text_of

__all__ = [
    "KEPT_UP",
    "MOST_TRIES",
    "WRITTEN",
    "AssociationDecision",
    "DatamatrixAssociation",
    "Debtor",
    "DebtorChange",
    "DebtorMerge",
    "DebtorMove",
    "DebtorPair",
    "DirectoryEntry",
    "FileImport",
    "ImportRecord",
    "ImportVote",
    "Operator",
    "label_of",
    "text_of",
]
