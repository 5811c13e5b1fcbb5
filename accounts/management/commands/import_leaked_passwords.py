"""`manage.py import_leaked_passwords FILE`: the passwords that nobody may choose, from a public list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import leaked
from gap.templatetags.gap_format import counted


class Command(BaseCommand):
    help = (
        "Fait la liste des mots de passe refusés à partir de la forme texte de «\u00a0Pwned Passwords\u00a0», triée par"
        " empreinte (une ligne «\u00a0SHA-1:nombre\u00a0» chacune), prise ailleurs et apportée ici\u00a0: rien n’est"
        " demandé au réseau. «\u00a0-\u00a0» lit l’entrée standard. Relancée, elle remplace la liste\u00a0; arrêtée,"
        " l’ancienne reste."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FICHIER")
        parser.add_argument("--most", type=int, metavar="N", help="les N plus fréquents seulement (tenus en mémoire)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["most"] is not None and options["most"] < 1:
            raise CommandError("--most est un nombre à partir de 1. Rien n’a changé.")
        target = leaked.imported_file()
        try:
            if options["file"] == "-":
                count = leaked.pack(sys.stdin.buffer, target, most=options["most"])
            else:
                with Path(options["file"]).open("rb") as lines:
                    count = leaked.pack(lines, target, most=options["most"])
        except leaked.LeakedFileError as problem:
            raise CommandError(
                f"{problem.message[0].upper()}{problem.message[1:]} La liste en place n’a pas changé."
            ) from None
        except OSError as problem:
            raise CommandError(
                f"{options['file']}\u00a0: {problem.strerror}. La liste en place n’a pas changé."
            ) from None
        refused = counted(count, "mot de passe refusé,mots de passe refusés")
        self.stdout.write(f"{refused}, {count * leaked.WIDTH / 1_000_000:.1f} Mo dans {target}.")
