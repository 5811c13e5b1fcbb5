"""The product with addresses that break, for a real web server: `granian … tests.gap.broken_site:application`."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import django
from django.conf import settings
from django.http import HttpRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gap.settings")
settings.ROOT_URLCONF = "tests.gap.broken_site"
django.setup()

from django.contrib.auth.decorators import login_not_required  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_safe  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from gap.urls import handler400 as handler400  # noqa: E402
from gap.urls import handler403 as handler403  # noqa: E402
from gap.urls import handler404 as handler404  # noqa: E402
from gap.urls import handler500 as handler500  # noqa: E402

MARK = "marque-de-la-panne"


def _break(value: str) -> NoReturn:
    held = f"{MARK} {value}"
    raise ValueError(held)


@csrf_exempt
@login_not_required
def screen(request: HttpRequest) -> NoReturn:
    _break(request.GET.get("q", ""))


@csrf_exempt
@login_not_required
@require_safe
def read_only(request: HttpRequest) -> NoReturn:
    _break("")


class Operation(APIView):
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Any) -> NoReturn:
        _break(request.query_params.get("q", ""))


urlpatterns = [
    path("casse/", screen),
    path("lecture/", read_only),
    path("api/v1/casse", login_not_required(Operation.as_view())),
    path("", include("gap.urls")),
]

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
