"""/agreements: prises en charge outside ROC, asked, reminded and answered by the services of the screens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import journal
from accounts.enums import Scope
from admissions.api.base import HospitalViewSet, unprotected
from admissions.api.stay_bodies import Nothing
from billing.enums import AgreementAct, AgreementEnd, AgreementState, Covered
from billing.models import Agreement, AgreementLine, AgreementStep
from billing.pec import services, words
from billing.pec.forms import ANSWERS, MOST_WAITING_DAYS
from billing.rules.agreements import Clause
from gap.api.fields import Amount, Choice, Day, StrictSerializer, Version
from gap.api.filters import DayFilter, NumberFilter

TAGS = ["Prises en charge"]


class AgreementSummary(serializers.ModelSerializer[Agreement]):
    """What a payer outside ROC was asked for a stay, and where it stands."""

    stay = serializers.CharField(source="stay.iep", read_only=True, help_text="IEP.")
    coverage = serializers.IntegerField(source="coverage_id", read_only=True, help_text="Couverture du séjour.")
    debtor = serializers.CharField(source="debtor.code", read_only=True, help_text="Code de la fiche débiteur.")
    state = serializers.ChoiceField(AgreementState.choices, read_only=True)
    ceiling = Amount(read_only=True, allow_null=True)
    closed_reason = serializers.ChoiceField(AgreementEnd.choices, read_only=True, allow_blank=True)

    class Meta:
        model = Agreement
        fields: tuple[str, ...] = (
            "id", "stay", "coverage", "debtor", "state", "number", "opened_at", "requested_at", "remind_at",
            "reminders", "answered_at", "unread_since", "valid_from", "valid_until", "ceiling", "closed_at",
            "closed_reason", "version",
        )  # fmt: skip
        read_only_fields = fields


class AgreementOfStay(AgreementSummary):
    """The open one of the stay; else the last that was closed."""

    def get_attribute(self, instance: Any) -> Agreement | None:
        found = words.of_stay(instance)
        if found is not None:
            found.stay = instance
        return found


class AgreementLineBody(serializers.ModelSerializer[AgreementLine]):
    """How much is paid of what the AMO leaves of one kind of expense."""

    covers = serializers.ChoiceField(Covered.choices, read_only=True)
    daily_cap = Amount(read_only=True, allow_null=True)
    ceiling = Amount(read_only=True, allow_null=True)

    class Meta:
        model = AgreementLine
        fields = ("covers", "percent", "daily_cap", "ceiling", "waiting_days")
        read_only_fields = fields


class AgreementStepBody(serializers.ModelSerializer[AgreementStep]):
    """One line of its history."""

    act = serializers.ChoiceField(AgreementAct.choices, read_only=True)
    state = serializers.ChoiceField(AgreementState.choices, read_only=True, help_text="État qui en résulte.")

    class Meta:
        model = AgreementStep
        fields = ("act", "state", "at", "note")
        read_only_fields = fields


class AgreementDetail(AgreementSummary):
    lines = AgreementLineBody(many=True, read_only=True)
    steps = AgreementStepBody(many=True, read_only=True)

    class Meta(AgreementSummary.Meta):
        fields = (*AgreementSummary.Meta.fields, "lines", "steps")
        read_only_fields = fields


class ClauseBody(StrictSerializer):
    """A contract line. Amounts and caps left out: none."""

    covers = Choice(Covered.choices)
    percent = serializers.DecimalField(
        max_digits=5,
        decimal_places=2,
        min_value=Decimal(0),
        max_value=Decimal(100),
        help_text="De ce que laisse l’AMO, de 0 à 100.",
    )
    daily_cap = Amount(required=False, allow_null=True, min_value=Decimal(0), help_text="Euros par jour.")
    ceiling = Amount(required=False, allow_null=True, min_value=Decimal(0), help_text="Euros, pour cette ligne.")
    waiting_days = serializers.IntegerField(
        default=0, min_value=0, max_value=MOST_WAITING_DAYS, help_text="Jours de carence depuis l’entrée."
    )


class AgreementAnswer(StrictSerializer):
    """What the payer answered. `lines` replace those that were known; left out, these stay."""

    state = Choice([(one.value, str(one.label)) for one in ANSWERS])
    number = serializers.CharField(
        max_length=30, required=False, allow_blank=True, help_text="N° de prise en charge, donné par l’organisme."
    )
    valid_from = Day(required=False, allow_null=True, help_text="Sinon : la date des soins.")
    valid_until = Day(required=False, allow_null=True, help_text="Dernier jour, compris.")
    ceiling = Amount(required=False, allow_null=True, min_value=Decimal(0), help_text="Euros, pour le séjour.")
    lines = ClauseBody(many=True, required=False)
    version = Version()

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({line["covers"] for line in lines}) < len(lines):
            raise serializers.ValidationError("Une seule ligne par dépense couverte.")
        return lines


class AgreementFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=AgreementState.choices, label="État ; plusieurs possibles.")
    open = django_filters.BooleanFilter("closed_at", lookup_expr="isnull", label="Ouverte (`true`) ou fermée.")
    stay = NumberFilter("stay__iep", label="IEP.")
    debtor = django_filters.CharFilter("debtor__code", max_length=20, label="Code de la fiche débiteur.")
    opened_from = DayFilter("opened_at", lookup_expr="date__gte", label="Ouverte à partir de ce jour.")
    opened_to = DayFilter("opened_at", lookup_expr="date__lte", label="Ouverte jusqu’à ce jour, compris.")

    class Meta:
        model = Agreement
        fields = ("state", "open", "stay", "debtor", "opened_from", "opened_to")


class AgreementViewSet(HospitalViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "sent": Scope.INVOICES_WRITE,
        "remind": Scope.INVOICES_WRITE,
        "answer": Scope.INVOICES_WRITE,
    }
    conflicting: tuple[str, ...] = ("answer",)
    serializer_class = AgreementDetail
    filterset_class = AgreementFilter
    queryset = Agreement.objects.none()

    def get_queryset(self) -> QuerySet[Agreement]:
        found = Agreement.objects.filter(
            unprotected(self.client, "stay__patient__"), stay__establishment=self.client.establishment_id
        )
        return found.select_related("stay", "debtor").order_by("-opened_at", "-pk")

    def find(self, pk: int) -> Agreement:
        """Raises Http404."""
        found: Agreement = get_object_or_404(self.get_queryset(), pk=pk)
        journal.read(patient_id=found.stay.patient_id, stay_id=found.stay_id, protected=False)
        return found

    def full(self, pk: int) -> Response:
        """As it is now, read again."""
        steps = Prefetch("steps", AgreementStep.objects.order_by("at", "pk"))
        found = self.get_queryset().prefetch_related("lines", steps).get(pk=pk)
        return Response(AgreementDetail(found).data)

    @extend_schema(tags=TAGS, summary="Chercher des prises en charge", responses=AgreementSummary(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AgreementSummary(page, many=True).data)

    @extend_schema(
        tags=TAGS,
        summary="Lire une prise en charge",
        description="Ouverte et fermée par les faits (droits hors ROC, engagement reçu, séjour requalifié) : "
        "aucun programme n’en crée.",
    )
    def retrieve(self, request: Request, pk: int) -> Response:
        return self.full(self.find(pk).pk)

    @extend_schema(
        tags=TAGS,
        summary="Noter la demande comme envoyée",
        description="Courrier, courriel ou portail : la demande est partie. Déjà notée, rien ne change.",
        request=Nothing,
        responses=AgreementDetail,
    )
    def sent(self, request: Request, pk: int) -> Response:
        found = self.find(pk)
        self.body(Nothing)
        services.ask(found.pk, self.actor)
        return self.full(found.pk)

    @extend_schema(
        tags=TAGS,
        summary="Noter une relance comme envoyée",
        description="À partir de `remind_at` ; le jour de la suivante est calculé.",
        request=Nothing,
        responses=AgreementDetail,
    )
    def remind(self, request: Request, pk: int) -> Response:
        found = self.find(pk)
        self.body(Nothing)
        services.remind(found.pk, self.actor)
        return self.full(found.pk)

    @extend_schema(
        tags=TAGS,
        summary="Enregistrer la réponse de l’organisme",
        description="Un séjour sorti est facturé aussitôt, par ces lignes.",
        request=AgreementAnswer,
        responses={200: AgreementDetail},
        examples=[
            OpenApiExample(
                "Accord",
                value={
                    "state": "granted",
                    "number": "PEC-2026-0412",
                    "valid_until": "2026-12-31",
                    "lines": [
                        {"covers": "TM", "percent": "100"},
                        {"covers": "CHP", "percent": "100", "daily_cap": "45.00", "waiting_days": 1},
                    ],
                    "version": 1,
                },
                request_only=True,
            )
        ],
    )
    def answer(self, request: Request, pk: int) -> Response:
        found = self.find(pk)
        asked = self.body(AgreementAnswer)
        reply = services.Reply(
            state=AgreementState(asked["state"]),
            number=asked.get("number", ""),
            valid_from=asked.get("valid_from"),
            valid_until=asked.get("valid_until"),
            ceiling=asked.get("ceiling"),
            clauses=[Clause(**line) for line in asked.get("lines", ())],
        )
        services.answer(found.pk, reply, self.actor, version=asked["version"])
        return self.full(found.pk)
