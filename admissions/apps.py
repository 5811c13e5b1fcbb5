from django.apps import AppConfig


class AdmissionsConfig(AppConfig):
    name = "admissions"
    verbose_name = "Admissions"
    #: Models whose changes the database tells to the journal.
    journaled = (
        *("unit", "patient", "stay", "movement", "particularrequest", "card", "coverage", "brokenglass"),
        *("reservednumber", "insrecord", "insproposal", "patientmerge"),
        *("amodifference", "amoacceptance", "patientpair"),
    )

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from accounts.journal import guard
        from admissions import reference
        from admissions.services import following, glass
        from debtors.decisions import DEBTOR_REPLACED
        from debtors.imports.runs import WAKE
        from gap.rotation import register_index

        post_migrate.connect(reference.load_missing, sender=self)
        register_index("admissions.rotation.NIR_INDEX")
        register_index("admissions.rotation.INS_INDEX")
        register_index("admissions.rotation.FORMER_INS_INDEX")
        register_index("admissions.rotation.CARD_MARKS")
        guard(glass.may_open)
        DEBTOR_REPLACED.append(following.wake_up)
        WAKE.append(following.wake_for_import)
