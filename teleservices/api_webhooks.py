"""REST of the webhooks: each program manages its own, and sees what became of each message."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Scope
from accounts.idempotency import Keyed
from admissions.api.base import HospitalViewSet
from gap.api.fields import Choice, StrictSerializer
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import kinds, managing

TAGS = ["Abonnements"]
_NOT_HTTPS = "Une adresse commence par https://."


def _kinds(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=Choice(sorted(kinds.SCOPES)), min_length=1, max_length=20, help_text="Événements à dire.", **options
    )


class Asked(StrictSerializer):
    url = serializers.RegexField(
        r"^https://\S+\Z", max_length=500, error_messages={"invalid": _NOT_HTTPS}, help_text="Adresse https à appeler."
    )
    kinds = _kinds()


class Changed(StrictSerializer):
    kinds = _kinds(required=False)
    active = serializers.BooleanField(required=False, help_text="`true` : reprendre un abonnement arrêté.")


class WebhookBody(serializers.ModelSerializer[Webhook]):
    """A webhook, without its secrets."""

    active = serializers.SerializerMethodField(help_text="`false` : arrêté, rien n’est plus envoyé.")

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id", "url", "kinds", "active", "created_at", "failing_since", "stopped_at", "previous_until",
        )  # fmt: skip
        read_only_fields = fields

    def get_active(self, webhook: Webhook) -> bool:
        return webhook.stopped_at is None


class CreatedBody(WebhookBody):
    secret = serializers.CharField(read_only=True, help_text="Montré cette seule fois.")

    class Meta(WebhookBody.Meta):
        fields = (*WebhookBody.Meta.fields, "secret")
        read_only_fields = fields


class MessageBody(serializers.ModelSerializer[WebhookMessage]):
    """A message and its last try."""

    class Meta:
        model = WebhookMessage
        fields = (
            "id", "message_id", "kind", "data", "occurred_at", "attempts", "delivered_at", "given_up_at", "not_before",
            "http_status", "problem",
        )  # fmt: skip
        read_only_fields = fields


class WebhookViewSet(HospitalViewSet):
    scopes = dict.fromkeys(
        ("list", "create", "retrieve", "partial_update", "destroy", "renew", "deliveries", "replay"), Scope.WEBHOOKS
    )
    #: What is answered holds a secret, which is kept nowhere in clear: a replayed answer would be a copy of it.
    keyed = dict.fromkeys(("create", "renew", "replay"), Keyed.IGNORED)
    other_faults = {"create": (422,), "partial_update": (422,), "renew": (422,)}
    serializer_class = WebhookBody
    queryset = Webhook.objects.none()

    def get_queryset(self) -> QuerySet[Webhook]:
        return Webhook.objects.filter(client=self.client).order_by("pk")

    @extend_schema(tags=TAGS, summary="Ses abonnements")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(WebhookBody(page, many=True).data)

    @extend_schema(
        tags=TAGS,
        summary="S’abonner à des événements",
        request=Asked,
        responses={201: CreatedBody},
        examples=[
            OpenApiExample(
                "Séjours",
                value={"url": "https://labo.exemple.fr/evenements", "kinds": ["stay.admitted", "stay.discharged"]},
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        asked = self.body(Asked)
        webhook, secret = managing.create(self.client, asked["url"], asked["kinds"])
        return Response(WebhookBody(webhook).data | {"secret": secret}, status=201)

    @extend_schema(tags=TAGS, summary="Lire un abonnement")
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(WebhookBody(self._mine(pk)).data)

    @extend_schema(tags=TAGS, summary="Changer les événements, ou reprendre", request=Changed, responses=WebhookBody)
    def partial_update(self, request: Request, pk: int) -> Response:
        webhook, asked = self._mine(pk), self.body(Changed)
        if wanted := asked.get("kinds"):
            managing.check(self.client, webhook.url, wanted)
            Webhook.objects.filter(pk=webhook.pk).update(kinds=sorted(set(wanted)))
        if asked.get("active") is True:
            managing.resume(webhook)
        elif asked.get("active") is False:
            managing.stop(webhook)
        return Response(WebhookBody(self._mine(pk)).data)

    @extend_schema(tags=TAGS, summary="Se désabonner", responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        self._mine(pk).delete()
        return Response(status=204)

    @extend_schema(
        tags=TAGS,
        summary="Changer de secret ; l’ancien signe aussi pendant le passage",
        request=None,
        responses={200: CreatedBody},
    )
    def renew(self, request: Request, pk: int) -> Response:
        webhook = self._mine(pk)
        secret, _ = managing.renew_secret(webhook)
        return Response(WebhookBody(self._mine(pk)).data | {"secret": secret})

    @extend_schema(tags=TAGS, summary="Ce qui a été dit, et ce qui reste à dire", responses=MessageBody(many=True))
    def deliveries(self, request: Request, pk: int) -> Response:
        page = self.paginate_queryset(WebhookMessage.objects.filter(webhook=self._mine(pk)).order_by("-pk"))
        return self.get_paginated_response(MessageBody(page, many=True).data)

    @extend_schema(
        tags=TAGS, summary="Envoyer de nouveau, sous le même identifiant", request=None, responses={202: MessageBody}
    )
    def replay(self, request: Request, pk: int) -> Response:
        message = get_object_or_404(WebhookMessage, pk=pk, webhook__client=self.client)
        managing.replay(message)
        message.refresh_from_db()
        return Response(MessageBody(message).data, status=202)

    def _mine(self, pk: int) -> Webhook:
        webhook: Webhook = get_object_or_404(self.get_queryset(), pk=pk)
        return webhook
