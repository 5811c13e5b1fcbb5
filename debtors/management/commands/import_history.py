"""`manage.py import_history FILE [--apply]`: years of cards with their debtor, read and counted, then applied if asked."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from debtors.enums import ImportKind, VoteFate
from debtors.imports import runs
from debtors.imports.command import ImportCommand


class Command(ImportCommand):
    help = (
        "Lit un historique (CSV ou XLSX) de cartes ou de n° AMC avec le débiteur de chacun, et dit ce que la table y "
        "gagnerait. Sans --apply, la lecture reste à décider à l’écran."
    )
    kind = ImportKind.HISTORY
    applied = "associations créées, à valider par un référent"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--share", type=int, default=80, help="part des lignes d’un même débiteur, en %% (51 à 100)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 50 < options["share"] <= 100:
            raise CommandError("La part va de 51 à 100. Rien n’a été lu.")
        self.run_file(options, partial(runs.start, least_share=options["share"]), VoteFate, "votes")
