"""/invoices: read, correct, recalculate, and take payments."""

from __future__ import annotations

import django_filters
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import journal
from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet, unprotected
from admissions.api.stay_bodies import Nothing, Sentence
from admissions.errors import Refused
from admissions.events import Actor
from billing import services
from billing.enums import InvoiceStatus, Payer, PaymentMeans
from billing.models import Invoice, InvoiceLine, Payment
from billing.pec import services as agreements
from gap.api.fields import Amount, Choice, Day, StrictSerializer, Version
from gap.api.filters import DayFilter, NumberFilter, StableOrderingFilter

TAGS = ["Factures"]


class InvoiceSummary(serializers.ModelSerializer[Invoice]):
    """What one payer owes of one stay."""

    stay = serializers.CharField(source="stay.iep", read_only=True, help_text="IEP.")
    payer = serializers.ChoiceField(Payer.choices, read_only=True)
    debtor = serializers.CharField(
        source="debtor.code", read_only=True, allow_null=True, default=None, help_text="Code ; `null` pour le patient."
    )
    amount = Amount(read_only=True)
    paid_amount = Amount(read_only=True)
    status = serializers.ChoiceField(InvoiceStatus.choices, read_only=True)

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = (
            "number", "stay", "payer", "debtor", "amount", "paid_amount", "status", "rejection_code",
            "rejection_label", "blocked_reason", "created_at", "sent_at", "acknowledged_at", "rejected_at",
            "settled_at", "version",
        )  # fmt: skip
        read_only_fields = fields


class InvoiceLineBody(serializers.ModelSerializer[InvoiceLine]):
    class Meta:
        model = InvoiceLine
        fields = (
            "number", "code", "label", "quantity", "unit_price", "total", "amo_share", "amount", "starts_on",
            "ends_on", "derivation",
        )  # fmt: skip
        read_only_fields = fields


class PaymentBody(serializers.ModelSerializer[Payment]):
    amount = Amount(read_only=True)
    means = serializers.ChoiceField(PaymentMeans.choices, read_only=True)
    by = serializers.SerializerMethodField(help_text="Qui l’a constaté : une personne, un programme, ou `système`.")

    class Meta:
        model = Payment
        fields = ("id", "amount", "means", "reference", "received_on", "created_at", "by")
        read_only_fields = fields

    def get_by(self, payment: Payment) -> str:
        return Actor(payment.created_by, payment.client).name or "système"


class InvoiceDetail(InvoiceSummary):
    """An invoice, its lines, its payments, and its place in its chain of corrections."""

    lines = InvoiceLineBody(many=True, read_only=True)
    payments = PaymentBody(many=True, read_only=True)
    engagement = serializers.CharField(
        source="engagement.number", read_only=True, allow_null=True, default=None, help_text="N° d’engagement."
    )
    agreement = serializers.IntegerField(
        source="agreement_id", read_only=True, allow_null=True, help_text="Prise en charge, hors ROC."
    )
    replaces = serializers.CharField(
        source="replaces.number", read_only=True, allow_null=True, default=None, help_text="Facture qu’elle remplace."
    )
    replaced_by = serializers.CharField(
        source="replaced_by.number", read_only=True, allow_null=True, default=None, help_text="Facture qui la remplace."
    )

    class Meta(InvoiceSummary.Meta):
        fields = (
            *InvoiceSummary.Meta.fields,
            "engagement", "agreement", "replaces", "replaced_by", "correction_note", "lines", "payments",
        )  # fmt: skip
        read_only_fields = fields


class Correction(StrictSerializer):
    note = serializers.CharField(max_length=200, help_text="Ce qui a été corrigé ; sans nommer personne.")
    version = Version()


class PaymentCreation(StrictSerializer):
    amount = Amount(help_text="Euros, plus que zéro, pas plus que le reste dû.")
    means = Choice(PaymentMeans.choices)
    reference = serializers.CharField(
        max_length=40, help_text="Référence du virement, du ticket, du chèque ; une référence ne compte qu’une fois."
    )
    received_on = Day()


class InvoiceFilter(django_filters.FilterSet):
    payer = django_filters.ChoiceFilter(choices=Payer.choices, label="Payeur.")
    status = django_filters.MultipleChoiceFilter(choices=InvoiceStatus.choices, label="État ; plusieurs possibles.")
    stay = NumberFilter("stay__iep", label="IEP.")
    debtor = django_filters.CharFilter("debtor__code", max_length=20, label="Code de la fiche débiteur.")
    created_from = DayFilter("created_at", lookup_expr="date__gte", label="Émise à partir de ce jour.")
    created_to = DayFilter("created_at", lookup_expr="date__lte", label="Émise jusqu’à ce jour, compris.")
    ordering = StableOrderingFilter(
        fields=[("created_at", "created_at"), ("amount", "amount")],
        label="Ordre ; `-` pour renverser. Sinon : les plus récentes d’abord.",
    )

    class Meta:
        model = Invoice
        fields = ("payer", "status", "stay", "debtor", "created_from", "created_to", "ordering")


