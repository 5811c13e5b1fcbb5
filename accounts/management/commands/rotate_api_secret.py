"""`manage.py rotate_api_secret CLIENT`: the next secret of a program, beside the one in use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import client_secrets
from accounts.enums import ClientAuth
from accounts.models import ApiClient


class Command(BaseCommand):
    help = (
        "Donne à un logiciel tiers un nouveau secret, affiché une seule fois. L’ancien vaut encore SECRET_OVERLAP_H heures,"
        " ou --overlap. --at-once y met fin aussitôt, avec tous ses jetons\u00a0: un secret est en de mauvaises mains."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NOM")
        parser.add_argument(
            "--overlap", type=int, metavar="HEURES", help="heures pendant lesquelles l’ancien vaut encore"
        )
        parser.add_argument("--at-once", action="store_true", help="finir aussitôt anciens secrets et jetons")
        parser.add_argument(
            "--replace-unused", action="store_true", help="prendre la place d’un secret qui n’a jamais servi"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            raise CommandError("Aucun logiciel n’a ce nom. Rien n’a changé.")
        if client.auth_method != ClientAuth.SECRET:
            raise CommandError("Ce logiciel ne se prouve pas par un secret. Rien n’a changé.")
        hours = options["overlap"]
        if hours is not None and not 0 <= hours <= 24 * 90:
            raise CommandError("--overlap compte de 0 à 2160 heures. Rien n’a changé.")
        try:
            made = client_secrets.rotate(
                client,
                overlap=None if hours is None else timedelta(hours=hours),
                at_once=options["at_once"],
                replace_unused=options["replace_unused"],
            )
        except client_secrets.RotationUnderWay as under_way:
            raise CommandError(
                f"Deux secrets valent déjà, le plus ancien jusqu’au {under_way.until:%d/%m/%Y %H:%M}. Rien n’a changé."
            ) from None
        self.stdout.write(f"client_id {client.client_id}")
        self.stdout.write(f"client_secret {made.secret}")
        self.stdout.write(f"Ce secret ne sera plus montré. Il vaut jusqu’au {made.expires_at:%d/%m/%Y}.")
        if made.previous_until:
            self.stdout.write(f"L’ancien vaut jusqu’au {made.previous_until:%d/%m/%Y %H:%M}.")
