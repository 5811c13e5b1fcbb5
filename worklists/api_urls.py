"""Addresses of the worklists, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from worklists.api import WorklistViewSet

urlpatterns = [
    path("worklists", WorklistViewSet.as_view({"get": "list"}), name="api-worklists"),
    path("worklists/<slug:slug>/items", WorklistViewSet.as_view({"get": "items"}), name="api-worklist-items"),
]
