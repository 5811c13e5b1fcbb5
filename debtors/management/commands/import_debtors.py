"""`manage.py import_debtors FILE [--apply]`: records of debtors, compared with ours, then created and brought up to date."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial
from typing import Any

from debtors.enums import Doubles, ImportKind, RecordFate
from debtors.imports import runs
from debtors.imports.command import ImportCommand


class Command(ImportCommand):
    help = (
        "Lit des fiches de débiteurs complémentaires (CSV ou XLSX) et dit ce qui serait créé, mis à jour, ou ressemble à "
        "une fiche qui existe. Sans --apply, la lecture reste à décider à l’écran."
    )
    kind = ImportKind.DEBTORS
    applied = "fiches créées ou mises à jour"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--doubles", choices=Doubles.values, default=Doubles.LEAVE, help="que faire des doublons")

    def handle(self, *args: Any, **options: Any) -> None:
        decide = partial(runs.start, doubles=Doubles(options["doubles"]))
        self.run_file(options, decide, RecordFate, "records")
