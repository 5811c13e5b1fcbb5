"""What the administrator of an establishment takes away from a program: scopes, tokens, its place here.

Nothing is given on a screen: a secret shown there would read every dossier in the place of somebody whose role sees none.
A program is made, and a secret drawn, by `create_api_client` and `rotate_api_secret`, on the machine, or by the program
itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import QuerySet

from accounts import tokens
from accounts.administration import RefusedError
from accounts.enums import Action, JournalKind
from accounts.journal import current, done
from accounts.models import ApiClient, Establishment, User


def programs_of(here: Establishment) -> QuerySet[ApiClient]:
    """Those that see this establishment, in service first."""
    return ApiClient.objects.filter(establishment=here).order_by("-active", "name")


def end(client: ApiClient) -> int:
    """Put a program out of service, with its secrets and tokens. Returns how many tokens ended. In a transaction.

    Its row is held first: a token under way is given before, and ended here, or refused after.
    """
    ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
    ApiClient.objects.filter(pk=client.pk).update(active=False)
    client.secrets.all().delete()
    return tokens.end_all(client)


def put_out(by: User, client: ApiClient, reason: str) -> int:
    """The same, by an administrator, who says why. Raises RefusedError."""
    with _acting(by, client, reason):
        ended = end(client)
        _told("logiciel mis hors service", client, tokens=ended)
        return ended


def end_tokens(by: User, client: ApiClient, reason: str) -> int:
    """End what it was given so far; it proves itself again. Returns how many tokens ended. Raises RefusedError."""
    with _acting(by, client, reason) as held:
        fixed = held.token_digest is not None
        ended = tokens.end_all(held)
        _told("jetons du logiciel finis", client, tokens=ended, fixed=fixed)
        return ended


def narrow(by: User, client: ApiClient, left: Collection[str], reason: str) -> list[str]:
    """Leave it these scopes alone, at once, tokens already given included. Returns those taken. Raises RefusedError."""
    with _acting(by, client, reason) as held:
        taken = [scope for scope in held.scopes if scope not in left]
        if not taken:
            raise RefusedError("Toutes ses portées sont cochées. Rien n’a changé\u00a0: décochez celles à retirer.")
        if len(taken) == len(held.scopes):
            raise RefusedError(
                "Il ne lui resterait rien. Rien n’a changé\u00a0: mettez plutôt ce logiciel hors service."
            )
        held.scopes = [scope for scope in held.scopes if scope in left]
        held.save(update_fields=["scopes"])
        _told("portées retirées au logiciel", client, scopes=taken)
        return taken


@contextmanager
def _acting(by: User, client: ApiClient, reason: str) -> Iterator[ApiClient]:
    """The program is held, `by` still manages those of its establishment, it is in service."""
    with transaction.atomic():
        held = ApiClient.objects.select_for_update(no_key=True).get(pk=client.pk)
        fresh = User.objects.get(pk=by.pk)
        if (
            not fresh.is_active
            or not fresh.may(Action.MANAGE_PROGRAMS)
            or fresh.establishment_id != held.establishment_id
        ):
            raise RefusedError("Vous ne gérez plus les logiciels de cet établissement. Rien n’a changé.")
        if not held.active:
            raise RefusedError("Ce logiciel est déjà hors service. Rien n’a changé.")
        current().reason = reason
        yield held


def _told(action: str, client: ApiClient, **detail: object) -> None:
    done(JournalKind.ADMIN, action, object_type="accounts_apiclient", object_id=client.pk, detail=detail)
