"""`manage.py restore FOLDER`: a hospital from its backup, looked at before and after; nothing leaves twice."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from accounts import controls
from accounts.enums import Controlled
from gap.backup import restoring
from gap.backup.manifest import BackupRefused, Manifest
from gap.backup.programs import ProgramFailed
from gap.crypto import DecryptionError
from gap.templatetags.gap_format import counted
from worklists import recovery

_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Remet dans une base vide, et dans l’espace de fichiers, ce qu’une sauvegarde contient. À lancer par le "
        "propriétaire de la base, tout le reste arrêté. Les engagements et les factures qui ont pu partir depuis la "
        "sauvegarde sont retenus\u00a0: «\u00a0manage.py release_restored\u00a0» les libère."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DOSSIER")
        parser.add_argument("--replace", action="store_true", help="effacer d’abord tout ce que la base contient")
        parser.add_argument("--check", action="store_true", help="regarder si elle peut revenir, sans rien changer")
        parser.add_argument("--leap", type=int, default=10_000, help="numéros sautés dans chaque série (10 000)")

    def handle(self, *args: Any, **options: Any) -> None:
        began, folder = time.monotonic(), Path(options["folder"]).absolute()
        if not 0 <= options["leap"] <= 1_000_000:
            raise CommandError("--leap va de 0 à 1 000 000. Rien n’a changé.")
        try:
            found = restoring.look(folder, replace=options["replace"])
        except (BackupRefused, DecryptionError) as problem:
            raise CommandError(f"{problem} Rien n’a changé.") from problem
        if options["check"]:
            self.stdout.write(f"La sauvegarde de l’instant {found.taken_at} est entière et peut revenir ici.")
            return
        try:
            restoring.bring_back(found, folder, replace=options["replace"])
            settled = recovery.settle(options["leap"], found.taken_at)
        except (BackupRefused, ProgramFailed, DecryptionError, DatabaseError, OSError) as problem:
            why = (
                "un contenu ne s’ouvre pas sous les clés données." if isinstance(problem, DecryptionError) else problem
            )
            raise CommandError(
                f"La restauration n’a pas abouti\u00a0: {why} Ne démarrez rien sur cette base\u00a0; la sauvegarde est "
                "intacte, recommencez avec --replace."
            ) from problem
        wrong = self._look_again(found)
        seconds = time.monotonic() - began
        said = f"Sauvegarde de l’instant {found.taken_at}, revenue en {seconds:.0f}\u00a0s, {counted(len(wrong), 'manque')}."
        controls.note(Controlled.RESTORE, sound=not wrong, sentence=said)
        self._tell(found, settled, seconds)
        if wrong:
            raise CommandError("La base est revenue, avec les manques dits plus haut\u00a0: voyez-les avant d’ouvrir.")

    def _look_again(self, found: Manifest) -> list[str]:
        wrong = [f"colonne illisible sous les clés données\u00a0: {name}" for name in restoring.unreadable_columns()]
        missing = list(restoring.missing_files())
        wrong += [f"fichier absent ou illisible\u00a0: {name}" for name in islice(missing, _SHOWN)]
        if len(missing) > _SHOWN:
            wrong.append(f"… et {counted(len(missing) - _SHOWN, 'autre fichier,autres fichiers')}")
        journal = recovery.journal_found(found.seal)
        wrong += [f"journal\u00a0: {one.what} {one.pk} {one.sentence}" for one in journal.findings[:_SHOWN]]
        for line in wrong:
            self.stdout.write(line)
        self.stdout.write(
            f"Journal\u00a0: {counted(journal.entries, 'trace relue,traces relues')} dans "
            f"{counted(journal.seals, 'sceau,sceaux')}."
        )
        return wrong

    def _tell(self, found: Manifest, settled: recovery.Settled, seconds: float) -> None:
        lost = timezone.now() - found.instant
        self.stdout.write(
            f"Revenus\u00a0: {counted(sum(found.counts.values()), 'ligne')} de {counted(len(found.counts), 'table')}, "
            f"{counted(len(found.parts) - 1, 'fichier')}.\n"
            f"RPO\u00a0: tout ce qui a été fait depuis {found.taken_at} ({lost.total_seconds():.0f}\u00a0s) est à ressaisir.\n"
            f"RTO\u00a0: {seconds:.1f}\u00a0s pour cette restauration.\n"
            f"{settled}\n"
            "Avant d’ouvrir\u00a0: «\u00a0manage.py migrate\u00a0», «\u00a0manage.py grant_application_role\u00a0», "
            "puis les comptes et les programmes retirés depuis la sauvegarde, qui sont revenus."
        )
