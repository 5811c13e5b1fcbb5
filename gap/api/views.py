"""The page that describes the API and lets one try it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI with no inline script nor style: the page lives under the same policy as every other screen."""

    template_name = "api/documentation.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
