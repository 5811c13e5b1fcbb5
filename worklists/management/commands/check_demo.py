"""`manage.py check_demo`: is there something to see on every screen of the demonstration hospital?"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from worklists.demo import census, places
from worklists.demo.plots import FULL_SIZE


class Command(BaseCommand):
    help = "Compte ce que l’hôpital de démonstration contient ; échoue si un état ou une liste n’a aucun exemple."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--size", type=int, default=FULL_SIZE, help="taille demandée au chargement")
        parser.add_argument("--json", action="store_true", help="les chiffres, pour un programme")

    def handle(self, *args: Any, **options: Any) -> None:
        establishment = places.demonstration()
        if establishment is None:
            raise CommandError("La démonstration n’est pas chargée : lancez « make demo ».")
        found = census.take(establishment, options["size"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), ensure_ascii=False))
        else:
            self.stdout.write(found.summary())
        if found.missing:
            raise CommandError("Il manque : " + " ; ".join(found.missing) + ".")
