"""`manage.py export_person IPP FILE`: everything held on one person, encrypted (RGPD, art. 15 and 20)."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admissions.models import Patient
from gap.templatetags.gap_format import counted
from worklists.person import export
from worklists.person.policy import Undecided

_SHORTEST: Final = 16


class Command(BaseCommand):
    help = (
        "Écrit dans un fichier chiffré (format age, age-encryption.org) tout ce qui est tenu sur une personne. La phrase de"
        " passe est demandée, ou lue sur l’entrée standard\u00a0: elle n’est jamais un argument."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ipp", metavar="IPP")
        parser.add_argument(
            "file", metavar="FICHIER", help="à créer\u00a0; « .zip.age » convient".replace("« ", "«\u00a0")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        patient = Patient.objects.filter(ipp=options["ipp"]).first()
        if patient is None:
            raise CommandError("Aucun patient n’a cet IPP. Rien n’a été écrit.")
        target = Path(options["file"])
        if target.exists():
            raise CommandError("Ce fichier existe déjà. Rien n’a été écrit\u00a0; donnez-en un autre.")
        passphrase = _passphrase()
        try:
            content, gathered = export.sealed(patient, passphrase)
        except Undecided as problem:
            raise CommandError(
                f"Une table ou une colonne n’est pas décidée\u00a0: {problem}. Rien n’a été écrit\u00a0; complétez "
                "worklists/person/policy.csv."
            ) from None
        try:
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
        except OSError:
            raise CommandError("Ce fichier ne peut pas être écrit. Rien ne l’a été.") from None
        rows = sum(map(len, gathered.tables.values()))
        tables, files = counted(len(gathered.tables), "table"), counted(len(gathered.files), "fichier")
        self.stdout.write(f"{counted(rows, 'ligne')} de {tables}, {files}.")
        self.stdout.write("Pour ouvrir\u00a0: age --decrypt --output dossier.zip FICHIER.")


def _passphrase() -> str:
    if sys.stdin.isatty():
        given = getpass("Phrase de passe : ".replace(" :", "\u00a0:"))
        if getpass("Encore une fois : ".replace(" :", "\u00a0:")) != given:
            raise CommandError("Les deux phrases diffèrent. Rien n’a été écrit.")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    if len(given) < _SHORTEST:
        raise CommandError(f"Cette phrase est trop courte\u00a0: {_SHORTEST} signes au moins. Rien n’a été écrit.")
    return given
