"""The workstation that several people share: lock it, come back, hand it over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from accounts import locking, quick_access, tries
from accounts.access import needs
from accounts.enums import Action, JournalKind
from accounts.forms import EntryForm
from accounts.journal import current, done
from accounts.middleware import place_of
from accounts.models import User, Workstation
from accounts.sessions import SessionStore

#: The same words whoever exists, whatever was wrong.
_REFUSED: Final = (
    "Refusé\u00a0: badge, identifiant, PIN ou mot de passe. Le PIN sert sur un poste où vous vous êtes connecté en entier "
    "aujourd’hui, et cinq essais faux l’y ferment. Rien n’est perdu\u00a0: essayez votre mot de passe, ou connectez-vous "
    "en entier."
)


@dataclass(frozen=True, slots=True)
class _Proof:
    """Who proved themselves, and how."""

    user: User
    how: str


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """The page of a locked workstation: its owner comes back, or a colleague takes over.

    Asked by the cover of a page (`X-Cover`), the answer is JSON: {back}, {go} or {told}.
    """
    bound = request.user if isinstance(request.user, User) else None
    page = locking.safe_page(request, request.POST.get("next", request.GET.get("next", "")))
    if bound and not locking.is_locked(request):
        return _to(request, page or reverse(settings.LOGIN_REDIRECT_URL), back=True)
    station = quick_access.workstation_of(request)
    if bound is None and station is None:
        return redirect(f"{reverse('accounts:sign-in')}?{urlencode({'next': page})}")
    form = EntryForm(request.POST or None, initial={"next": page})
    if request.method == "POST":
        proof = _prove(request, form, bound, station) if form.is_valid() else None
        if proof is not None:
            return _let_in(request, proof, bound, station, page)
        if form.is_valid():
            form.add_error(None, _REFUSED)
        return _refused(request, form, bound, page)
    return render(request, "accounts/enter.html", _context(form, bound, page))


def _context(form: EntryForm, bound: User | None, page: str) -> dict[str, Any]:
    # Nothing of the person's own navigation: the page names whose session waits, and no more.
    return {"entry": form, "locked_for": bound, "page": page, "nav": [], "search_url": "", "lock_page": True}


def _refused(request: HttpRequest, form: EntryForm, bound: User | None, page: str) -> HttpResponse:
    if "X-Cover" in request.headers:
        told = " ".join(str(sentence) for sentences in form.errors.values() for sentence in sentences)
        return JsonResponse({"told": told}, status=422)
    return render(request, "accounts/enter.html", _context(form, bound, page), status=422)


def _prove(request: HttpRequest, form: EntryForm, bound: User | None, station: Workstation | None) -> _Proof | None:
    """Who this is, if the secret is theirs and serves here. Four to eight digits are a PIN: no password is so short."""
    badge, name, secret = (form.cleaned_data[part] for part in ("badge", "name", "secret"))
    if badge:
        user = quick_access.bearer(badge)
    elif name:
        user = User.objects.select_related("establishment").filter(username=name, is_active=True).first()
    else:
        user = bound
    at_home = user is not None and bound is not None and user.pk == bound.pk
    proved = False
    if secret.isdecimal() and len(secret) <= 8:
        what = "PIN"
        proved = user is not None and quick_access.take_pin(user, station, secret)
    else:
        what = "mot de passe"
        # Elsewhere than in a session opened whole, the password alone is not a whole sign-in.
        known_here = user is not None and (at_home or quick_access.allowed(user, station) is not None)
        proved = _is_password(request, user, secret) and known_here
    if user is not None and proved:
        return _Proof(user, f"badge, {what}" if badge else what)
    if user is not None:
        current().user_id = user.pk
    done(JournalKind.SESSION, f"{what} refusé sur un poste")
    return None


def _is_password(request: HttpRequest, user: User | None, password: str) -> bool:
    """Counted with the passwords of the sign-in page. Nobody's takes as long as somebody's."""
    name = user.username.casefold() if user else ""
    here = f"{name}|{place_of(request)}"
    if tries.must_wait(tries.PASSWORD, here) or tries.must_wait(tries.NAME, name):
        return False
    if user is None:
        User().set_password(password)
        return False
    if user.check_password(password):
        tries.forget(tries.PASSWORD, here)
        return True
    tries.count(tries.PASSWORD, here)
    tries.count(tries.NAME, name)
    return False


def _let_in(
    request: HttpRequest, proof: _Proof, bound: User | None, station: Workstation | None, page: str
) -> HttpResponse:
    row = locking.row_of(request)
    if bound is not None and row is not None and proof.user.pk == bound.pk:
        locking.unlock(row, proof.how)
        return _to(request, page or row.page or reverse(settings.LOGIN_REDIRECT_URL), back=True)
    if row is not None and bound is not None:
        # Whose session stays finds its page again.
        locking.lock(row, page, "verrouillage")
    assert station is not None, "a colleague is known by the workstation alone"
    return _to(request, locking.take_over(request, proof.user, station, proof.how, page))


def _to(request: HttpRequest, url: str, *, back: bool = False) -> HttpResponse:
    if "X-Cover" in request.headers:
        return JsonResponse({"back": True} if back else {"go": url})
    return redirect(url)


@needs(Action.SEE_HOME)
@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """Lock this session now. The cover of a page asks for no other page."""
    page = locking.safe_page(request, request.POST.get("next", ""))
    if row := locking.row_of(request):
        locking.lock(row, page, "verrouillage")
    if "X-Cover" in request.headers:
        return HttpResponse(status=204)
    return redirect(f"{reverse('accounts:enter')}?{urlencode({'next': page})}")


@needs(Action.SEE_HOME)
@require_POST
def presence(request: HttpRequest) -> HttpResponse:
    """Somebody acts on a page that asks for nothing: they type. The act is noted on the way in (`accounts.locking`)."""
    return HttpResponse(status=204)


@login_not_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Somebody else signs in whole. The session that is locked here waits for its owner."""
    page = locking.safe_page(request, request.POST.get("next", ""))
    row = locking.row_of(request)
    if isinstance(request.user, User) and row is not None:
        locking.lock(row, page, "verrouillage")
        # Not ended: left. This browser forgets its key, and its owner gets another.
        request.session = SessionStore()
    return redirect(f"{reverse('accounts:sign-in')}?{urlencode({'next': page})}")
