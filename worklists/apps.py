from django.apps import AppConfig


class WorklistsConfig(AppConfig):
    name = "worklists"
    verbose_name = "Listes de travail"
    #: Models whose changes the database tells to the journal.
    journaled = ("assignment", "linemark")
