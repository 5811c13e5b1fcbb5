from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TeleservicesConfig(AppConfig):
    name = "teleservices"
    verbose_name = "Téléservices"
    #: Models whose changes the database tells to the journal.
    journaled = (
        "anomaly",
        "returncode",
        "retrypolicy",
        "calllimit",
        "channelrule",
        "maintenancewindow",
        "perimeter",
        "perimeteramc",
        "connectionplan",
        "connectionmilestone",
        "softwarecertificate",
        "trustedauthority",
        "retentionrule",
        "webhook",
        "nationalbatch",
    )

    def ready(self) -> None:
        from admissions.events import register_consumer
        from teleservices import handlers, reference

        register_consumer("teleservices", "teleservices.planning.plan_calls")
        register_consumer(
            "webhooks", "teleservices.webhooks.telling.consume", wants="teleservices.webhooks.telling.wants"
        )
        handlers.register_own()
        post_migrate.connect(reference.load_missing, sender=self)
