"""The door of every screen: a view names the action it needs, and asks who it answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.enums import Action
from accounts.models import Establishment, User

View = Callable[..., HttpResponseBase]


def colleague(request: HttpRequest) -> User:
    """Who is signed in. Raises PermissionDenied when nobody is: the view let them pass (`login_not_required`)."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def workplace(request: HttpRequest) -> Establishment:
    """Where they work now. Raises PermissionDenied as above, Http404 when they work nowhere."""
    here = colleague(request).establishment
    if here is None:
        raise Http404
    return here


def needs(action: Action) -> Callable[[View], View]:
    """Refuse (403) who may not, and say in `request.sight` what of the dossiers they see in this view.

    The view keeps `action`, so that a test can walk every URL.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = colleague(request)
            if not user.may(action):
                raise PermissionDenied
            request.sight = user.sight(action)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        guarded.action = action  # type: ignore[attr-defined]
        return guarded

    return decorate
