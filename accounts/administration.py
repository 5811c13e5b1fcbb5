"""What the administrator of an establishment does to its accounts: one verb, one transaction, one entry of the journal.

Every change holds the row of the establishment: two administrators at once are one after the other, and neither can
leave it without any. Who acts is looked at again once it is held.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import second_factor, sessions, tries
from accounts.enums import Action, JournalKind, Role
from accounts.journal import current, done
from accounts.models import Establishment, Invitation, RoleAssignment, User
from accounts.psc import identities
from accounts.psc.identities import IdentityRefused
from gap.crypto import blind_index

#: A code on paper: 12 signs of 32, without what is mistaken for something else.
_SIGNS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
INVITED_FOR: Final = timedelta(hours=24)
DORMANT: Final = timedelta(days=90)
#: Who knows of work that a person leaves behind says it here, in words (the lists are a floor above).
LEFT_BEHIND: Final[list[Callable[[User], str]]] = []


class RefusedError(Exception):
    """Not done: `message` tells the administrator why, what is kept, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, for some services or for all of them (none named), between two days included."""

    role: Role
    services: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


# ---- who is seen ----


def people_of(here: Establishment) -> QuerySet[User]:
    """The accounts of an establishment: nobody else's are seen, nor touched."""
    return User.objects.filter(establishment=here).order_by("last_name", "first_name", "pk")


def matching(people: QuerySet[User], text: str) -> QuerySet[User]:
    """By the beginning of a name or of an identifier, or of both names in any order."""
    every = Q()
    for word in text.split()[:4]:
        every &= _begins(word)
    return people.filter(_begins(text) | every)


def _begins(text: str) -> Q:
    return Q(last_name__istartswith=text) | Q(first_name__istartswith=text) | Q(username__istartswith=text)


def dormant(people: QuerySet[User]) -> QuerySet[User]:
    """Active accounts that nobody has opened for DORMANT."""
    return people.filter(unvisited(), is_active=True)


def unvisited() -> Q:
    """The condition of an account that nobody has opened for DORMANT."""
    before = timezone.now() - DORMANT
    return Q(last_login__lt=before) | Q(last_login__isnull=True, date_joined__lt=before)


def is_dormant(user: User) -> bool:
    return user.is_active and (user.last_login or user.date_joined) < timezone.now() - DORMANT


# ---- what is done ----


@contextmanager
def _acting(by: User, whom: User | None = None, reason: str = "") -> Iterator[Establishment]:
    """The establishment is held, `by` still administers it, `whom` is of it. Raises RefusedError."""
    with transaction.atomic():
        here = _hold(by)
        fresh = User.objects.get(pk=by.pk)
        if not fresh.is_active or not fresh.may(Action.MANAGE_ACCOUNTS):
            raise RefusedError("Vous n’administrez plus les comptes de cet établissement. Rien n’a changé.")
        if whom is not None and whom.establishment_id != here.pk:
            raise RefusedError("Ce compte est d’un autre établissement. Rien n’a changé.")
        current().reason = reason
        yield here
        if not _standing(here).exists():
            raise RefusedError(
                "L’établissement n’aurait plus d’administrateur sans date de fin. Rien n’a changé\u00a0: nommez d’abord un autre "
                "administrateur."
            )


def _hold(by: User) -> Establishment:
    return Establishment.objects.select_for_update().get(pk=by.establishment_id or 0)


def _standing(here: Establishment) -> QuerySet[RoleAssignment]:
    """Administrators of today whom no date will take away."""
    today = timezone.localdate()
    return RoleAssignment.objects.filter(
        Q(since__isnull=True) | Q(since__lte=today),
        establishment=here,
        role=Role.ADMINISTRATOR,
        until__isnull=True,
        user__is_active=True,
        user__establishment=here,
    )


def _not_oneself(by: User, whom: User, what: str) -> None:
    if by.pk == whom.pk:
        raise RefusedError(f"Personne ne {what}. Rien n’a changé\u00a0: demandez-le à un autre administrateur.")


def create(by: User, *, username: str, first_name: str, last_name: str, grant: Grant) -> tuple[User, str]:
    """A new colleague and their code, shown once. Raises RefusedError."""
    with _acting(by) as here:
        if User.objects.filter(username__iexact=username).exists():
            raise RefusedError("Cet identifiant est déjà pris. Rien n’est créé\u00a0: choisissez-en un autre.")
        user = User(username=username, first_name=first_name, last_name=last_name, establishment=here)
        user.set_unusable_password()
        user.save()
        _write(here, user, grant)
        _told("compte créé", user)
        return user, _invitation(user)


def give_role(by: User, whom: User, grant: Grant) -> None:
    """The role, or its new services and days when it is held already. Raises RefusedError."""
    _not_oneself(by, whom, "se donne un rôle")
    with _acting(by, whom) as here:
        _write(here, whom, grant)
        _told("rôle donné", whom, role=str(grant.role))


