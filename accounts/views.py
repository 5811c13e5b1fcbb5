"""Signing in, signing out, and the one setting a person has."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.access import needs
from accounts.enums import Action
from accounts.forms import SignInForm
from accounts.models import User


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page. A session that ended in the middle of something comes back to its page."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context) | {"interrupted": self.get_redirect_url() not in ("", "/")}

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session (POST). An address typed by hand signs nobody out."""
    if request.method == "POST":
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
    if request.method == "POST" and isinstance(request.user, User):
        wanted = request.POST.get("single_keys") == "on"
        User.objects.filter(pk=request.user.pk).update(single_keys=wanted)
        messages.info(request, "Touches simples activées." if wanted else "Touches simples désactivées.")
    return redirect(resolve_url(back))
