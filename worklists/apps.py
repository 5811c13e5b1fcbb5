from django.apps import AppConfig


class WorklistsConfig(AppConfig):
    name = "worklists"
    verbose_name = "Listes de travail"
    #: Models whose changes the database tells to the journal.
    journaled = ("assignment", "linemark")

    def ready(self) -> None:
        from accounts.administration import LEFT_BEHIND
        from debtors.decisions import CONSEQUENCES
        from worklists import stakes
        from worklists.services import left_behind

        LEFT_BEHIND.append(left_behind)
        CONSEQUENCES.append(stakes.of_association)
