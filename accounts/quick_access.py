"""PIN, badge, and the workstations where they serve: only where their owner signed in whole, for a day's work.

A badge says who; a PIN or the password proves it. A wrong PIN is counted before it is looked at: however many arrive at
once, no more than `PIN_TRIES` are.
"""

from __future__ import annotations

import itertools
import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.models import Badge, Pin, QuickAccess, Session, User, Workstation
from accounts.models.workstations import PIN_TRIES
from gap.crypto import blind_index, blind_indexes

_COOKIE_DAYS: Final = 365
#: What the douchette takes for a scan, at least (static/js/scanner.js).
BADGE_LEAST: Final = 8
BADGE_MOST: Final = 200
_STATION, _BADGE, _PIN = "accounts.workstation", "accounts.badge", "accounts.pin"
# The column of keys in the middle, and years that everybody tries first.
_OFTEN: Final = frozenset({"2580", "0852", "1379", "9731", "147258", "159753", "123654", "112233", "102030"})


# ---- the workstation ----


def workstation_of(request: HttpRequest) -> Workstation | None:
    """The one that this browser is, if anybody ever signed in whole there."""
    held = request.COOKIES.get(settings.WORKSTATION_COOKIE_NAME, "")
    if not held:
        return None
    return Workstation.objects.filter(digest__in=blind_indexes(held[:100], _STATION)).first()


def know_workstation(request: HttpRequest) -> tuple[Workstation, str]:
    """The workstation, made when it is new; and the cookie to give it, empty when it has one."""
    if known := workstation_of(request):
        return known, ""
    cookie = secrets.token_urlsafe(32)
    return Workstation.objects.create(digest=blind_index(cookie, _STATION)), cookie


def give_cookie(response: HttpResponseBase, cookie: str) -> None:
    if cookie:
        response.set_cookie(
            settings.WORKSTATION_COOKIE_NAME,
            cookie,
            max_age=timedelta(days=_COOKIE_DAYS),
            httponly=True,
            secure=settings.SECURE,
            samesite="Lax",
        )


def allow(user: User, workstation: Workstation) -> None:
    """They have just signed in whole there."""
    until = timezone.now() + timedelta(seconds=settings.QUICK_ACCESS_S)
    QuickAccess.objects.update_or_create(user=user, workstation=workstation, defaults={"until": until, "tries": 0})


def allowed(user: User, workstation: Workstation | None) -> QuickAccess | None:
    """The access of this person there, while it lasts."""
    if workstation is None:
        return None
    return QuickAccess.objects.filter(user=user, workstation=workstation, until__gt=timezone.now()).first()


def sweep() -> int:
    """Take away what serves nobody any more: accesses that are over, workstations that nobody came back to."""
    over = QuickAccess.objects.filter(until__lt=timezone.now()).delete()[0]
    old = Workstation.objects.filter(created_at__lt=timezone.now() - timedelta(days=_COOKIE_DAYS))
    unused = old.exclude(pk__in=QuickAccess.objects.values("workstation_id"))
    return (
        over
        + unused.exclude(pk__in=Session.objects.filter(workstation__isnull=False).values("workstation_id")).delete()[0]
    )


# ---- the PIN ----


def check_strength(pin: str) -> None:
    """Raises ValidationError: not 4 to 8 digits, or among those that are tried first."""
    if not (4 <= len(pin) <= 8 and pin.isascii() and pin.isdecimal()):
        raise ValidationError("Le PIN a de 4 à 8 chiffres.")
    if _is_trivial(pin):
        raise ValidationError("Ce PIN se devine. Choisissez-en un sans suite, sans répétition et sans année.")


def _is_trivial(pin: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    repeated = any(pin == (pin[:size] * len(pin))[: len(pin)] for size in (1, 2, 3, 4) if size < len(pin))
    year = len(pin) == 4 and pin[:2] in ("19", "20")
    return steps in ({0}, {1}, {9}) or repeated or year or pin in _OFTEN or len(set(pin)) < 3


def _keyed(user: User, pin: str) -> str:
    return f"{user.pk}|{pin}"


def set_pin(user: User, pin: str) -> None:
    """Raises ValidationError when it is too weak."""
    check_strength(pin)
    digest = make_password(blind_index(_keyed(user, pin), _PIN))
    Pin.objects.update_or_create(user=user, defaults={"digest": digest})


def has_pin(user: User) -> bool:
    return Pin.objects.filter(user=user).exists()


def take_pin(user: User, workstation: Workstation | None, pin: str) -> bool:
    """Whether this PIN opens here. The fifth wrong one in a row ends the access of this person at this workstation."""
    access = allowed(user, workstation)
    if access is None or not _claim_try(access):
        return False
    if _is_pin(user, pin):
        QuickAccess.objects.filter(pk=access.pk).update(tries=0)
        return True
    QuickAccess.objects.filter(pk=access.pk, tries__gte=PIN_TRIES).delete()
    return False


def _claim_try(access: QuickAccess) -> bool:
    """One try of those that are left: in one statement, before the PIN is looked at."""
    left = QuickAccess.objects.filter(pk=access.pk, tries__lt=PIN_TRIES)
    return bool(left.update(tries=F("tries") + 1))


def _is_pin(user: User, pin: str) -> bool:
    kept = Pin.objects.filter(user=user).values_list("digest", flat=True).first()
    if kept is None:
        return False
    return any(check_password(keyed, kept) for keyed in blind_indexes(_keyed(user, pin), _PIN))


# ---- the badge ----


def set_badge(user: User, text: str) -> None:
    """This barcode is theirs; the one before serves no more. Raises ValidationError: unreadable, or somebody else's."""
    text = text.strip()
    if not BADGE_LEAST <= len(text) <= BADGE_MOST or "\x00" in text:
        raise ValidationError(
            f"Ce badge n’est pas lisible\u00a0: il faut au moins {BADGE_LEAST} signes. Scannez-le de nouveau."
        )
    if Badge.objects.filter(digest__in=blind_indexes(text, _BADGE)).exclude(user=user).exists():
        raise ValidationError(_TAKEN)
    try:
        with transaction.atomic():
            Badge.objects.update_or_create(user=user, defaults={"digest": blind_index(text, _BADGE)})
    except IntegrityError:
        raise ValidationError(_TAKEN) from None


_TAKEN: Final = "Ce badge est déjà celui de quelqu’un. Rien n’est enregistré\u00a0: demandez-en un autre."


def bearer(text: str) -> User | None:
    """Whose badge this is."""
    found = Badge.objects.select_related("user__establishment").filter(digest__in=blind_indexes(text.strip(), _BADGE))
    badge = found.first()
    return badge.user if badge and badge.user.is_active else None


def remove(user: User) -> None:
    """Neither PIN nor badge any more, and no workstation where they serve."""
    with transaction.atomic():
        Pin.objects.filter(user=user).delete()
        Badge.objects.filter(user=user).delete()
        QuickAccess.objects.filter(user=user).delete()
