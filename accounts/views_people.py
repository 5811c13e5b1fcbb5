"""The accounts of an establishment, for who administers them; and the first sign-in of whoever has a code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import administration, second_factor
from accounts.access import colleague, needs, workplace
from accounts.administration import RefusedError
from accounts.enums import Action, JournalKind, Role
from accounts.forms_people import GrantForm, PersonForm, ProfessionalForm, ReasonForm, WelcomeForm
from accounts.models import Establishment, JournalEntry, ProfessionalIdentity, RoleAssignment, Session, User
from gap.lists import export, page_number, page_of

_SIGN_INS: Final = 10
_COLUMNS: Final = ("Nom", "Prénom", "Identifiant", "Compte", "Rôle", "Services", "Du", "Au", "Dernière connexion")


def _whom(request: HttpRequest, pk: int) -> User:
    return get_object_or_404(administration.people_of(workplace(request)), pk=pk)


@needs(Action.MANAGE_ACCOUNTS)
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """The list. A name is looked for by POST: it stands in no address, and nothing is changed."""
    here = workplace(request)
    found = administration.people_of(here)
    role, only = request.GET.get("role", ""), request.GET.get("etat", "")
    if role in Role.values:
        found = found.filter(role_assignments__establishment=here, role_assignments__role=role)
    if only == "dormants":
        found = administration.dormant(found)
    elif only == "fermes":
        found = found.filter(is_active=False)
    text = request.POST.get("q", "").replace("\x00", "")[:60].strip()
    if text:
        found = administration.matching(found, text)
    page = page_of(found, page_number(request.GET.get("page")), counted=found)
    held: dict[int, list[RoleAssignment]] = {}
    for one in RoleAssignment.objects.filter(establishment=here, user__in=[user.pk for user in page.object_list]):
        held.setdefault(one.user_id, []).append(one)
    context = {
        "page": page,
        "rows": [(user, held.get(user.pk, []), administration.is_dormant(user)) for user in page.object_list],
        "roles": Role.choices,
        "asked": {"role": role, "only": only, "text": text},
    }
    return render(request, "accounts/people.html", context)


@needs(Action.MANAGE_ACCOUNTS)
@require_safe
def review(request: HttpRequest, form: str) -> HttpResponseBase:
    """Who has what, for the review of rights: one line a role, and one for who has none."""
    if form not in ("csv", "xlsx"):
        raise Http404
    here = workplace(request)
    rows = administration.people_of(here).prefetch_related("role_assignments")
    return export(_COLUMNS, _review_lines(here, list(rows)), "revue-des-droits", form)


def _review_lines(here: Establishment, found: list[User]) -> Iterator[tuple[Any, ...]]:
    for user in found:
        state = "ouvert" if user.is_active else "fermé"
        if administration.is_dormant(user):
            state = "ouvert, dormant"
        who = (user.last_name, user.first_name, user.username, state)
        held = [role for role in user.role_assignments.all() if role.establishment_id == here.pk]
        if not held:
            yield (*who, "aucun", "", "", "", user.last_login)
        for one in held:
            services = " ".join(one.services) or "tous"
            yield (*who, one.get_role_display(), services, one.since, one.until, user.last_login)


@needs(Action.MANAGE_ACCOUNTS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_person(request: HttpRequest) -> HttpResponse:
    """A colleague arrives."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        names = {name: read[name] for name in ("username", "first_name", "last_name")}
        try:
            user, code = administration.create(colleague(request), **names, grant=form.grant())
        except RefusedError as refused:
            form.add_error(None, refused.message)
        else:
            return _code(request, user, code)
    return render(request, "accounts/new_person.html", {"form": form}, status=422 if form.errors else 200)


def _code(request: HttpRequest, user: User, code: str) -> HttpResponse:
    """The code is shown once, to be printed or copied."""
    return render(request, "accounts/invitation.html", {"person": user, "code": code})


@needs(Action.MANAGE_ACCOUNTS)
@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    return _person(request, _whom(request, pk))


