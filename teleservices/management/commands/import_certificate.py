"""`manage.py import_certificate USE FILE`: one of our two software certificates, where there is no screen at hand."""

from __future__ import annotations

from getpass import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from admissions.errors import Refused
from teleservices import certificates
from teleservices.enums import CertificateUse


class Command(BaseCommand):
    help = "Importe un certificat logiciel (PKCS#12 ou PEM), et le met en service avec --in-force."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "use", choices=CertificateUse.values, help="directory : annuaire AMC ; services : AMC ; insi ; cdri"
        )
        parser.add_argument("file", type=Path, help="PKCS#12 (.p12, .pfx) ou PEM")
        parser.add_argument("--key", type=Path, help="clé PEM, si elle n’est pas avec le certificat")
        parser.add_argument("--passphrase-file", type=Path, help="fichier qui contient le mot de passe")
        parser.add_argument("--ask-passphrase", action="store_true", help="demande le mot de passe au clavier")
        parser.add_argument("--in-force", action="store_true", help="le met aussi en service")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = [path for path in (options["file"], options["key"]) if path]
        passphrase = getpass("Mot de passe : ") if options["ask_passphrase"] else ""
        try:
            if options["passphrase_file"]:
                passphrase = options["passphrase_file"].read_text().rstrip("\r\n")
            files = [path.read_bytes() for path in paths]
        except (OSError, UnicodeDecodeError) as problem:
            raise CommandError(f"Fichier illisible : {problem}. Rien n’a été pris.") from None
        try:
            kept = certificates.import_certificate(CertificateUse(options["use"]), *files, passphrase=passphrase)
            if options["in_force"]:
                certificates.put_in_force(kept.pk)
        except Refused as refusal:
            raise CommandError(refusal.sentence) from None
        state = "en service" if options["in_force"] else "prêt"
        self.stdout.write(
            f"« {kept.name} », émis par {kept.issuer}, valable jusqu’au {kept.not_after:%d/%m/%Y} : {state}."
        )