class InvoiceViewSet(HospitalViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "correct": Scope.INVOICES_WRITE,
        "recalculate": Scope.INVOICES_WRITE,
        "sent": Scope.INVOICES_WRITE,
        "pay": Scope.INVOICES_WRITE,
    }
    keyed = {"correct": Keyed.REQUIRED, "pay": Keyed.REQUIRED}
    conflicting = ("correct",)
    serializer_class = InvoiceDetail
    filterset_class = InvoiceFilter
    lookup_field = "number"
    queryset = Invoice.objects.none()

    def get_queryset(self) -> QuerySet[Invoice]:
        found = Invoice.objects.filter(
            unprotected(self.client, "stay__patient__"), stay__establishment=self.client.establishment_id
        )
        return found.select_related("stay", "debtor").order_by("-created_at", "-pk")

    def find(self, number: str) -> Invoice:
        """Raises Http404."""
        found: Invoice = get_object_or_404(self.get_queryset(), number=number)
        journal.read(patient_id=found.stay.patient_id, stay_id=found.stay_id, protected=False)
        return found

    def full(self, number: str) -> dict[str, object]:
        found = self.get_queryset().select_related(
            "stay", "debtor", "engagement", "agreement", "replaces", "replaced_by"
        )
        payments = Prefetch(
            "payments", Payment.objects.select_related("created_by", "client").order_by("received_on", "pk")
        )
        invoice: Invoice = get_object_or_404(found.prefetch_related("lines", payments), number=number)
        journal.read(patient_id=invoice.stay.patient_id, stay_id=invoice.stay_id, protected=False)
        return dict(InvoiceDetail(invoice).data)

    @extend_schema(tags=TAGS, summary="Chercher des factures", responses=InvoiceSummary(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(InvoiceSummary(page, many=True).data)

    @extend_schema(tags=TAGS, summary="Lire une facture")
    def retrieve(self, request: Request, number: str) -> Response:
        return Response(self.full(number))

    @extend_schema(
        tags=TAGS,
        summary="Corriger une facture rejetée et la renvoyer",
        description="Elle repart sous un nouveau numéro, chaîné à l’ancien.",
        request=Correction,
        responses={201: InvoiceDetail},
        examples=[OpenApiExample("Correction", value={"note": "NIR corrigé", "version": 3}, request_only=True)],
    )
    def correct(self, request: Request, number: str) -> Response:
        invoice = self.find(number)
        asked = self.body(Correction)
        following = services.correct_and_resend(invoice.pk, asked["note"], self.actor, version=asked["version"])
        location = reverse("api-invoice", args=[following.number])
        return Response(self.full(following.number), status=201, headers={"Location": location})

    @extend_schema(
        tags=TAGS,
        summary="Annuler l’engagement et recalculer",
        description="L’engagement est annulé (DEL), redemandé (CLC), puis le séjour est facturé "
        "de nouveau, de lui-même.",
        request=Nothing,
        responses={202: Sentence},
    )
    def recalculate(self, request: Request, number: str) -> Response:
        invoice = self.find(number)
        self.body(Nothing)
        services.cancel_and_recalculate(invoice.pk, self.actor)
        return Response({"message": "L’engagement va être annulé puis redemandé."}, status=202)

    @extend_schema(
        tags=TAGS,
        summary="Noter une facture hors ROC comme envoyée",
        description="Aucun lot ne la prend : elle est partie par courrier ou par le portail de l’organisme.",
        request=Nothing,
        responses={200: InvoiceDetail},
    )
    def sent(self, request: Request, number: str) -> Response:
        invoice = self.find(number)
        self.body(Nothing)
        agreements.invoice_left(invoice.pk, self.actor)
        return Response(self.full(number))

    @extend_schema(
        tags=TAGS,
        summary="Constater un paiement",
        request=PaymentCreation,
        responses={201: PaymentBody},
        examples=[
            OpenApiExample(
                "Carte bancaire à la régie",
                value={"amount": "20.00", "means": "card", "reference": "TPE-0042", "received_on": "2026-12-04"},
                request_only=True,
            )
        ],
    )
    def pay(self, request: Request, number: str) -> Response:
        invoice = self.find(number)
        asked = self.body(PaymentCreation)
        payment = services.record_payment(
            invoice.pk,
            asked["amount"],
            PaymentMeans(asked["means"]),
            asked["reference"],
            asked["received_on"],
            self.actor,
        )
        if payment.amount != asked["amount"]:
            # The service takes a reference once; it was taken before, for something else.
            raise Refused(
                "Cette référence a déjà été prise pour un autre montant.",
                todo="Vérifiez la référence, ou le paiement déjà constaté.",
                field="reference",
            )
        return Response(PaymentBody(payment).data, status=201)
