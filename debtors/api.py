"""REST of the debtors: the grid, and the associations that a référent decides."""

from __future__ import annotations

from typing import Any, Final

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ClientViewSet
from accounts.enums import Scope
from debtors.decisions import AssociationConflict, decide_association
from debtors.enums import AssociationStatus, DebtorKind
from debtors.models import DatamatrixAssociation, Debtor
from debtors.querysets import search_debtors
from gap.api.fields import Choice, StrictSerializer, Version
from gap.api.problems import Problem, translates

TAGS = ["Débiteurs"]
_DECIDED: Final = (AssociationStatus.VALIDATED, AssociationStatus.REJECTED, AssociationStatus.DELETED)
_DECISIONS: Final = [(status.value, status.label) for status in _DECIDED]


@translates(AssociationConflict)
def _conflict(error: AssociationConflict) -> Problem:
    return Problem(409, error.message, slug="conflict", message=error.message, kept="Rien n’a été modifié.")


class DebtorBody(serializers.ModelSerializer[Debtor]):
    """A payer's record."""

    kind = serializers.ChoiceField(DebtorKind.choices, read_only=True)
    operator = serializers.CharField(source="operator.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Debtor
        fields = (
            "code", "name", "kind", "operator", "amc_number", "amo_regime", "amo_fund", "amo_centre", "address",
            "postcode", "town", "dre_address", "dre_recipient", "multiple_centres", "active", "refreshed_at",
        )  # fmt: skip
        read_only_fields = fields


class AssociationBody(serializers.ModelSerializer[DatamatrixAssociation]):
    """A context of cards, and who pays in it. Nothing of a card's content."""

    debtor = serializers.CharField(source="debtor.code", read_only=True, help_text="Code de la fiche débiteur.")
    debtor_name = serializers.CharField(source="debtor.name", read_only=True)
    status = serializers.ChoiceField(AssociationStatus.choices, read_only=True)
    decided_by = serializers.CharField(source="decided_by.short_name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = DatamatrixAssociation
        fields = (
            "id", "amc_number", "convention", "csr", "domain", "debtor", "debtor_name", "status", "multiple_centres",
            "valid_from", "valid_until", "created_at", "decided_at", "decided_by", "use_count", "last_used_at",
            "version",
        )  # fmt: skip
        read_only_fields = fields


class Decision(StrictSerializer):
    status = Choice(
        _DECISIONS,
        help_text="`validated`, `rejected`, ou `deleted` qui l’oublie sans rien retenir contre ce débiteur.",
    )
    debtor = serializers.CharField(
        max_length=20, required=False, help_text="Pour modifier : code de la complémentaire qui paie vraiment."
    )
    version = Version()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["status"] != AssociationStatus.VALIDATED and "debtor" in attrs:
            raise ValidationError({"debtor": ["Une association rejetée ou supprimée ne change pas de débiteur."]})
        return attrs


class DebtorFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        method="search", max_length=100, label="Fragment du nom, n° AMC, opérateur ou ville (fiches en activité)."
    )
    kind = django_filters.ChoiceFilter(choices=DebtorKind.choices, label="`AMO` ou `AMC`.")
    amc_number = django_filters.CharFilter(max_length=10, label="N° AMC exact, dix chiffres.")
    active = django_filters.BooleanFilter(label="Fiches en activité, ou non.")

    class Meta:
        model = Debtor
        fields = ("q", "kind", "amc_number", "active")

    def search(self, found: QuerySet[Debtor], _name: str, text: str) -> QuerySet[Debtor]:
        kind = self.form.cleaned_data.get("kind")
        kinds = [DebtorKind(kind)] if kind else list(DebtorKind)
        matching = search_debtors(text, kinds[0]).order_by().values("pk")
        for other in kinds[1:]:
            matching = matching.union(search_debtors(text, other).order_by().values("pk"))
        return found.filter(pk__in=matching)


class AssociationFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(
        choices=AssociationStatus.choices, label="Statut ; plusieurs possibles."
    )
    amc_number = django_filters.CharFilter(max_length=10, label="N° AMC exact, dix chiffres.")
    domain = django_filters.CharFilter(max_length=3, label="Domaine : MCO, SMR, PSY, HAD.")
    debtor = django_filters.CharFilter("debtor__code", max_length=20, label="Code de la fiche débiteur.")

    class Meta:
        model = DatamatrixAssociation
        fields = ("status", "amc_number", "domain", "debtor")


class DebtorViewSet(ClientViewSet):
    scopes = {"list": Scope.DEBTORS_READ, "retrieve": Scope.DEBTORS_READ}
    serializer_class = DebtorBody
    filterset_class = DebtorFilter
    lookup_field = "code"
    queryset = Debtor.objects.select_related("operator").order_by("name", "pk")

    @extend_schema(tags=TAGS, summary="Chercher des débiteurs")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(DebtorBody(page, many=True).data)

    @extend_schema(tags=TAGS, summary="Lire une fiche débiteur")
    def retrieve(self, request: Request, code: str) -> Response:
        return Response(DebtorBody(get_object_or_404(self.get_queryset(), code=code)).data)


class AssociationViewSet(ClientViewSet):
    scopes = {"list": Scope.DEBTORS_READ, "retrieve": Scope.DEBTORS_READ, "decide": Scope.DEBTORS_WRITE}
    conflicting = ("decide",)
    serializer_class = AssociationBody
    filterset_class = AssociationFilter
    queryset = DatamatrixAssociation.objects.select_related("debtor", "decided_by").order_by("-created_at", "-pk")

    @extend_schema(tags=TAGS, summary="Associations entre cartes et débiteurs")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AssociationBody(page, many=True).data)

    @extend_schema(tags=TAGS, summary="Lire une association")
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(AssociationBody(get_object_or_404(self.get_queryset(), pk=pk)).data)

    @extend_schema(
        tags=TAGS,
        summary="Valider, modifier, rejeter ou supprimer une association",
        request=Decision,
        responses={200: AssociationBody},
        examples=[
            OpenApiExample("Valider", value={"status": "validated", "version": 0}, request_only=True),
            OpenApiExample(
                "Modifier", value={"status": "validated", "debtor": "AMC00002", "version": 0}, request_only=True
            ),
            OpenApiExample("Supprimer", value={"status": "deleted", "version": 0}, request_only=True),
        ],
    )
    def decide(self, request: Request, pk: int) -> Response:
        association = get_object_or_404(self.get_queryset(), pk=pk)
        asked = self.body(Decision)
        decide_association(
            association.pk,
            AssociationStatus(asked["status"]),
            None,
            version=asked["version"],
            debtor=_amc(asked["debtor"]) if "debtor" in asked else None,
        )
        return Response(AssociationBody(self.get_queryset().get(pk=association.pk)).data)


def _amc(code: str) -> Debtor:
    debtor = Debtor.objects.filter(code=code, kind=DebtorKind.AMC, active=True).first()
    if debtor is None:
        raise ValidationError({"debtor": ["Aucune complémentaire en activité n’a ce code."]})
    return debtor
