"""The door of every screen: a view names the action it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.enums import Action

View = Callable[..., HttpResponseBase]


def needs(action: Action) -> Callable[[View], View]:
    """Refuse (403) who may not, and say in `request.sight` what of the dossiers they see in this view.

    The view keeps `action`, so that a test can walk every URL.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user: Any = request.user
            if not user.may(action):
                raise PermissionDenied
            request.sight = user.sight(action)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        guarded.action = action  # type: ignore[attr-defined]
        return guarded

    return decorate
