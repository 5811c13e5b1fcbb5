"""`manage.py end_api_client CLIENT`: a program that connects no more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import programs
from accounts.models import ApiClient
from gap.templatetags.gap_format import counted


class Command(BaseCommand):
    help = "Met hors service un logiciel tiers, ses secrets et ses jetons. Ce qu’il a fait reste à son nom."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NOM")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            raise CommandError("Aucun logiciel n’a ce nom. Rien n’a changé.")
        ended = programs.end(client)
        self.stdout.write(f"{client} est hors service ({counted(ended, 'jeton fini,jetons finis')}).")
