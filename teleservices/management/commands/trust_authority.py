"""`manage.py trust_authority FILE`: accept the certificates that these authorities issue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admissions.errors import Refused
from teleservices import certificates


class Command(BaseCommand):
    help = "Reconnaît une ou plusieurs autorités de certification (PEM ou DER)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            added = certificates.trust(options["file"].read_bytes())
        except OSError as problem:
            raise CommandError(f"Fichier illisible : {problem}. Rien n’a été pris.") from None
        except Refused as refusal:
            raise CommandError(refusal.sentence) from None
        for one in added:
            self.stdout.write(f"Reconnue : {one.name}, jusqu’au {one.not_after:%d/%m/%Y}")
        if not added:
            self.stdout.write("Déjà reconnues : rien n’a changé.")
