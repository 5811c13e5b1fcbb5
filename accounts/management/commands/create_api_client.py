"""`manage.py create_api_client`: a program that connects, how it proves itself, and its first secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography import x509
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from joserfc import jwk
from joserfc.errors import JoseError

from accounts import client_secrets
from accounts.enums import ClientAuth, Scope
from accounts.models import ApiClient, Establishment
from accounts.oauth import certificates

_NOTHING = "Rien n’a été créé."
#: Members of a JWK that hold what only the program may know.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


class Command(BaseCommand):
    help = (
        "Crée un logiciel tiers. Par défaut il se prouve par un secret, affiché une seule fois ; sinon par une signature"
        " (--public-keys), un certificat d’une autorité (--certificate) ou un certificat enregistré (--own-certificate)."
    ).replace(" ;", "\u00a0;")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NOM")
        parser.add_argument("--finess-site", required=True, metavar="FINESS", help="l’établissement qu’il voit")
        parser.add_argument(
            "--scope", action="append", required=True, choices=Scope.values, help="une portée (répétable)"
        )
        parser.add_argument(
            "--rate", type=int, metavar="N", help="demandes par minute (défaut\u00a0: celui des réglages)"
        )
        proof = parser.add_mutually_exclusive_group()
        proof.add_argument("--public-keys", metavar="FICHIER", help="JWK Set de ses clés publiques")
        proof.add_argument(
            "--certificate", metavar="FICHIER", help="PEM dont le sujet sera attendu, signé par une autorité"
        )
        proof.add_argument("--own-certificate", metavar="FICHIER", help="PEM du ou des seuls certificats acceptés")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        establishment = Establishment.objects.filter(finess_site=options["finess_site"]).first()
        if establishment is None:
            raise CommandError(f"Aucun établissement n’a ce FINESS géographique. {_NOTHING}")
        scopes = list(dict.fromkeys(options["scope"]))
        client = ApiClient(
            name=options["name"].strip(),
            establishment=establishment,
            scopes=scopes,
            rate_per_minute=options["rate"],
            **_proof(options),
        )
        try:
            client.full_clean(exclude=["client_id"])
        except ValidationError as problem:
            raise CommandError("\n".join([*problem.messages, _NOTHING])) from None
        client.save()
        self.stdout.write(f"client_id {client.client_id}")
        if client.auth_method == ClientAuth.SECRET:
            made = client_secrets.rotate(client)
            self.stdout.write(f"client_secret {made.secret}")
            self.stdout.write(f"Ce secret ne sera plus montré. Il vaut jusqu’au {made.expires_at:%d/%m/%Y}.")


def _proof(options: dict[str, Any]) -> dict[str, Any]:
    """Columns of how the program proves itself. Raises CommandError."""
    if path := options["public_keys"]:
        return {"auth_method": ClientAuth.PRIVATE_KEY, "public_keys": _keys(_read(path))}
    if path := options["certificate"]:
        return {"auth_method": ClientAuth.CERTIFICATE, "certificate_subject": certificates.subject(_pem(path)[0])}
    if path := options["own_certificate"]:
        digests = [certificates.digest(one) for one in _pem(path)]
        return {"auth_method": ClientAuth.OWN_CERTIFICATE, "certificate_digests": digests}
    return {"auth_method": ClientAuth.SECRET}


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise CommandError(f"Ce fichier ne peut pas être lu. {_NOTHING}") from None


def _pem(path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise CommandError(f"Ce fichier n’est pas un certificat PEM. {_NOTHING}") from None


def _keys(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
        held = found["keys"]
        private = any(_PRIVATE & set(key) for key in held)
        jwk.KeySet.import_key_set(found)
    except (ValueError, KeyError, TypeError, JoseError):
        raise CommandError(f"Ce fichier n’est pas un JWK Set (RFC 7517). {_NOTHING}") from None
    if private or not held:
        raise CommandError(f"Ce fichier doit tenir des clés publiques, et elles seules. {_NOTHING}")
    return dict(found)
