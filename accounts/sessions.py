"""Sessions in a table of ours (setting SESSION_ENGINE): whose they are, since when, from where; ended by removing the row.

The key that the browser holds is never written down: the table has its digest.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import QuickAccess, Session, User, Workstation

#: What of a session is a column of its row.
_OURS = ("started_at", "seen_at", "place", "device", "factors", "workstation_id", "locked_at", "page")


def kept_key(key: str) -> str:
    """What the table holds of a browser's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    """Django's, but for the key. `row` is the session's, once it was read."""

    row: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        found = Session.objects.filter(
            session_key=kept_key(str(self.session_key)), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        self.row = found
        return found

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=kept_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        made: Any = super().create_model_instance(data)
        made.session_key = kept_key(made.session_key)
        if self.row is not None and self.row.session_key == made.session_key:
            for name in _OURS:
                setattr(made, name, getattr(self.row, name))
        for name in ("place", "device", "factors", "workstation_id"):
            if name in data:
                setattr(made, name, data[name])
        made.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        self.row = made
        return made

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=kept_key(key)).delete()


def begin(
    request: HttpRequest,
    user: User,
    *,
    place: str | None,
    factors: str,
    workstation: Workstation | None = None,
    until: datetime | None = None,
) -> int:
    """Of a session that has just been opened: its end, whence it comes, how. Returns how many others it had to end.

    `until`: it ends then at the latest.
    """
    session = request.session
    session["place"], session["factors"] = place, factors
    session["device"] = request.headers.get("User-Agent", "")[:120]
    session["workstation_id"] = workstation.pk if workstation else None
    # From now, whatever is written in the session later: a day's work, not a life's.
    end = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    session.set_expiry(min(end, until) if until else end)
    session.save()
    others = Session.objects.filter(user=user).exclude(session_key=kept_key(str(session.session_key)))
    too_many = list(others.order_by("-started_at")[settings.SESSIONS_AT_ONCE - 1 :])
    for one in too_many:
        _end_quick_access(user, workstation_id=one.workstation_id)
    return Session.objects.filter(pk__in=[one.pk for one in too_many]).delete()[0] if too_many else 0


def _end_quick_access(user: User, **where: Any) -> None:
    QuickAccess.objects.filter(user=user, **where).delete()


def end_others(request: HttpRequest, user: User) -> int:
    """Sign this person out everywhere else. Returns how many sessions ended."""
    mine = kept_key(str(request.session.session_key))
    here = Session.objects.filter(session_key=mine).values_list("workstation_id", flat=True).first()
    QuickAccess.objects.filter(user=user).exclude(workstation_id=here or 0).delete()
    return Session.objects.filter(user=user).exclude(session_key=mine).delete()[0]


def end_all(user: User) -> int:
    """Sign somebody out everywhere, the workstations where their PIN was enough included."""
    _end_quick_access(user)
    return Session.objects.filter(user=user).delete()[0]


def sweep() -> int:
    """Take away the sessions that are over. Returns how many."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
