from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Facturation"
    #: Models whose changes the database tells to the journal.
    journaled = (
        "invoice",
        "payment",
        "activity",
        "engagement",
        "tariffitem",
        "tariffvalue",
        "agreement",
        "agreementline",
        "agreementletter",
        "letterpage",
    )

    def ready(self) -> None:
        from admissions.events import register_consumer, register_veto
        from billing import debtors, patients, reference, retention, roc

        register_consumer("billing", "billing.services.consume_event")
        register_veto("billing.services.refuse_what_cannot_be_billed")
        roc.register_handlers()
        retention.register()
        debtors.register()
        patients.register()
        post_migrate.connect(reference.load_missing, sender=self)
