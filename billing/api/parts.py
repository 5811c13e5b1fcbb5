"""What this floor adds to «a stay»: its estimate, its engagement, what it waits for; and its activities."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet
from admissions.api.parts import register_stay_part
from billing import services
from billing.api.agreements import AgreementOfStay
from billing.api.next_action import WHO_LABELS, NextAction, next_action
from billing.enums import EngagementStatus
from billing.models import Activity, Engagement, Estimate, EstimateLine
from billing.querysets import last_estimate
from gap.api.fields import Amount, Day, StrictSerializer


class EstimateLineBody(serializers.ModelSerializer[EstimateLine]):
    class Meta:
        model = EstimateLine
        fields = (
            "number", "code", "label", "quantity", "unit_price", "total", "amo_share", "amc_share", "patient_share",
            "derivation",
        )  # fmt: skip
        read_only_fields = fields


class EstimateBody(serializers.ModelSerializer[Estimate]):
    """The last split of the stay between payers."""

    lines = EstimateLineBody(many=True, read_only=True)
    from_amc = serializers.SerializerMethodField(help_text="`true` : annoncé par la complémentaire (SIM).")

    class Meta:
        model = Estimate
        fields = ("total", "amo_share", "amc_share", "patient_share", "answered_at", "from_amc", "lines")
        read_only_fields = fields

    def get_attribute(self, instance: Any) -> Estimate | None:
        return last_estimate(instance)

    def get_from_amc(self, estimate: Estimate) -> bool:
        return estimate.call_id is not None


class EngagementBody(serializers.ModelSerializer[Engagement]):
    """What the AMC has engaged itself to pay."""

    debtor = serializers.CharField(source="debtor.code", read_only=True, help_text="Code de la fiche débiteur.")
    status = serializers.ChoiceField(EngagementStatus.choices, read_only=True)
    amount = Amount(read_only=True)

    class Meta:
        model = Engagement
        fields = ("number", "debtor", "amount", "valid_until", "status", "engaged_at", "cancelled_at")
        read_only_fields = fields

    def get_attribute(self, instance: Any) -> Engagement | None:
        in_force = instance.engagements.filter(status=EngagementStatus.IN_FORCE)
        return in_force.select_related("debtor").order_by("-engaged_at", "-pk").first()


class NextActionBody(serializers.Serializer[Any]):
    """The first thing that holds the stay up."""

    code = serializers.CharField(help_text="Clé stable.")
    who = serializers.ChoiceField(WHO_LABELS)
    message = serializers.CharField()

    def get_attribute(self, instance: Any) -> NextAction | None:
        return next_action(instance)


class ActivityBody(serializers.ModelSerializer[Activity]):
    """An act."""

    code = serializers.CharField(source="item.code", read_only=True)
    label = serializers.CharField(source="item.label", read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Activity
        fields = ("id", "code", "label", "performed_on", "quantity")
        read_only_fields = fields


class ActivityCreation(StrictSerializer):
    code = serializers.CharField(max_length=10, help_text="Code de l’acte.")
    performed_on = Day()
    quantity = serializers.IntegerField(min_value=1, max_value=999, default=1)


class ActivityViewSet(HospitalViewSet):
    scopes = {"list": Scope.STAYS_READ, "create": Scope.STAYS_WRITE}
    keyed = {"create": Keyed.REQUIRED}
    serializer_class = ActivityBody
    queryset = Activity.objects.none()

    @extend_schema(tags=["Séjours"], summary="Actes d’un séjour", filters=False)
    def list(self, request: Request, iep: str) -> Response:
        found = self.find_stay(iep).activities.select_related("item").order_by("performed_on", "pk")
        return self.get_paginated_response(ActivityBody(self.paginate_queryset(found), many=True).data)

    @extend_schema(
        tags=["Séjours"],
        summary="Saisir un acte",
        request=ActivityCreation,
        responses={201: ActivityBody},
        examples=[
            OpenApiExample("Consultation", value={"code": "CS", "performed_on": "2026-12-01"}, request_only=True)
        ],
    )
    def create(self, request: Request, iep: str) -> Response:
        stay = self.find_stay(iep)
        asked = self.body(ActivityCreation)
        activity = services.enter_activity(stay.pk, asked["code"], asked["performed_on"], asked["quantity"], self.actor)
        return Response(ActivityBody(activity).data, status=201)


def register() -> None:
    register_stay_part("estimate", lambda: EstimateBody(read_only=True, allow_null=True))
    register_stay_part("engagement", lambda: EngagementBody(read_only=True, allow_null=True))
    register_stay_part("agreement", lambda: AgreementOfStay(read_only=True, allow_null=True))
    register_stay_part("next_action", lambda: NextActionBody(read_only=True, allow_null=True))
