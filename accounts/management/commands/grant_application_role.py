"""`manage.py grant_application_role ROLE`: what the product may do in its database, and nothing more."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from psycopg import sql

#: Only added to, whoever asks (docs/adr/0013).
APPEND_ONLY = ("accounts_journalentry", "accounts_journalseal")


class Command(BaseCommand):
    help = (
        "Donne à un rôle de PostgreSQL ce que les serveurs web et les travailleurs utilisent : lire et écrire les tables,"
        " mais du journal ajouter seulement, et ne rien changer aux tables elles-mêmes. À lancer par le propriétaire de la"
        " base, après chaque « migrate ». Le mot de passe d’un rôle à créer est lu dans APPLICATION_ROLE_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", metavar="RÔLE")
        parser.add_argument("--create", action="store_true", help="créer le rôle s’il n’existe pas")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, password = options["role"], os.environ.get("APPLICATION_ROLE_PASSWORD", "")
        with connection.cursor() as cursor:
            cursor.execute("select rolsuper from pg_roles where rolname = %s", [name])
            found = cursor.fetchone()
            if found is None:
                if not options["create"]:
                    raise CommandError(f"Le rôle {name} n’existe pas. Rien n’a été changé ; --create le crée.")
                made = "create role {} login password {}" if password else "create role {} login"
                cursor.execute(_with_password(made, name, password))
            elif found[0]:
                # Its rights would be no rights: it goes round them.
                raise CommandError(f"Le rôle {name} peut tout dans ce serveur : il n’est pas pour l’application.")
            elif password:
                cursor.execute(_with_password("alter role {} password {}", name, password))
            for statement in _grants(name):
                cursor.execute(statement)
        self.stdout.write(f"{name} lit et écrit les tables, et n’ajoute qu’au journal.")


def _with_password(statement: str, name: str, password: str) -> Any:
    return sql.SQL(statement).format(sql.Identifier(name), sql.Literal(password))


def _grants(name: str) -> list[Any]:
    role = sql.Identifier(name)
    tables = sql.SQL(", ").join(sql.Identifier(table) for table in APPEND_ONLY)
    return [
        sql.SQL(text).format(role=role, tables=tables)
        for text in (
            "revoke create on schema public from public",
            "grant usage on schema public to {role}",
            "grant select, insert, update, delete on all tables in schema public to {role}",
            "grant usage, select on all sequences in schema public to {role}",
            "alter default privileges in schema public grant select, insert, update, delete on tables to {role}",
            "alter default privileges in schema public grant usage, select on sequences to {role}",
            "revoke update, delete, truncate, references, trigger on {tables} from {role}",
        )
    ]
