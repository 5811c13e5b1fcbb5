"""REST of the calls: what was asked of the payers, try by try. Never a message, never a name."""

from __future__ import annotations

from uuid import UUID

import django_filters
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import journal
from accounts.enums import Scope
from admissions.api.base import HospitalViewSet, unprotected
from gap.api.filters import DayFilter, NumberFilter
from teleservices.enums import AttemptOutcome, CallStatus, Disposition, Family, Lane
from teleservices.models import OPERATIONS, TeleserviceAttempt, TeleserviceCall

TAGS = ["Appels"]


class CallSummary(serializers.ModelSerializer[TeleserviceCall]):
    """A call: what was asked, of whom, and what came of it."""

    stay = serializers.CharField(source="stay.iep", read_only=True, help_text="IEP.")
    debtor = serializers.CharField(
        source="debtor.code", read_only=True, allow_null=True, default=None,
        help_text="Code de la fiche débiteur ; `null` pour un service national (INSi).",
    )  # fmt: skip
    operation = serializers.ChoiceField(OPERATIONS, read_only=True)
    status = serializers.ChoiceField(CallStatus.choices, read_only=True)
    lane = serializers.ChoiceField(Lane.choices, read_only=True)
    family = serializers.ChoiceField(Family.choices, read_only=True, allow_blank=True)
    disposition = serializers.ChoiceField(
        Disposition.choices, read_only=True, allow_blank=True, help_text="Ce que le système fait de ce code retour."
    )
    coverage = serializers.IntegerField(source="coverage_id", read_only=True, allow_null=True)

    class Meta:
        model = TeleserviceCall
        fields: tuple[str, ...] = (
            "message_id", "stay", "coverage", "debtor", "operation", "status", "lane", "planned_at", "not_before",
            "first_sent_at", "finished_at", "duration_ms", "attempts_count", "return_code", "return_label", "family",
            "disposition", "cause", "in_doubt", "handled_at", "superseded_at",
        )  # fmt: skip
        read_only_fields = fields


class AttemptBody(serializers.ModelSerializer[TeleserviceAttempt]):
    """One try."""

    outcome = serializers.ChoiceField(AttemptOutcome.choices, read_only=True)

    class Meta:
        model = TeleserviceAttempt
        fields = ("number", "started_at", "duration_ms", "outcome", "http_status", "reason")
        read_only_fields = fields


class CallDetail(CallSummary):
    attempts = AttemptBody(many=True, read_only=True)
    follows = serializers.UUIDField(
        source="follows.message_id", read_only=True, allow_null=True, default=None, help_text="Appel qu’il reprend."
    )

    class Meta(CallSummary.Meta):
        fields = (*CallSummary.Meta.fields, "follows", "attempts")
        read_only_fields = fields


class CallFilter(django_filters.FilterSet):
    stay = NumberFilter("stay__iep", label="IEP.")
    operation = django_filters.MultipleChoiceFilter(choices=OPERATIONS, label="Opération ; plusieurs possibles.")
    status = django_filters.MultipleChoiceFilter(choices=CallStatus.choices, label="État ; plusieurs possibles.")
    family = django_filters.ChoiceFilter(choices=Family.choices, label="Famille du code retour.")
    disposition = django_filters.ChoiceFilter(choices=Disposition.choices, label="Traitement du code retour.")
    debtor = django_filters.CharFilter("debtor__code", max_length=20, label="Code de la fiche débiteur.")
    planned_from = DayFilter("planned_at", lookup_expr="date__gte", label="Prévu à partir de ce jour.")
    planned_to = DayFilter("planned_at", lookup_expr="date__lte", label="Prévu jusqu’à ce jour, compris.")

    class Meta:
        model = TeleserviceCall
        fields = ("stay", "operation", "status", "family", "disposition", "debtor", "planned_from", "planned_to")


class CallViewSet(HospitalViewSet):
    scopes = {"list": Scope.CALLS_READ, "retrieve": Scope.CALLS_READ}
    serializer_class = CallDetail
    filterset_class = CallFilter
    lookup_field = "message_id"
    queryset = TeleserviceCall.objects.none()

    def get_queryset(self) -> QuerySet[TeleserviceCall]:
        return (
            TeleserviceCall.objects.filter(
                unprotected(self.client, "stay__patient__"), stay__establishment=self.client.establishment_id
            )
            .select_related("stay", "debtor")
            .order_by("-planned_at", "-pk")
        )

    @extend_schema(tags=TAGS, summary="Chercher des appels", responses=CallSummary(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CallSummary(page, many=True).data)

    @extend_schema(tags=TAGS, summary="Lire un appel et ses essais")
    def retrieve(self, request: Request, message_id: UUID) -> Response:
        # The messages stay in the database: they are not even read.
        attempts = TeleserviceAttempt.objects.defer("request_xml", "response_xml").order_by("number")
        calls = self.get_queryset().select_related("stay", "debtor", "follows")
        call: TeleserviceCall = get_object_or_404(
            calls.prefetch_related(Prefetch("attempts", attempts)), message_id=message_id
        )
        journal.read(patient_id=call.stay.patient_id, stay_id=call.stay_id, protected=False)
        return Response(CallDetail(call).data)
