"""`manage.py restore FOLDER`: bring a backup back into the empty database of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from worklists.backups import restoring
from worklists.backups.manifest import Unusable


class Command(BaseCommand):
    help = (
        "Relit toute la sauvegarde, la remet dans la base vide des réglages, puis vérifie lignes, journal et fichiers. "
        "Rien ne part vers les organismes avant que quelqu’un lève la maintenance annoncée."
    )
    # The tables are not there yet.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="une sauvegarde (gap-…)")
        parser.add_argument(
            "--skip-numbers",
            type=int,
            default=1000,
            help="numéros passés (IPP, IEP, factures, lots) pour que nul ne serve deux fois (1000)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["skip_numbers"] <= 1_000_000:
            raise CommandError("On passe 0 à 1 000 000 numéros. Rien n’a changé.")
        try:
            done = restoring.restore(options["folder"], self.stdout.write, skipped_numbers=options["skip_numbers"])
        except Unusable as problem:
            raise CommandError(str(problem)) from problem
        for problem_found in done.problems:
            self.stdout.write(problem_found)
        self.stdout.write(
            f"Perdu au plus (RPO)\u00a0: {done.lost.total_seconds():.0f} s. Temps pour revenir (RTO)\u00a0: {done.seconds:.1f} s."
        )
        if done.problems:
            raise CommandError(
                "L’hôpital est revenu, avec les différences ci-dessus\u00a0: regardez-les avant d’ouvrir."
            )
        self.stdout.write(
            "L’hôpital est revenu entier. Rien ne part tant que la maintenance «\u00a0tous les canaux\u00a0» est annoncée "
            "(Supervision)\u00a0; donnez ses droits à l’application\u00a0: manage.py grant_application_role."
        )