def _write(here: Establishment, whom: User, grant: Grant) -> None:
    if grant.since and grant.until and grant.until < grant.since:
        raise RefusedError("Ce rôle finirait avant de commencer. Rien n’a changé\u00a0: corrigez les dates.")
    RoleAssignment.objects.update_or_create(
        user=whom,
        establishment=here,
        role=grant.role,
        defaults={"services": list(grant.services), "since": grant.since, "until": grant.until},
    )


def take_role(by: User, whom: User, role: Role) -> None:
    """Raises RefusedError."""
    _not_oneself(by, whom, "se retire un rôle")
    with _acting(by, whom) as here:
        RoleAssignment.objects.filter(user=whom, establishment=here, role=role).delete()
        _told("rôle retiré", whom, role=str(role))


def deactivate(by: User, whom: User, reason: str) -> list[str]:
    """Nothing opens any more, at once. Returns, in words, the work that is left behind. Raises RefusedError."""
    _not_oneself(by, whom, "ferme son propre compte")
    with _acting(by, whom, reason):
        User.objects.filter(pk=whom.pk).update(is_active=False)
        Invitation.objects.filter(user=whom).delete()
        sessions.end_all(whom)
        _told("compte fermé", whom)
    return [said for said in (of(whom) for of in LEFT_BEHIND) if said]


def reactivate(by: User, whom: User) -> str:
    """The account serves again, with a new password: its code, shown once. Raises RefusedError."""
    with _acting(by, whom):
        User.objects.filter(pk=whom.pk).update(is_active=True)
        _told("compte rouvert", whom)
        return _invite(whom)


def invite(by: User, whom: User, reason: str) -> str:
    """A new code for who lost their password: the old one and its sessions end. Raises RefusedError."""
    _not_oneself(by, whom, "se donne un code à soi-même")
    with _acting(by, whom, reason):
        if not User.objects.get(pk=whom.pk).is_active:
            raise RefusedError("Ce compte est fermé. Rien n’a changé\u00a0: rouvrez-le d’abord.")
        _told("code de première connexion donné", whom)
        return _invite(whom)


def reset_second_factor(by: User, whom: User, reason: str) -> None:
    """For a telephone that is lost: they set up another at the next sign-in. Raises RefusedError."""
    _not_oneself(by, whom, "retire son propre téléphone")
    with _acting(by, whom, reason):
        second_factor.remove(whom)
        sessions.end_all(whom)
        _told("second facteur retiré", whom)


def set_professional(by: User, whom: User, rpps: str, reason: str) -> None:
    """Whom Pro Santé Connect opens this account to; an empty number takes it away. Raises RefusedError."""
    _not_oneself(by, whom, "inscrit son propre n° RPPS")
    try:
        national_id = identities.of_rpps(rpps) if rpps.strip() else ""
        with _acting(by, whom, reason):
            if national_id:
                identities.link(whom, national_id, by="administrateur")
            elif not identities.unlink(whom):
                raise RefusedError("Aucun n° n’était inscrit. Rien n’a changé.")
    except IdentityRefused as refused:
        raise RefusedError(refused.message) from None


def end_sessions(by: User, whom: User) -> int:
    """Returns how many ended. Raises RefusedError."""
    with _acting(by, whom):
        ended = sessions.end_all(whom)
        _told("sessions fermées", whom, ended=ended)
        return ended


def _told(action: str, whom: User, **detail: object) -> None:
    done(JournalKind.ADMIN, action, object_type="accounts_user", object_id=whom.pk, detail=detail)


# ---- the code on paper ----


def _digest(user: User, code: str) -> str:
    return blind_index(f"{user.pk}|{code}", "accounts.invitation")


def _invite(user: User) -> str:
    """The password before serves no more, whoever knew it."""
    fresh = User.objects.get(pk=user.pk)
    fresh.set_unusable_password()
    fresh.save(update_fields=["password"])
    sessions.end_all(fresh)
    return _invitation(fresh)


def _invitation(user: User) -> str:
    code = "".join(secrets.choice(_SIGNS) for _ in range(12))
    Invitation.objects.update_or_create(
        user=user, defaults={"digest": _digest(user, code), "until": timezone.now() + INVITED_FOR}
    )
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def invited(username: str, code: str) -> User | None:
    """Whom this code is for, while it serves. Five wrong ones make wait, as those of a telephone."""
    user = User.objects.filter(username=username, is_active=True).first()
    subject = f"invitation|{user.pk if user else username.casefold()}"
    if tries.must_wait(tries.CODE, subject):
        return None
    typed = "".join(code.split()).replace("-", "").upper()
    serves = user is not None and Invitation.objects.filter(
        user=user, digest=_digest(user, typed), until__gt=timezone.now()
    )
    if user is not None and serves and serves.exists():
        tries.forget(tries.CODE, subject)
        return user
    tries.count(tries.CODE, subject)
    return None


def accept(user: User, password: str) -> bool:
    """The password they chose is theirs; the code has served. False when it has served meanwhile."""
    with transaction.atomic():
        if not Invitation.objects.filter(user=user, until__gt=timezone.now()).delete()[0]:
            return False
        user.set_password(password)
        user.save(update_fields=["password"])
        current().user_id, current().establishment_id = user.pk, user.establishment_id
        done(JournalKind.SESSION, "mot de passe choisi avec un code")
        return True
