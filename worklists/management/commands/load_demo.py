"""`manage.py load_demo`: the demonstration hospital « CH de Valmont », lived through the real chain."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from accounts.models import Establishment
from gap.templatetags.gap_format import counted
from worklists.demo import census, connected, logins, places, today
from worklists.demo.builder import build
from worklists.demo.plots import FULL_SIZE


class Command(BaseCommand):
    help = "Charge l’hôpital de démonstration ; avec --today, ajoute les arrivées du jour et du lendemain."
    # They would import every screen; the web server makes them soon enough.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--today", action="store_true", help="seulement les arrivées du jour et du lendemain")
        chosen.add_argument(
            "--start",
            action="store_true",
            help="migre la base, charge l’hôpital s’il ne l’est pas, sinon comme --today",
        )
        parser.add_argument(
            "--size",
            type=int,
            default=int(os.environ.get("GAP_DEMO_SIZE", FULL_SIZE)),
            help=f"nombre de séjours, environ (variable GAP_DEMO_SIZE ; {FULL_SIZE} par défaut ; 0 : un hôpital vide)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("La démonstration ne se charge pas sur une installation de production.")
        if options["start"]:
            call_command("migrate", verbosity=0)
        if options["today"] or (options["start"] and loaded().exists()):
            self._add_today(options["size"])
        else:
            self._load(options["size"])

    def _load(self, size: int) -> None:
        if not settings.TELESERVICES["directory_url"]:
            raise CommandError("Le simulateur des organismes ne tourne pas : lancez « make demo ».")
        self._start_from_nothing()
        started = time.monotonic()
        scripts = build(size, self._say)
        with connection.cursor() as cursor:
            # The tables were empty a minute ago: the planner must not wait for the autovacuum to know better.
            cursor.execute("analyze")
        loaded().touch()
        self._say(f"  {counted(len(scripts), 'séjour chargé,séjours chargés')} en {time.monotonic() - started:.0f} s.")
        if scripts:
            self._count(size)

    def _count(self, size: int) -> None:
        establishment = places.demonstration()
        assert establishment is not None
        found = census.take(establishment, size)
        self._say(f"  {found.summary()}")
        for problem in found.missing:
            self._say(f"  Il manque : {problem}.")

    def _start_from_nothing(self) -> None:
        """A loading that was interrupted starts again; the data of a real hospital are never touched."""
        if not Establishment.objects.exists():
            return
        if places.demonstration() is None or Establishment.objects.count() > 1:
            raise CommandError(
                "Cette base n’est pas vide, et ce n’est pas celle de la démonstration : rien n’est chargé."
            )
        if loaded().exists():
            raise CommandError("La démonstration est déjà chargée. « make demo-reset » repart d’un hôpital neuf.")
        self._say("  Chargement interrompu la dernière fois : on reprend de zéro.")
        call_command("flush", interactive=False, verbosity=0)

    def _add_today(self, size: int) -> None:
        establishment = places.demonstration()
        if establishment is None:
            raise CommandError("La démonstration n’est pas chargée : lancez « make demo ».")
        connected.keep_certificates(establishment)
        added = today.add_arrivals(establishment, size)
        if not logins.path().exists():
            logins.issue(establishment)
        if added:
            self._say(f"  {counted(added, 'arrivée ajoutée,arrivées ajoutées')} pour aujourd’hui et demain.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def loaded() -> Path:
    """The mark that the loading went to its end: without it, the next start begins again."""
    return Path(settings.VAR_DIR) / "loaded"
