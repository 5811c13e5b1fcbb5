"""Addresses of the money, under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api import parts
from billing.api.agreements import AgreementViewSet
from billing.api.exchanges import ExchangeFileViewSet, ExchangeRecordViewSet
from billing.api.invoices import InvoiceViewSet
from billing.api.letters import LetterViewSet
from gap.api import converters  # noqa: F401

parts.register()

urlpatterns = [
    path(
        "stays/<nine:iep>/activities",
        parts.ActivityViewSet.as_view({"get": "list", "post": "create"}),
        name="api-stay-activities",
    ),
    path("agreements", AgreementViewSet.as_view({"get": "list"}), name="api-agreements"),
    path("agreements/<int:pk>", AgreementViewSet.as_view({"get": "retrieve"}), name="api-agreement"),
    path("agreements/<int:pk>/sent", AgreementViewSet.as_view({"post": "sent"}), name="api-agreement-sent"),
    path("agreements/<int:pk>/reminder", AgreementViewSet.as_view({"post": "remind"}), name="api-agreement-reminder"),
    path("agreements/<int:pk>/answer", AgreementViewSet.as_view({"post": "answer"}), name="api-agreement-answer"),
    path("agreements/<int:pk>/letters", LetterViewSet.as_view({"post": "attach"}), name="api-agreement-letters"),
    path("invoices", InvoiceViewSet.as_view({"get": "list"}), name="api-invoices"),
    path("invoices/<nine:number>", InvoiceViewSet.as_view({"get": "retrieve"}), name="api-invoice"),
    path(
        "invoices/<nine:number>/correct-and-resend",
        InvoiceViewSet.as_view({"post": "correct"}),
        name="api-invoice-correct",
    ),
    path(
        "invoices/<nine:number>/cancel-and-recalculate",
        InvoiceViewSet.as_view({"post": "recalculate"}),
        name="api-invoice-recalculate",
    ),
    path("invoices/<nine:number>/sent", InvoiceViewSet.as_view({"post": "sent"}), name="api-invoice-sent"),
    path("invoices/<nine:number>/payments", InvoiceViewSet.as_view({"post": "pay"}), name="api-invoice-payments"),
    path("exchange-files", ExchangeFileViewSet.as_view({"get": "list"}), name="api-exchange-files"),
    path("exchange-files/<int:pk>", ExchangeFileViewSet.as_view({"get": "retrieve"}), name="api-exchange-file"),
    path(
        "exchange-files/<int:pk>/records",
        ExchangeRecordViewSet.as_view({"get": "list"}),
        name="api-exchange-records",
    ),
]
