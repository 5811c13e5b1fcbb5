"""What the two commands of import share: read, say, then apply or leave."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from debtors.enums import ImportKind, ImportState
from debtors.imports import runs
from debtors.models import FileImport


class ImportCommand(BaseCommand):
    """Reads a file and says what it would change; applies it with --apply; keeps nothing of it with --dry-run."""

    kind: ImportKind
    applied: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FICHIER", type=Path)
        parser.add_argument("--apply", action="store_true", help="applique ce qui est proposé")
        parser.add_argument("--dry-run", action="store_true", help="lit, dit, et ne garde rien")

    def run_file(self, options: dict[str, Any], start: Callable[[int], None], fates: Any, lines: str) -> None:
        """`start` decides of the file (its key); `fates`, `lines`: what may become of a line, and where they are.

        Raises CommandError.
        """
        if options["apply"] and options["dry_run"]:
            raise CommandError("Choisissez : --apply ou --dry-run.")
        try:
            row = runs.give(self.kind, options["file"].name, options["file"].read_bytes(), None)
        except OSError as problem:
            raise CommandError(f"Ce fichier ne se lit pas : {problem.strerror}.") from None
        except runs.ImportRefused as refused:
            raise CommandError(refused.message) from None
        runs.run(row.pk)
        row.refresh_from_db()
        _told_of_a_fault(row)
        self._tell(row, fates, lines)
        if options["dry_run"]:
            runs.drop(row.pk)
            self.stdout.write("Rien n’a été gardé.")
        elif options["apply"]:
            start(row.pk)
            runs.run(row.pk)
            row.refresh_from_db()
            _told_of_a_fault(row)
            self.stdout.write(f"{row.applied_count} {self.applied}.")

    def _tell(self, row: FileImport, fates: Any, lines: str) -> None:
        self.stdout.write(f"{row.lines_count} lignes lues, {row.refused_count} refusées.")
        for number, why in row.refusals[:20]:
            self.stdout.write(f"  ligne {number} : {why}")
        if row.refused_count > 20:
            self.stdout.write(f"  … et {row.refused_count - 20} autres, à l’écran.")
        for fate in fates:
            if count := getattr(row, lines).filter(fate=fate).count():
                self.stdout.write(f"  {fate.label} : {count}")


def _told_of_a_fault(row: FileImport) -> None:
    """Raises CommandError."""
    if row.state == ImportState.FAILED:
        raise CommandError(row.problem)
    if row.cause:
        raise CommandError(f"Un incident a interrompu cet import ({row.cause}). Un travailleur le reprend seul.")
