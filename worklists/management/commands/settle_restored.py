"""`manage.py settle_restored INSTANT`: what `restore` does of itself, for a database that PostgreSQL brought back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gap.backup import restoring
from gap.templatetags.gap_format import counted
from worklists import recovery


class Command(BaseCommand):
    help = (
        "À lancer avant tout autre programme sur une base revenue à un instant passé\u00a0: retient ce qui a pu partir "
        "depuis, saute des numéros, ferme les sessions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "instant", metavar="INSTANT", help="celui où la base est revenue\u00a0: 2026-11-23T10:41:00+01:00"
        )
        parser.add_argument("--leap", type=int, default=10_000, help="numéros sautés dans chaque série (10 000)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            instant = datetime.fromisoformat(options["instant"])
        except ValueError as problem:
            raise CommandError(
                "Écrivez l’instant ainsi\u00a0: 2026-11-23T10:41:00+01:00. Rien n’a changé."
            ) from problem
        if not 0 <= options["leap"] <= 1_000_000:
            raise CommandError("--leap va de 0 à 1 000 000. Rien n’a changé.")
        if others := restoring.other_connections():
            raise CommandError(
                f"{counted(others, 'autre connexion est ouverte,autres connexions sont ouvertes')} sur cette base\u00a0: arrêtez "
                "tout d’abord. Rien n’a changé."
            )
        settled = recovery.settle(options["leap"], instant.isoformat())
        self.stdout.write(str(settled))
