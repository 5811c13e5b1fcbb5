"""/api/v1/: each app brings its own routes."""

from django.urls import include, path

urlpatterns: list = [
    path("", include("admissions.api_urls")),
    path("", include("debtors.api_urls")),
    path("", include("teleservices.api_urls")),
    path("", include("billing.api_urls")),
    path("", include("worklists.api_urls")),
]
