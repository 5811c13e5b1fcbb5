"""Addresses of the debtors, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from debtors.api import AssociationViewSet, DebtorViewSet

urlpatterns = [
    path("debtors", DebtorViewSet.as_view({"get": "list"}), name="api-debtors"),
    path("debtors/<str:code>", DebtorViewSet.as_view({"get": "retrieve"}), name="api-debtor"),
    path("associations", AssociationViewSet.as_view({"get": "list"}), name="api-associations"),
    path("associations/<int:pk>", AssociationViewSet.as_view({"get": "retrieve"}), name="api-association"),
    path(
        "associations/<int:pk>/decision",
        AssociationViewSet.as_view({"post": "decide"}),
        name="api-association-decision",
    ),
]
