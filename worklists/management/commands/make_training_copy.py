"""`manage.py make_training_copy DATABASE_URL`: the same hospital with nobody's names, in another database."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import unquote

import environ
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connections

from admissions.models import Patient
from gap.crypto import KeyRing
from worklists.training.copying import COPY, SOURCE, copy_all
from worklists.training.invention import Inventor

_KEYS = ("TRAINING_FIELD_ENCRYPTION_KEY", "TRAINING_BLIND_INDEX_KEY")


class Command(BaseCommand):
    help = (
        "Copie l’hôpital dans une base vide, avec des noms, dates de naissance, NIR et cartes inventés. Les clés de la "
        f"copie se lisent dans {' et '.join(_KEYS)}, différentes de celles de la production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("database_url", help="la base de la copie, qui existe et où il n’y a aucun patient")

    def handle(self, *args: Any, **options: Any) -> None:
        inventor = Inventor(secrets.token_bytes(32), self._ring())
        self._connect(options["database_url"])
        try:
            if self._has_patients():
                raise CommandError(
                    "La base d’arrivée a déjà des patients. Rien n’y a changé\u00a0; donnez-en une vide."
                )
            call_command("migrate", database=COPY, verbosity=0)
            copy_all(inventor, lambda table, count: self.stdout.write(f"{table}\u00a0: {count}"))
        except OperationalError as problem:
            raise CommandError("La base d’arrivée ne répond pas. Rien n’a été copié.") from problem
        finally:
            connections[COPY].close()
            del connections[COPY], connections.databases[COPY]
        self.stdout.write("Copie faite. Aucun mot de passe n’y ouvre\u00a0: manage.py changepassword agent<n°>.")

    @staticmethod
    def _has_patients() -> bool:
        there = Patient._meta.db_table in connections[COPY].introspection.table_names()
        return there and Patient.objects.using(COPY).exists()

    @staticmethod
    def _ring() -> KeyRing:
        env = environ.Env()
        field, index = (env.str(name, default="") for name in _KEYS)
        ours = f"{settings.FIELD_ENCRYPTION_KEY},{settings.BLIND_INDEX_KEY}".split(",")
        if not field or not index or "," in field + index or {field, index} & {key.strip() for key in ours}:
            raise CommandError(
                f"Donnez dans {' et '.join(_KEYS)} une clé chacune, autre que celles de cet hôpital. Rien n’a été copié."
            )
        return KeyRing(field, index)

    @staticmethod
    def _connect(url: str) -> None:
        ours = connections[SOURCE].settings_dict
        try:
            if not url.startswith(("postgres://", "postgresql://")):
                raise ValueError(url.partition(":")[0])
            given = environ.Env.db_url_config(url)
        except (ImproperlyConfigured, ValueError) as problem:
            raise CommandError(
                "L’adresse de la base d’arrivée est mal formée\u00a0: postgres://… est attendu. Rien n’a été copié."
            ) from problem
        given["HOST"] = unquote(str(given.get("HOST") or ""))
        if all(str(given.get(name) or "") == str(ours[name] or "") for name in ("HOST", "PORT", "NAME")):
            raise CommandError("C’est la base de l’hôpital lui-même. Rien n’a été copié\u00a0; donnez-en une autre.")
        connections.databases[COPY] = {**ours, **given}
