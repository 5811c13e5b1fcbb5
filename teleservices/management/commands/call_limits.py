"""`manage.py call_limits [NAME VALUE]`: the delays and caps of the calls, and changing one from today on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from admissions.errors import Refused
from teleservices.enums import LimitName
from teleservices.models import CallLimit
from teleservices.ruling import change_limit, in_force


class Command(BaseCommand):
    help = "Montre les délais et plafonds des appels en vigueur, ou en change un à partir d’aujourd’hui."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", choices=LimitName.values, help="la limite à changer")
        parser.add_argument("value", nargs="?", type=int, help="sa nouvelle valeur, 1 au moins")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["name"]:
            if not options["value"] or options["value"] < 1:
                raise CommandError("Donnez une valeur de 1 au moins. Rien n’a changé.")
            try:
                change_limit(None, LimitName(options["name"]), options["value"], timezone.localdate())
            except Refused as refusal:
                raise CommandError(refusal.sentence) from None
        for row in in_force(CallLimit):
            self.stdout.write(f"{row.name:<24} {row.value:>9}  {row.get_name_display()}")
