"""Addresses of the calls, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from teleservices.api import CallViewSet

urlpatterns = [
    path("calls", CallViewSet.as_view({"get": "list"}), name="api-calls"),
    path("calls/<uuid:message_id>", CallViewSet.as_view({"get": "retrieve"}), name="api-call"),
]
