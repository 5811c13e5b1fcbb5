"""`manage.py purge [--dry-run]`: erase what has been kept as long as its rule says."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gap.templatetags.gap_format import counted
from teleservices import retention
from teleservices.enums import Kept


class Command(BaseCommand):
    help = "Efface ce dont la durée de conservation est passée. Peut être interrompue et relancée."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="compte seulement ; rien n’est effacé")
        parser.add_argument("--batch", type=int, default=retention.BATCH, help=f"lignes d’un lot ({retention.BATCH})")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch"] <= 100_000:
            raise CommandError("Un lot compte 1 à 100 000 lignes. Rien n’a été effacé.")
        if options["dry_run"]:
            for name, count in retention.due().items():
                self.stdout.write(f"{Kept(name).label}\u00a0: {count} à effacer")
            return
        done: Counter[str] = Counter()

        def told(name: str, count: int) -> None:
            done[name] += count
            self.stdout.write(f"{Kept(name).label}\u00a0: {done[name]}…")
            self.stdout.flush()

        for name, count in retention.purge(told, batch=options["batch"], most=sys.maxsize).items():
            self.stdout.write(f"{Kept(name).label}\u00a0: {counted(count, 'effacé')}")
