"""Addresses of the calls, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from teleservices.api import CallViewSet
from teleservices.api_webhooks import WebhookViewSet

urlpatterns = [
    path("calls", CallViewSet.as_view({"get": "list"}), name="api-calls"),
    path("calls/<uuid:message_id>", CallViewSet.as_view({"get": "retrieve"}), name="api-call"),
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="api-webhooks"),
    path(
        "webhooks/<int:pk>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-webhook",
    ),
    path("webhooks/<int:pk>/secret", WebhookViewSet.as_view({"post": "renew"}), name="api-webhook-secret"),
    path("webhooks/<int:pk>/deliveries", WebhookViewSet.as_view({"get": "deliveries"}), name="api-webhook-deliveries"),
    path("webhooks/deliveries/<int:pk>/replay", WebhookViewSet.as_view({"post": "replay"}), name="api-webhook-replay"),
]