def _person(request: HttpRequest, whom: User, **forms: Any) -> HttpResponse:
    here = workplace(request)
    signs = JournalEntry.objects.filter(kind=JournalKind.SESSION, user_id=whom.pk, establishment_id=here.pk)
    context = {
        "person": whom,
        "oneself": whom.pk == request.user.pk,
        "dormant": administration.is_dormant(whom),
        "assignments": RoleAssignment.objects.filter(user=whom, establishment=here).order_by("role"),
        "factor": second_factor.of(whom),
        "open_sessions": Session.objects.filter(user=whom).count(),
        "sign_ins": signs.order_by("-id")[:_SIGN_INS],
        "grant_form": forms.get("grant") or GrantForm(),
        "reason_form": forms.get("reason") or ReasonForm(),
        "psc": bool(settings.PSC["issuer"]),
        "professional": ProfessionalIdentity.objects.filter(user=whom).first(),
        "professional_form": forms.get("professional") or ProfessionalForm(auto_id="id_professional_%s"),
    }
    return render(request, "accounts/person.html", context, status=422 if forms else 200)


def _done(request: HttpRequest, whom: User, act: Callable[[], object], sentence: str) -> HttpResponse:
    """Do it, and come back to the account with what happened or why not."""
    try:
        act()
    except RefusedError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, sentence)
    return redirect("accounts:person", pk=whom.pk)


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def give_role(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    form = GrantForm(request.POST)
    if not form.is_valid():
        return _person(request, whom, grant=form)
    return _done(
        request, whom, lambda: administration.give_role(colleague(request), whom, form.grant()), "Rôle enregistré."
    )


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def take_role(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    role = request.POST.get("role", "")
    if role not in Role.values:
        return _done(request, whom, lambda: _unknown_role(), "")
    return _done(request, whom, lambda: administration.take_role(colleague(request), whom, Role(role)), "Rôle retiré.")


def _unknown_role() -> None:
    raise RefusedError("Ce rôle n’existe pas. Rien n’a changé.")


def _with_reason(request: HttpRequest, whom: User) -> tuple[str, HttpResponse | None]:
    form = ReasonForm(request.POST)
    if form.is_valid():
        return str(form.cleaned_data["reason"]), None
    return "", _person(request, whom, reason=form)


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    reason, refused = _with_reason(request, whom)
    if refused:
        return refused

    def act() -> None:
        for left in administration.deactivate(colleague(request), whom, reason):
            messages.warning(request, left)

    return _done(
        request, whom, act, "Compte fermé. Ses sessions et ses accès rapides sont finis\u00a0; ses traces restent."
    )


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def reactivate(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    return _given_code(request, whom, lambda: administration.reactivate(colleague(request), whom))


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    reason, refused = _with_reason(request, whom)
    return refused or _given_code(request, whom, lambda: administration.invite(colleague(request), whom, reason))


def _given_code(request: HttpRequest, whom: User, act: Callable[[], str]) -> HttpResponse:
    try:
        code = act()
    except RefusedError as problem:
        messages.error(request, problem.message)
        return redirect("accounts:person", pk=whom.pk)
    return _code(request, whom, code)


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def reset_factor(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    reason, refused = _with_reason(request, whom)
    if refused:
        return refused
    told = "Téléphone retiré. Un autre sera demandé à la prochaine connexion."
    return _done(request, whom, lambda: administration.reset_second_factor(colleague(request), whom, reason), told)


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def set_professional(request: HttpRequest, pk: int) -> HttpResponse:
    """The RPPS number by which this colleague signs in with Pro Santé Connect."""
    whom = _whom(request, pk)
    form = ProfessionalForm(request.POST, auto_id="id_professional_%s")
    if not form.is_valid():
        return _person(request, whom, professional=form)
    rpps, reason = form.cleaned_data["rpps"], form.cleaned_data["reason"]
    told = "N° RPPS inscrit." if rpps.strip() else "N° RPPS retiré."
    return _done(request, whom, lambda: administration.set_professional(colleague(request), whom, rpps, reason), told)


@needs(Action.MANAGE_ACCOUNTS)
@require_POST
def end_sessions(request: HttpRequest, pk: int) -> HttpResponse:
    whom = _whom(request, pk)
    return _done(request, whom, lambda: administration.end_sessions(colleague(request), whom), "Sessions fermées.")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Whoever has a code chooses their own password. Nothing is opened: they sign in with it."""
    form = WelcomeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = administration.invited(form.cleaned_data["username"], form.cleaned_data["code"])
        if user is None:
            form.add_error(
                None,
                "Cet identifiant et ce code ne vont pas ensemble, ou le code a servi ou date de plus de 24 heures. Rien n’a "
                "changé\u00a0: demandez un nouveau code à votre administrateur.",
            )
        elif form.check(user) and administration.accept(user, form.cleaned_data["password"]):
            messages.success(request, "Mot de passe enregistré. Connectez-vous avec lui.")
            return redirect("accounts:sign-in")
    return render(request, "accounts/welcome.html", {"form": form}, status=422 if form.errors else 200)
