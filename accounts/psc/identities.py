"""Which of our people a professional is. Said by an administrator or by the person, never guessed by a name or a mail."""

from __future__ import annotations

import re
from typing import Final

from django.db import IntegrityError, transaction
from stdnum import luhn

from accounts.enums import JournalKind
from accounts.journal import done
from accounts.models import ProfessionalIdentity, User

#: Type of a national identifier of professional whose number is an RPPS (ANS, « identification nationale des PS »).
_RPPS_TYPE: Final = "8"


class IdentityRefused(Exception):
    """`message` tells the person why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def of_rpps(text: str) -> str:
    """The national identifier of an RPPS number, eleven digits and their key. Raises IdentityRefused."""
    number = re.sub(r"\s", "", text)
    if not re.fullmatch(r"[0-9]{11}", number) or not luhn.is_valid(number):
        raise IdentityRefused(
            "Ce n’est pas un n° RPPS. Rien n’a changé\u00a0: recopiez les onze chiffres de l’Annuaire Santé."
        )
    return _RPPS_TYPE + number


def user_of(national_id: str) -> User | None:
    """Who signs in by this identifier: an open account, or nobody."""
    return User.objects.filter(professional_identity__national_id=national_id, is_active=True).first()


def link(user: User, national_id: str, *, by: str) -> None:
    """From now on this professional is this person. `by`: « administrateur » or « Pro Santé Connect ». Raises IdentityRefused."""
    try:
        with transaction.atomic():
            ProfessionalIdentity.objects.update_or_create(user=user, defaults={"national_id": national_id})
    except IntegrityError:
        raise IdentityRefused(
            "Cet identifiant national est déjà celui d’un autre compte. Rien n’a changé\u00a0: voyez l’administrateur."
        ) from None
    _told("identité professionnelle rattachée", user, by=by)


def unlink(user: User) -> bool:
    """Whether there was one."""
    gone = bool(ProfessionalIdentity.objects.filter(user=user).delete()[0])
    if gone:
        _told("identité professionnelle retirée", user)
    return gone


def _told(action: str, user: User, **detail: str) -> None:
    done(JournalKind.ADMIN, action, object_type="accounts_user", object_id=user.pk, detail=detail)
