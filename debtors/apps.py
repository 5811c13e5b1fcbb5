from django.apps import AppConfig


class DebtorsConfig(AppConfig):
    name = "debtors"
    verbose_name = "Débiteurs"
    #: Models whose changes the database tells to the journal.
    journaled = (
        *("operator", "debtor", "debtorchange", "debtorpair", "debtormerge", "debtormove", "fileimport"),
        *("datamatrixassociation", "associationdecision"),
    )
