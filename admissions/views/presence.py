"""Who else looks at this stay now: a light mark in the cache, that nobody has to clean up."""

from __future__ import annotations

import time

import redis
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from accounts.access import colleague, needs
from accounts.enums import Action
from accounts.models import User
from admissions.models import Stay
from admissions.views.common import draw, stay_or_404

KEPT_S = 60


def mark(stay: Stay, user: User) -> list[str]:
    """Say that this person looks at the stay; the short names of the others, who came in the last minute.

    A light mark: two people who write at the same instant may miss each other until the next beat. Without the
    cache there is nobody to show, and nothing else changes.
    """
    key = f"presence:stay:{stay.pk}"
    now = time.time()
    try:
        seen: dict[int, tuple[str, float]] = cache.get(key) or {}
        seen = {pk: (name, at) for pk, (name, at) in seen.items() if now - at < KEPT_S and pk != user.pk}
        cache.set(key, seen | {user.pk: (user.short_name, now)}, KEPT_S)
    except redis.RedisError:
        return []
    return sorted(name for name, _ in seen.values())


@needs(Action.SEE_DOSSIER)
@require_POST
def presence(request: HttpRequest, iep: str) -> HttpResponse:
    """The beat of an open page. POST, since it writes, if only in the cache."""
    stay = stay_or_404(request, iep)
    others = mark(stay, colleague(request))
    if sorted(request.POST.getlist("seen")) == others:
        return HttpResponse(status=204)
    return draw(request, "admissions/parts.html#presence", {"stay": stay, "others": others})
