"""What a person does with their own account: their password, their telephone, the sessions that are open."""

from __future__ import annotations

import base64
from typing import Any

import zxingcpp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import quick_access, second_factor, sessions
from accounts.access import colleague, needs
from accounts.enums import Action, JournalKind
from accounts.forms import BadgeForm, CodeForm, PinForm, ProofForm
from accounts.journal import done
from accounts.models import Badge, Pin, ProfessionalIdentity, Session


@needs(Action.SEE_HOME)
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """The account of whoever asks."""
    return render(request, "accounts/account.html", context_of(request))


def context_of(request: HttpRequest, form: Any = None, **forms: Any) -> dict[str, Any]:
    """What « Mon compte » shows; `form` and `forms`: those that were refused."""
    user = colleague(request)
    factor = second_factor.of(user)
    open_now = list(Session.objects.filter(user=user).order_by("-started_at")[:20])
    mine = sessions.kept_key(str(request.session.session_key))
    if form is None:
        form = PasswordChangeForm(user)
        # The page begins at its top, not at the password that nobody came to change.
        form.fields["old_password"].widget.attrs.pop("autofocus", None)
    return {
        "form": form,
        "pin_form": forms.get("pin") or PinForm(user),
        "badge_form": forms.get("badge") or BadgeForm(user),
        "codes_form": forms.get("codes") or ProofForm(user),
        "psc": bool(settings.PSC["issuer"]),
        "psc_form": forms.get("psc") or ProofForm(user, name="psc"),
        "professional": ProfessionalIdentity.objects.filter(user=user).first(),
        "pin": Pin.objects.filter(user=user).first(),
        "badge": Badge.objects.filter(user=user).first(),
        "factor": factor,
        "codes_left": second_factor.codes_left(user) if factor else 0,
        "required": second_factor.required_of(user),
        "sessions": [(one, one.session_key == mine) for one in open_now],
    }


@needs(Action.SEE_HOME)
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password: every other session of this person ends."""
    user = colleague(request)
    form = PasswordChangeForm(user, request.POST)
    if not form.is_valid():
        return render(request, "accounts/account.html", context_of(request, form), status=422)
    form.save()
    update_session_auth_hash(request, user)
    ended = sessions.end_others(request, user)
    done(JournalKind.SESSION, "mot de passe changé", detail={"ended": ended})
    messages.success(request, "Mot de passe changé. Vos autres sessions sont fermées.")
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_POST
def set_pin(request: HttpRequest) -> HttpResponse:
    """A PIN, for the workstations where this person signed in whole."""
    user = colleague(request)
    form = PinForm(user, request.POST)
    if not form.is_valid():
        return render(request, "accounts/account.html", context_of(request, pin=form), status=422)
    quick_access.set_pin(user, form.cleaned_data["pin"])
    done(JournalKind.SESSION, "PIN choisi")
    messages.success(
        request, "PIN enregistré. Il sert sur les postes où vous vous êtes connecté en entier aujourd’hui."
    )
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_POST
def set_badge(request: HttpRequest) -> HttpResponse:
    """A badge: it says who, the PIN proves it."""
    user = colleague(request)
    form = BadgeForm(user, request.POST)
    if form.is_valid():
        try:
            quick_access.set_badge(user, form.cleaned_data["badge"])
        except ValidationError as problem:
            form.add_error("badge", problem)
    if form.errors:
        return render(request, "accounts/account.html", context_of(request, badge=form), status=422)
    done(JournalKind.SESSION, "badge enregistré")
    messages.success(request, "Badge enregistré. Seul, il n’ouvre rien\u00a0: votre PIN est toujours demandé.")
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_POST
def remove_quick_access(request: HttpRequest) -> HttpResponse:
    """Neither PIN nor badge any more."""
    quick_access.remove(colleague(request))
    done(JournalKind.SESSION, "PIN et badge retirés")
    messages.success(request, "PIN et badge retirés. Votre mot de passe est demandé partout.")
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    user = colleague(request)
    ended = sessions.end_others(request, user)
    done(JournalKind.SESSION, "autres sessions fermées", detail={"ended": ended})
    messages.success(
        request, "Aucune autre session n’était ouverte." if not ended else f"Sessions fermées ailleurs\u00a0: {ended}."
    )
    return redirect("accounts:account")


@needs(Action.SEE_HOME)
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """A telephone becomes the second factor, once it has given a first code. The secret is made by the first POST, which
    asks for the password again."""
    user = colleague(request)
    if second_factor.of(user) is not None:
        return redirect("accounts:account")
    required = second_factor.required_of(user)
    beginning = request.method == "POST" and "code" not in request.POST
    proof = ProofForm(user, request.POST if beginning else None)
    if beginning and proof.is_valid():
        second_factor.propose(user)
        return redirect("accounts:enrol")
    factor = None if beginning else second_factor.proposed(user)
    if factor is None:
        context = {"required": required, "proof_form": proof}
        return render(request, "accounts/enrol.html", context, status=422 if proof.errors else 200)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.confirm(user, form.cleaned_data["code"])
        if codes is not None:
            done(JournalKind.SESSION, "second facteur mis en service")
            return render(request, "accounts/recovery_codes.html", {"codes": codes})
        todo = second_factor.after_wrong_code("Vérifiez l’heure du téléphone, puis recopiez le code affiché.")
        form.refuse("Ce code n’est pas le bon.", todo)
    secret = base64.b32encode(factor.secret).decode().rstrip("=")
    context = {
        "form": form,
        "square": _square(second_factor.address_of(factor)),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "required": required,
    }
    response = render(request, "accounts/enrol.html", context, status=422 if form.errors else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def _square(address: str) -> str:
    """The square that a telephone photographs, as an address of data."""
    svg = zxingcpp.create_barcode(address, zxingcpp.BarcodeFormat.QRCode).to_svg(scale=6, add_quiet_zones=True)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


@needs(Action.SEE_HOME)
@require_POST
def new_codes(request: HttpRequest) -> HttpResponse:
    """Ten new codes of paper, in the place of those that are left. The password is asked again."""
    user = colleague(request)
    if second_factor.of(user) is None:
        return redirect("accounts:account")
    form = ProofForm(user, request.POST)
    if not form.is_valid():
        return render(request, "accounts/account.html", context_of(request, codes=form), status=422)
    done(JournalKind.SESSION, "codes de secours renouvelés")
    response = render(request, "accounts/recovery_codes.html", {"codes": second_factor.renew_codes(user)})
    response.headers["Cache-Control"] = "no-store"
    return response
