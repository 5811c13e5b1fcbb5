"""A demand that leaves with a browser and comes back to the same one, once, within ten minutes."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.psc import provider
from accounts.psc.provider import Professional

_KEY: Final = "psc"
_WAITS_S: Final = 600
SIGN_IN, LINK = "sign-in", "link"


class NotOurDemand(Exception):
    """What came back was not asked by this browser, or too long ago, or has come back already."""


@dataclass(frozen=True, slots=True)
class Return:
    """Who came back, for what, and where they were going. `user_id`: of a link, who asked for it."""

    professional: Professional
    purpose: str
    next: str
    user_id: int | None


def leave(request: HttpRequest, purpose: str, *, next_page: str = "", user_id: int | None = None) -> str:
    """The provider's address; what must come back with it stays on our side. Raises ProviderFault."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    back = _back(request)
    url = provider.bounded(lambda: provider.demand(back, state, nonce, verifier))
    request.session[_KEY] = {
        "state": state, "nonce": nonce, "verifier": verifier, "purpose": purpose, "next": next_page,
        "user": user_id, "at": time.time(),
    }  # fmt: skip
    return url


def come_back(request: HttpRequest) -> Return:
    """Raises NotOurDemand, ProviderFault. The demand is used up before anything is asked of the network."""
    demand: dict[str, Any] = request.session.get(_KEY) or {}
    if demand:
        del request.session[_KEY]
        request.session.save()
    given = request.GET.get("state", "")
    if not demand or time.time() - demand["at"] > _WAITS_S or not constant_time_compare(given, demand["state"]):
        raise NotOurDemand
    if request.GET.get("error"):
        raise provider.ProviderFault("given_up" if request.GET["error"] == "access_denied" else "provider_error")
    code = request.GET.get("code", "")
    if not 1 <= len(code) <= 2000:
        raise provider.ProviderFault("no_code")
    back = _back(request)
    found = provider.bounded(lambda: provider.professional(back, code, demand["nonce"], demand["verifier"]))
    return Return(found, demand["purpose"], demand["next"], demand["user"])


def _back(request: HttpRequest) -> str:
    """Our address, as it is registered at the provider's."""
    return request.build_absolute_uri(reverse("accounts:psc-return"))
