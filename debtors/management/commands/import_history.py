"""`manage.py import_history FILE [--apply]`: years of cards with their debtor, read and counted, then applied if asked."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from debtors.enums import ImportKind, ImportState, VoteFate
from debtors.imports import runs


class Command(BaseCommand):
    help = (
        "Lit un historique (CSV ou XLSX) de cartes ou de n° AMC avec le débiteur de chacun, et dit ce que la table y "
        "gagnerait. Rien n’est créé sans --apply ; sans lui, la lecture reste à décider à l’écran, ou s’abandonne."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FICHIER", type=Path)
        parser.add_argument("--apply", action="store_true", help="crée les associations proposées, à valider")
        parser.add_argument("--dry-run", action="store_true", help="lit, dit, et ne garde rien")
        parser.add_argument(
            "--share", type=int, default=80, help="part des lignes d’un même débiteur, en %% (51 à 100)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["apply"] and options["dry_run"]:
            raise CommandError("Choisissez : --apply ou --dry-run.")
        if not 50 < options["share"] <= 100:
            raise CommandError("La part va de 51 à 100. Rien n’a été lu.")
        try:
            row = runs.give(ImportKind.HISTORY, options["file"].name, options["file"].read_bytes(), None)
        except OSError as problem:
            raise CommandError(f"Ce fichier ne se lit pas : {problem.strerror}.") from None
        except runs.ImportRefused as refused:
            raise CommandError(refused.message) from None
        runs.run(row.pk)
        row.refresh_from_db()
        if row.state == ImportState.FAILED:
            raise CommandError(row.problem)
        self._tell(row)
        if options["dry_run"]:
            runs.drop(row.pk)
            self.stdout.write("Rien n’a été gardé.")
        elif options["apply"]:
            runs.start(row.pk, least_share=options["share"], validates=False)
            runs.run(row.pk)
            row.refresh_from_db()
            self.stdout.write(f"{row.applied_count} associations créées, à valider par un référent.")

    def _tell(self, row: Any) -> None:
        self.stdout.write(f"{row.lines_count} lignes lues, {row.refused_count} refusées.")
        for number, why in row.refusals[:20]:
            self.stdout.write(f"  ligne {number} : {why}")
        if row.refused_count > 20:
            self.stdout.write(f"  … et {row.refused_count - 20} autres, à l’écran.")
        for fate in VoteFate:
            if count := row.votes.filter(fate=fate).count():
                self.stdout.write(f"  {fate.label} : {count}")
