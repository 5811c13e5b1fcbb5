"""Addresses of patients, stays, cards and coverages, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from admissions.api.coverages import CardViewSet, CoverageViewSet
from admissions.api.patients import PatientViewSet
from admissions.api.stays import StayViewSet, UnitViewSet
from gap.api import converters  # noqa: F401

urlpatterns = [
    path("patients", PatientViewSet.as_view({"get": "list", "post": "create"}), name="api-patients"),
    path("patients/search", PatientViewSet.as_view({"post": "search"}), name="api-patient-search"),
    path(
        "patients/<nine:ipp>",
        PatientViewSet.as_view({"get": "retrieve", "put": "update", "patch": "partial_update"}),
        name="api-patient",
    ),
    path("units", UnitViewSet.as_view({"get": "list"}), name="api-units"),
    path("stays", StayViewSet.as_view({"get": "list", "post": "create"}), name="api-stays"),
    path("stays/<nine:iep>", StayViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="api-stay"),
    path("stays/<nine:iep>/admit", StayViewSet.as_view({"post": "admit"}), name="api-stay-admit"),
    path("stays/<nine:iep>/movements", StayViewSet.as_view({"post": "move"}), name="api-stay-movements"),
    path("stays/<nine:iep>/requests", StayViewSet.as_view({"post": "add_request"}), name="api-stay-requests"),
    path(
        "stays/<nine:iep>/requests/<int:pk>/end",
        StayViewSet.as_view({"post": "end_request"}),
        name="api-stay-request-end",
    ),
    path(
        "stays/<nine:iep>/discharge",
        StayViewSet.as_view({"post": "discharge", "put": "correct_discharge"}),
        name="api-stay-discharge",
    ),
    path(
        "stays/<nine:iep>/requalification",
        StayViewSet.as_view({"post": "requalify"}),
        name="api-stay-requalification",
    ),
    path("stays/<nine:iep>/cancel", StayViewSet.as_view({"post": "cancel"}), name="api-stay-cancel"),
    path(
        "stays/<nine:iep>/rights/ask-again",
        StayViewSet.as_view({"post": "ask_rights_again"}),
        name="api-stay-ask-again",
    ),
    path("stays/<nine:iep>/events", StayViewSet.as_view({"get": "events"}), name="api-stay-events"),
    path("stays/<nine:iep>/cards", CardViewSet.as_view({"post": "create"}), name="api-stay-cards"),
    path("stays/<nine:iep>/cards/<int:pk>/debtor", CardViewSet.as_view({"post": "choose"}), name="api-card-debtor"),
    path("stays/<nine:iep>/coverages", CoverageViewSet.as_view({"post": "create"}), name="api-stay-coverages"),
    path(
        "stays/<nine:iep>/coverages/<int:pk>",
        CoverageViewSet.as_view({"patch": "partial_update"}),
        name="api-stay-coverage",
    ),
]
