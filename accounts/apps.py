from django.apps import AppConfig, apps


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Comptes et droits"
    #: Models whose changes the database tells to the journal.
    journaled = (
        "establishment",
        "user",
        "roleassignment",
        "apiclient",
        "secondfactor",
        "control",
        "pin",
        "badge",
        "apisecret",
        "professionalidentity",
    )

    def ready(self) -> None:
        from celery.signals import task_prerun
        from django.db.backends.signals import connection_created

        from accounts.journal import tables, unit

        connection_created.connect(tables.listen, dispatch_uid="accounts.journal")
        task_prerun.connect(unit.begin_task, weak=False, dispatch_uid="accounts.journal")
        for config in apps.get_app_configs():
            tables.register(*(f"{config.label}_{name}" for name in getattr(config, "journaled", ())))
