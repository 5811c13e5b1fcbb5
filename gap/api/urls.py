"""/api/v1/: each app brings its own routes. No address ends with a slash."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("admissions.api_urls")),
    path("", include("debtors.api_urls")),
    path("", include("teleservices.api_urls")),
    path("", include("billing.api_urls")),
    path("", include("worklists.api_urls")),
]
