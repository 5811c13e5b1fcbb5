"""A session that is locked shows nothing until its owner proves themselves again; another may take the workstation.

The server decides, with `Session.seen_at`: when a person last acted. A page that asks for its parts by itself is no act;
a browser that says nothing is locked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import quick_access, sessions
from accounts.enums import JournalKind
from accounts.journal import current, done
from accounts.middleware import place_of, session_name
from accounts.models import Session, User, Workstation
from accounts.sessions import SessionStore

BACKEND: Final = "accounts.backends.EstablishmentBackend"
#: An act is noted at most so often: the lock comes by itself between LOCK_AFTER_S and this much later.
NOTED_EVERY_S: Final = 60
#: What a locked session may still ask for.
_OPEN: Final = ("accounts:enter", "accounts:lock", "accounts:leave", "accounts:sign-out")
#: Where somebody arrives who took the workstation over: if it is not open to them, they go home.
_ARRIVAL: Final = "arrival"


def locked_out(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Nothing is answered to a locked session; nor to one that nobody has touched for too long, which is locked."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return get_response(request)
        row = row_of(request)
        if row is not None and row.locked_at is None:
            _note_or_lock(request, row)
        if row is not None and row.locked_at is not None and not _is_open(request):
            return redirect(f"{reverse('accounts:enter')}?{urlencode({'next': _page_asked(request)})}")
        return get_response(request)

    return answer


def row_of(request: HttpRequest) -> Session | None:
    """The row of the session that asks, as it was read."""
    return getattr(request.session, "row", None)


def is_locked(request: HttpRequest) -> bool:
    row = row_of(request)
    return row is not None and row.locked_at is not None


def is_act(request: HttpRequest) -> bool:
    """A fragment asked for may come from a clock: the browser says apart when somebody acts (`accounts:presence`)."""
    return not (request.method == "GET" and request.headers.get("HX-Request") == "true")


def _note_or_lock(request: HttpRequest, row: Session) -> None:
    now, seen = timezone.now(), row.seen_at or row.started_at
    since = (now - seen).total_seconds()
    if settings.LOCK_AFTER_S and since > settings.LOCK_AFTER_S + NOTED_EVERY_S:
        lock(row, _page_asked(request), "verrouillage sans activité")
    elif since >= NOTED_EVERY_S and is_act(request):
        Session.objects.filter(pk=row.pk).update(seen_at=now)
        row.seen_at = now


def _is_open(request: HttpRequest) -> bool:
    try:
        return resolve(request.path_info).view_name in _OPEN
    except Resolver404:
        return False


def _page_asked(request: HttpRequest) -> str:
    """The page that somebody was on: that of the fragment, or the one asked for."""
    if request.headers.get("HX-Request") == "true":
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
        return safe_page(request, parts.path + (f"?{parts.query}" if parts.query else ""))
    return safe_page(request, request.get_full_path()) if request.method == "GET" else ""


def safe_page(request: HttpRequest, page: str) -> str:
    """A path of ours, or nothing: no other host, no word that would be the name of an address."""
    hosts = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(page, allowed_hosts=hosts, require_https=request.is_secure())
    too_long = len(page) > Session._meta.get_field("page").max_length  # type: ignore[union-attr,operator]
    if not safe or not page.startswith("/") or too_long or "\x00" in page:
        return ""
    # The return of Pro Santé Connect carries a code that proves somebody: neither kept nor put in another address.
    # Whoever is signed in there was linking their account.
    returns = unquote(urlsplit(page).path).startswith(reverse("accounts:psc-return").rstrip("/"))
    return reverse("accounts:account") if returns else page


def lock(row: Session, page: str, why: str) -> None:
    """From now on nothing is answered to this session. Locked already: its page is noted, if it has one."""
    now = timezone.now()
    if Session.objects.filter(pk=row.pk, locked_at__isnull=True).update(locked_at=now):
        done(JournalKind.SESSION, why)
    row.locked_at = row.locked_at or now
    if page and not page.startswith(reverse("accounts:enter")):
        Session.objects.filter(pk=row.pk).update(page=page)
        row.page = page


def unlock(row: Session, how: str) -> None:
    """Its owner is back, on the same page."""
    Session.objects.filter(pk=row.pk).update(locked_at=None, seen_at=timezone.now())
    row.locked_at = None
    done(JournalKind.SESSION, "déverrouillage", detail={"factors": how})


def take_over(request: HttpRequest, user: User, station: Workstation, how: str, page: str) -> str:
    """This browser is now theirs; the session that was there stays locked, for its owner. Returns where they go.

    Whoever had left a locked session on this workstation finds it again, under a new key, at its page.
    """
    access = quick_access.allowed(user, station)
    former = _left_here(user, station)
    if former is None:
        request.session = SessionStore()
        login(request, user, backend=BACKEND)
        until = access.until if access else None
        sessions.begin(request, user, place=place_of(request), factors=how, workstation=station, until=until)
    else:
        _resume(request, former)
        page = former.page or page
    rotate_token(request)
    unit = current()
    unit.user_id, unit.establishment_id = user.pk, user.establishment_id
    unit.session = session_name(str(request.session.session_key))
    done(JournalKind.SESSION, "poste repris" if former else "poste pris", detail={"factors": how})
    request.session[_ARRIVAL] = page
    return page or reverse(settings.LOGIN_REDIRECT_URL)


def _left_here(user: User, station: Workstation) -> Session | None:
    waiting = Session.objects.filter(user=user, workstation=station, locked_at__isnull=False)
    return waiting.filter(expire_date__gt=timezone.now()).order_by("-started_at").first()


def page_left_here(user: User, station: Workstation) -> str:
    """The page of the locked session that a whole sign-in here replaces; the session ends."""
    former = _left_here(user, station)
    if former is None:
        return ""
    Session.objects.filter(user=user, workstation=station, locked_at__isnull=False).delete()
    return former.page


def _resume(request: HttpRequest, former: Session) -> None:
    """What the session held, under a key that this browser gets: the one it had may be anywhere."""
    made = SessionStore()
    made.update(former.get_decoded())
    with transaction.atomic():
        made.create()
        kept: dict[str, datetime] = {"started_at": former.started_at, "seen_at": timezone.now()}
        Session.objects.filter(session_key=sessions.kept_key(str(made.session_key))).update(**kept)
        Session.objects.filter(pk=former.pk).delete()
    request.session = made


def home_if_closed(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Whoever took the workstation over and may not see the page that was there stands at home."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        session: Any = request.session
        if request.method != "GET" or not isinstance(request.user, User):
            return response
        if not session.get(_ARRIVAL) or session[_ARRIVAL] != request.get_full_path():
            return response
        del session[_ARRIVAL]
        if response.status_code not in (403, 404):
            return response
        messages.info(request, "La page qui était ouverte ne l’est pas pour vous\u00a0: vous voici à votre accueil.")
        return redirect(settings.LOGIN_REDIRECT_URL)

    return answer
