"""Signing in, signing out, and the one setting a person has."""

from __future__ import annotations

import time
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from accounts import locking, quick_access, second_factor, sessions
from accounts.access import colleague, needs
from accounts.enums import Action, JournalKind
from accounts.forms import CodeForm, SignInForm
from accounts.journal import current, done
from accounts.locking import BACKEND
from accounts.middleware import place_of
from accounts.models import User

#: Of a session that waits for its second factor: whose it is, since when, and where it goes.
_PENDING: Final = "second_factor"
#: How long the password given is worth waiting for a code.
_PENDING_S: Final = 300


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page. A session that ended in the middle of something comes back to its page."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context) | {
            "interrupted": self.get_redirect_url() not in ("", "/"),
            "shared": quick_access.workstation_of(self.request) is not None,
            "psc": bool(settings.PSC["issuer"]),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if second_factor.of(user) is None:
            return opened(self.request, user, "mot de passe", self.get_success_url())
        # Nothing is open yet: the name is only remembered, by the server, for the time of a code.
        self.request.session.cycle_key()
        self.request.session[_PENDING] = {"user": user.pk, "at": time.time(), "next": self.get_success_url()}
        return redirect("accounts:second-factor")

    def form_invalid(self, form: Any) -> HttpResponse:
        if known := User.objects.filter(username=form.data.get("username", "")[:150]).first():
            current().user_id = known.pk
            done(JournalKind.SESSION, "mot de passe refusé")
        return self.render_to_response(self.get_context_data(form=form), status=422)


def opened(request: HttpRequest, user: User, factors: str, url: str) -> HttpResponse:
    """Open the session of somebody who has proved themselves, whole: from now on their PIN is enough here."""
    login(request, user, backend=BACKEND)
    station, cookie = quick_access.know_workstation(request)
    left = locking.page_left_here(user, station)
    ended = sessions.begin(request, user, place=place_of(request), factors=factors, workstation=station)
    quick_access.allow(user, station)
    unit = current()
    unit.user_id, unit.establishment_id = user.pk, user.establishment_id
    done(JournalKind.SESSION, "connexion", detail={"factors": factors, "ended": ended})
    if ended:
        messages.info(request, "Votre session la plus ancienne, sur un autre poste, a été fermée.")
    response = redirect(left if left and url == reverse("worklists:home") else url)
    quick_access.give_cookie(response, cookie)
    return response


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_asked(request: HttpRequest) -> HttpResponse:
    """The code, after the password. The password is not asked again for five minutes."""
    pending: dict[str, Any] = request.session.get(_PENDING) or {}
    user = None
    if pending and time.time() - pending["at"] < _PENDING_S:
        user = User.objects.filter(pk=pending["user"], is_active=True).first()
    if user is None:
        messages.warning(request, "Il est trop tard pour ce code. Rien n’est ouvert\u00a0: recommencez.")
        return redirect("accounts:sign-in")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            how = second_factor.check(user, form.cleaned_data["code"])
        except second_factor.TooManyTries:
            form.refuse("Trop de codes faux.", f"Attendez {second_factor.tries.CODE.minutes} minutes.")
        else:
            if how:
                if how == "secours":
                    left = second_factor.codes_left(user)
                    messages.warning(request, f"Code de secours utilisé\u00a0: il vous en reste {left}.")
                del request.session[_PENDING]
                return opened(request, user, f"mot de passe, {how}", pending["next"])
            todo = second_factor.after_wrong_code("Attendez le suivant, puis recopiez-le.")
            form.refuse("Ce code n’est pas le bon, ou a déjà servi.", todo)
        current().user_id = user.pk
        done(JournalKind.SESSION, "code refusé")
    return render(request, "accounts/second_factor.html", {"form": form}, status=422 if form.errors else 200)


@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session (POST). An address typed by hand signs nobody out."""
    if request.method == "POST":
        if request.user.is_authenticated:
            done(JournalKind.SESSION, "déconnexion")
        logout(request)
        messages.info(request, "Vous êtes déconnecté. Rien de ce qui était saisi n’est resté sur ce poste.")
    return redirect("accounts:sign-in" if not request.user.is_authenticated else "worklists:home")


@needs(Action.SEE_HOME)
def single_keys(request: HttpRequest) -> HttpResponse:
    """Turn the single-letter keys on or off for oneself (WCAG 2.1.4), and come back to the page."""
    back = request.POST.get("next", "")
    # A path alone: any other word, `redirect` would look up among the names of addresses.
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    if not safe or not back.startswith("/"):
        back = reverse("worklists:home")
    if request.method == "POST":
        wanted = request.POST.get("single_keys") == "on"
        User.objects.filter(pk=colleague(request).pk).update(single_keys=wanted)
        messages.info(request, "Touches simples activées." if wanted else "Touches simples désactivées.")
    return redirect(resolve_url(back))
