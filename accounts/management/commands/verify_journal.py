"""`manage.py verify_journal`: whether the journal is as it was written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import controls
from accounts.enums import Controlled
from accounts.journal import sealing
from gap.templatetags.gap_format import counted

_SHOWN = 50
_WHAT = {"entry": "la trace", "seal": "le sceau"}


class Command(BaseCommand):
    help = (
        "Relit toute la chaîne du journal : une trace modifiée, effacée, ajoutée ou déplacée est nommée. Finit par 1 si"
        " quelque chose manque. --repere prend le numéro et l’empreinte d’un sceau, gardés ailleurs que dans la base"
        " (ligne « journal_sealed » des journaux techniques) : la fin de la chaîne ne peut alors pas être coupée."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repere", metavar="N:EMPREINTE", default="", help="un sceau connu, gardé ailleurs")
        parser.add_argument("--no-seal", action="store_true", help="ne pas sceller d’abord ce qui attend")

    def handle(self, *args: Any, **options: Any) -> None:
        anchor = _anchor(options["repere"])
        if not options["no_seal"]:
            sealing.seal()
        found = sealing.verify(anchor=anchor)
        for finding in found.findings[:_SHOWN]:
            self.stdout.write(f"{_WHAT[finding.what]} {finding.pk} {finding.sentence}")
        if len(found.findings) > _SHOWN:
            self.stdout.write(f"… et {counted(len(found.findings) - _SHOWN, 'autre')}")
        self.stdout.write(
            f"{counted(found.entries, 'trace')} dans {counted(found.seals, 'sceau,sceaux')}, "
            f"{counted(found.unsealed, 'pas encore scellée,pas encore scellées')} ; "
            f"dernier repère {found.last_number}:{found.last_digest}"
        )
        wrong = counted(len(found.findings), "anomalie")
        controls.note(
            Controlled.JOURNAL,
            sound=found.sound,
            sentence=f"{counted(found.entries, 'trace relue,traces relues')}, {wrong}.",
        )
        if not found.sound:
            raise CommandError(f"Le journal a été touché : {wrong}.", returncode=1)
        self.stdout.write("Le journal est entier.")


def _anchor(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise CommandError("Un repère s’écrit N:EMPREINTE, comme cette commande l’affiche.")
    return int(number), digest
