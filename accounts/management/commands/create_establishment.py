"""`manage.py create_establishment`: the first site of a new installation, and who administers it."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.enums import Role
from accounts.models import Establishment, RoleAssignment, User
from gap.identifiers import InvalidIdentifier, parse_finess


class Command(BaseCommand):
    help = (
        "Crée un établissement et son premier administrateur. Le mot de passe est demandé, ou lu sur l’entrée standard :"
        " il n’est jamais un argument, que tout le monde verrait dans la liste des processus."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NOM", help="nom de l’établissement")
        parser.add_argument("--finess-legal", required=True, metavar="FINESS", help="FINESS juridique, 9 caractères")
        parser.add_argument("--finess-site", required=True, metavar="FINESS", help="FINESS géographique, 9 caractères")
        parser.add_argument("--admin", required=True, metavar="IDENTIFIANT", help="identifiant de l’administrateur")
        parser.add_argument("--first-name", default="", metavar="PRÉNOM")
        parser.add_argument("--last-name", default="", metavar="NOM")

    def handle(self, *args: Any, **options: Any) -> None:
        establishment = Establishment(
            name=options["name"].strip(),
            finess_legal=_finess(options["finess_legal"], "juridique"),
            finess_site=_finess(options["finess_site"], "géographique"),
        )
        administrator = User(
            username=options["admin"], first_name=options["first_name"], last_name=options["last_name"]
        )
        try:
            establishment.full_clean()
            administrator.full_clean(exclude=["password", "establishment"])
            password = _password()
            validate_password(password, administrator)
        except ValidationError as problem:
            raise CommandError("\n".join([*problem.messages, "Rien n’a été créé."])) from None
        administrator.set_password(password)
        with transaction.atomic():
            establishment.save()
            administrator.establishment = establishment
            administrator.save()
            RoleAssignment.objects.create(user=administrator, establishment=establishment, role=Role.ADMINISTRATOR)
        self.stdout.write(f"{establishment} est créé ; {administrator.username} en est l’administrateur.")


def _finess(text: str, kind: str) -> str:
    try:
        return str(parse_finess(text))
    except InvalidIdentifier as problem:
        raise CommandError(f"FINESS {kind} : {problem.message_fr} Rien n’a été créé.") from None


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Mot de passe : ")
    if getpass("Encore une fois : ") != password:
        raise CommandError("Les deux mots de passe diffèrent. Rien n’a été créé.")
    return password
