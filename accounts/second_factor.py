"""The second factor: codes of a telephone (TOTP, RFC 6238), and codes of paper for the day it is lost."""

from __future__ import annotations

import secrets
import time
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import tries
from accounts.models import RecoveryCode, SecondFactor, User
from gap import incidents
from gap.crypto import blind_index

DIGITS: Final = 6
PERIOD_S: Final = 30
#: A telephone's clock may be one period early or late.
_DRIFT: Final = (0, -1, 1)
#: 160 bits, as RFC 4226 recommends.
_SECRET_BYTES: Final = 20
CODES: Final = 10
# Without what is mistaken for something else: 10 signs of 32, 50 bits.
_SIGNS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class TooManyTries(Exception):
    """Wrong too often: nothing is looked at until it has passed."""


def _totp(secret: bytes) -> TOTP:
    # SHA-1 is what every telephone's application knows; as an HMAC of 30 s it is not weakened by its collisions.
    return TOTP(secret, DIGITS, SHA1(), PERIOD_S)  # noqa: S303


def required_of(user: User) -> bool:
    """Whether this person must have one before anything else."""
    return bool(settings.SECOND_FACTOR == "required" and user.roles)


def of(user: User) -> SecondFactor | None:
    """The one in service."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def propose(user: User) -> None:
    """Make a secret, to be shown until a first code proves it. Asked twice, or of one in service: nothing changes."""
    SecondFactor.objects.get_or_create(user=user, defaults={"secret": secrets.token_bytes(_SECRET_BYTES)})


def proposed(user: User) -> SecondFactor | None:
    """The one that waits for its first code."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=True).first()


def address_of(factor: SecondFactor) -> str:
    """`otpauth://…`: what the square holds."""
    return _totp(factor.secret).get_provisioning_uri(factor.user.username, settings.SOFTWARE_NAME)


def confirm(user: User, code: str) -> list[str] | None:
    """The first code: from now on it is asked. Returns the codes of paper, shown once; None when the code is wrong."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=True).first()
        if factor is None or not _takes(factor, code):
            return None
        factor.confirmed_at = timezone.now()
        factor.save(update_fields=["confirmed_at", "last_period"])
        return renew_codes(user)


def check(user: User, code: str) -> str:
    """How a person proved themselves: « code » or « secours »; empty when they did not. Raises TooManyTries."""
    subject = str(user.pk)
    if tries.must_wait(tries.CODE, subject):
        raise TooManyTries
    typed = "".join(code.split()).replace("-", "").upper()
    how = ("code" if _check_period(user, typed) else "") if typed.isdecimal() else _use_code(user, typed)
    if how:
        tries.forget(tries.CODE, subject)
    else:
        tries.count(tries.CODE, subject)
    return how


@transaction.atomic
def _check_period(user: User, code: str) -> bool:
    factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
    if factor is None or not _takes(factor, code):
        return False
    factor.save(update_fields=["last_period"])
    return True


def _takes(factor: SecondFactor, code: str) -> bool:
    """Whether the code is that of a period not used yet; the period is then used (not saved)."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not typed.isascii() or not typed.isdecimal():
        return False
    now = int(time.time()) // PERIOD_S
    for drift in _DRIFT:
        period = now + drift
        if period <= factor.last_period:
            continue
        try:
            _totp(factor.secret).verify(typed.encode(), period * PERIOD_S)
        except InvalidToken:
            continue
        factor.last_period = period
        return True
    return False


def _digest(user: User, code: str) -> str:
    return blind_index(f"{user.pk}|{code}", "accounts.recovery")


def _use_code(user: User, code: str) -> str:
    used = RecoveryCode.objects.filter(user=user, digest=_digest(user, code), used_at__isnull=True)
    return "secours" if used.update(used_at=timezone.now()) else ""


def renew_codes(user: User) -> list[str]:
    """Ten new codes of paper, shown once; those before them serve no more."""
    made = ["".join(secrets.choice(_SIGNS) for _ in range(10)) for _ in range(CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in made)
    return [f"{code[:5]}-{code[5:]}" for code in made]


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at__isnull=True).count()


def remove(user: User) -> None:
    """By an administrator, for a telephone that is lost: the person makes another at the next sign-in."""
    with transaction.atomic():
        SecondFactor.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user).delete()


def after_wrong_code(usual: str) -> str:
    """What to do when a code is refused: `usual`, unless this server's clock is known to be wrong, which breaks them all."""
    if not incidents.CLOCKS & incidents.current():
        return usual
    return "L’heure du serveur est fausse\u00a0: prenez un code de secours, et prévenez qui tient le serveur."
