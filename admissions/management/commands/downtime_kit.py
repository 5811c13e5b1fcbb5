"""`manage.py downtime_kit FOLDER`: the papers of an outage, made each hour by the machine's scheduler."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyrage
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Establishment
from admissions.downtime import kit
from gap.templatetags.gap_format import counted

_SHORTEST: Final = 16
_MOST_FORMS: Final = 500


class Command(BaseCommand):
    help = (
        "Écrit dans un dossier les papiers d’une panne\u00a0: que faire, présents et attendus, feuilles à remplir. La liste "
        "des patients est chiffrée (format age) pour une clé publique ou une phrase de passe, ou en clair si le système "
        "chiffre le dossier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DOSSIER", help="où restent les derniers kits")
        parser.add_argument("--establishment", metavar="FINESS", help="un site\u00a0; tous sinon")
        parser.add_argument("--forms", type=int, default=30, metavar="N", help="feuilles d’admission (30)")
        parser.add_argument("--keep", type=int, default=3, metavar="N", help="kits gardés (3)")
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument(
            "--recipient", action="append", metavar="age1…", help="clé publique\u00a0; plusieurs fois si besoin"
        )
        how.add_argument("--passphrase", action="store_true", help="lue sur l’entrée standard, jamais en argument")
        how.add_argument("--plain", action="store_true", help="en clair, dans un dossier que le système chiffre")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        if not 0 <= options["forms"] <= _MOST_FORMS or options["keep"] < 1:
            raise CommandError(f"Il faut de 0 à {_MOST_FORMS} feuilles, et un kit gardé au moins. Rien n’a été écrit.")
        close, suffix = _closed(options)
        found = Establishment.objects.order_by("finess_site")
        if options["establishment"]:
            found = found.filter(finess_site=options["establishment"])
        establishments = list(found)
        if not establishments:
            raise CommandError("Aucun établissement n’a ce numéro FINESS. Rien n’a été écrit.")
        try:
            made = kit.make(
                Path(options["folder"]).absolute(),
                establishments,
                forms=options["forms"],
                keep=options["keep"],
                close=close,
                suffix=suffix,
            )
        except kit.KitRefused as problem:
            raise CommandError(f"{problem} Le kit d’avant est toujours là\u00a0; relancez.") from None
        except OSError as problem:
            raise CommandError(
                f"Le dossier ne peut pas être écrit\u00a0: {problem.strerror}. Le kit d’avant est toujours là."
            ) from None
        here = sum(part["presents"] for part in made.parts)
        sheets = sum(len(part["feuilles"]) for part in made.parts)
        seconds = time.monotonic() - began
        self.stdout.write(
            f"{made.folder}\u00a0: {counted(here, 'présent')}, {counted(sheets, 'feuille')}, en {seconds:.1f}\u00a0s."
        )


def _closed(options: dict[str, Any]) -> tuple[kit.Closed, str]:
    if options["plain"]:
        return bytes, ""
    if options["passphrase"]:
        phrase = sys.stdin.readline().rstrip("\r\n")
        if len(phrase) < _SHORTEST:
            raise CommandError(f"Cette phrase est trop courte\u00a0: {_SHORTEST} signes au moins. Rien n’a été écrit.")
        return partial(pyrage.passphrase.encrypt, passphrase=phrase), ".age"
    try:
        keys = [pyrage.x25519.Recipient.from_str(text) for text in options["recipient"]]
    except pyrage.RecipientError:
        raise CommandError("Cette clé publique n’en est pas une (age1…). Rien n’a été écrit.") from None
    return partial(pyrage.encrypt, recipients=keys), ".age"
