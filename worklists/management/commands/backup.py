"""`manage.py backup FOLDER`: the database at one instant and every file, encrypted, with what proves that it is whole."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import controls
from accounts.enums import Controlled
from accounts.journal import sealing
from gap.backup import making
from gap.backup.manifest import BackupRefused
from gap.backup.programs import ProgramFailed
from gap.templatetags.gap_format import counted
from worklists.recovery import last_seal


class Command(BaseCommand):
    help = (
        "Sauvegarde la base et les fichiers dans un dossier neuf, chiffrés sous BACKUP_KEY (ou FIELD_ENCRYPTION_KEY), "
        "pendant que l’hôpital travaille. Le dossier n’a son nom qu’une fois entier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DOSSIER", help="un dossier qui n’existe pas encore")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        sealing.seal()
        try:
            made = making.make(Path(options["folder"]).absolute(), last_seal)
        except (BackupRefused, ProgramFailed) as problem:
            controls.note(Controlled.BACKUP, sound=False, sentence="La dernière n’a pas abouti.")
            raise CommandError(f"{problem} Rien n’a été gardé de cette sauvegarde.") from problem
        except OSError as problem:
            controls.note(
                Controlled.BACKUP, sound=False, sentence=f"La dernière n’a pas abouti\u00a0: {problem.strerror}."
            )
            raise CommandError(
                f"Le dossier ne peut pas être écrit\u00a0: {problem.strerror}. Rien n’a été gardé de cette sauvegarde\u00a0; "
                "l’hôpital n’est pas touché."
            ) from problem
        size = sum(part.size for part in made.parts)
        seconds = time.monotonic() - began
        lines, files = counted(sum(made.counts.values()), "ligne"), counted(len(made.parts) - 1, "fichier")
        said = f"{lines}, {files}, {counted(size, 'octet')}, en {seconds:.0f}\u00a0s."
        controls.note(Controlled.BACKUP, sound=True, sentence=said)
        self.stdout.write(
            f"Sauvegarde de l’instant {made.taken_at}\u00a0: {lines} de "
            f"{counted(len(made.counts), 'table')}, {files}, {counted(size, 'octet')}, en {seconds:.1f}\u00a0s. "
            f"Dernier repère du journal {made.seal[0]}:{made.seal[1]}"
        )
