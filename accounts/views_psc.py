"""Pro Santé Connect: leaving for its page, coming back with who one is, and the account that this opens."""

from __future__ import annotations

from typing import Final

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts import views, views_account
from accounts.access import colleague, needs
from accounts.enums import Action, JournalKind
from accounts.forms import ProofForm
from accounts.journal import current, done
from accounts.models import User
from accounts.psc import flow, identities
from accounts.psc.identities import IdentityRefused
from accounts.psc.provider import ProviderFault

log = structlog.get_logger(__name__)

_FACTORS: Final = "Pro Santé Connect"
_NOTHING: Final = "Rien n’est ouvert."
_OTHER_WAY: Final = "Recommencez, ou connectez-vous par votre mot de passe."
_GIVEN_UP: Final = f"Vous avez renoncé sur la page de Pro Santé Connect. {_NOTHING}"
_AWAY: Final = f"Pro Santé Connect ne répond pas. {_NOTHING} Connectez-vous par votre mot de passe."
_NOT_BELIEVED: Final = (
    f"Ce que Pro Santé Connect a répondu n’a pas pu être vérifié. {_NOTHING} {_OTHER_WAY} "
    "Si cela se répète, prévenez votre administrateur en donnant l’heure."
)
_NOT_OURS: Final = (
    f"Cette demande n’est pas partie de ce poste, ou date de plus de dix minutes. {_NOTHING} {_OTHER_WAY}"
)
_UNKNOWN: Final = (
    f"Pro Santé Connect vous a reconnu, mais aucun compte ouvert ici ne porte votre identifiant national. {_NOTHING} Demandez "
    "à votre administrateur de l’inscrire, ou rattachez-le vous-même depuis «\u00a0Mon compte\u00a0»."
)


def _must_be_there() -> None:
    if not settings.PSC["issuer"]:
        raise Http404


@login_not_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """To the page of the provider (POST), from the sign-in page."""
    _must_be_there()
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    try:
        return redirect(flow.leave(request, flow.SIGN_IN, next_page=wanted if safe and wanted[:1] == "/" else ""))
    except ProviderFault as fault:
        return _refused(request, fault)


@login_not_required
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back."""
    _must_be_there()
    try:
        found = flow.come_back(request)
    except flow.NotOurDemand:
        done(JournalKind.SESSION, "Pro Santé Connect refusé", detail={"reason": "not_our_demand"})
        messages.warning(request, _NOT_OURS)
        return redirect(_door(request))
    except ProviderFault as fault:
        return _refused(request, fault)
    if found.purpose == flow.LINK:
        return _linked(request, found)
    user = identities.user_of(found.professional.national_id)
    if user is None:
        done(JournalKind.SESSION, "Pro Santé Connect refusé", detail={"reason": "unknown"})
        messages.warning(request, _UNKNOWN)
        return redirect("accounts:sign-in")
    response = views.opened(request, user, _FACTORS, found.next or reverse(settings.LOGIN_REDIRECT_URL))
    # The card or the telephone of the provider is a second factor: ours is not asked besides.
    request.session["second_factor_set_up"] = True
    return response


def _refused(request: HttpRequest, fault: ProviderFault) -> HttpResponse:
    done(JournalKind.SESSION, "Pro Santé Connect refusé", detail={"reason": fault.reason})
    if fault.reason == "given_up":
        messages.info(request, _GIVEN_UP)
    else:
        log.warning("psc_refused", reason=fault.reason)
        messages.warning(request, _AWAY if fault.away else _NOT_BELIEVED)
    return redirect(_door(request))


def _door(request: HttpRequest) -> str:
    return "accounts:account" if request.user.is_authenticated else "accounts:sign-in"


# ---- the account of whoever is signed in already ----


@needs(Action.SEE_HOME)
@require_POST
def link(request: HttpRequest) -> HttpResponse:
    """« Rattacher »: the password, then a proof at the provider's."""
    _must_be_there()
    user = colleague(request)
    form = ProofForm(user, request.POST, name="psc")
    if not form.is_valid():
        return render(request, "accounts/account.html", views_account.context_of(request, psc=form), status=422)
    try:
        return redirect(flow.leave(request, flow.LINK, user_id=user.pk))
    except ProviderFault as fault:
        return _refused(request, fault)


def _linked(request: HttpRequest, found: flow.Return) -> HttpResponse:
    user = colleague(request)
    if not isinstance(user, User) or user.pk != found.user_id:
        messages.warning(request, _NOT_OURS)
        return redirect(_door(request))
    try:
        identities.link(user, found.professional.national_id, by=_FACTORS)
    except IdentityRefused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(
            request, "Identité professionnelle rattachée. Vous pouvez vous connecter par Pro Santé Connect."
        )
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """« Détacher »: the password is enough."""
    user = colleague(request)
    form = ProofForm(user, request.POST, name="psc")
    if not form.is_valid():
        return render(request, "accounts/account.html", views_account.context_of(request, psc=form), status=422)
    current().reason = "à sa demande"
    if identities.unlink(user):
        messages.success(request, "Identité professionnelle détachée. Pro Santé Connect n’ouvre plus votre compte.")
    return redirect("accounts:account")
