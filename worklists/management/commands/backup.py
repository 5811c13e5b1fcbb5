"""`manage.py backup FOLDER`: the whole hospital, encrypted, in a new folder of that folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from worklists.backups import making
from worklists.backups.manifest import Unusable


class Command(BaseCommand):
    help = (
        "Sauvegarde la base (chiffrée, d’un seul instant), les fichiers et leur sommaire signé. L’hôpital travaille "
        "pendant ce temps. Les clés n’y sont pas : gardez-les ailleurs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="où la nouvelle sauvegarde apparaît, entière ou pas du tout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = making.make(options["folder"], self.stdout.write)
        except Unusable as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(str(made))
