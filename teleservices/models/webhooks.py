"""What programs asked to be told of, and each message owed to them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import ApiClient
from gap.fields import EncryptedTextField


class Webhook(models.Model):
    """An address of a program, told of some kinds of events. `previous_secret` signs too, until `previous_until`.

    `failing_since`: the first try that failed, of those since the last one that did not. `stopped_at`: nothing leaves
    any more, until its owner says so; what happens meanwhile is not kept for it.
    """

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField("adresse", max_length=500)
    kinds = ArrayField(models.CharField(max_length=40), verbose_name="événements")
    secret = EncryptedTextField("secret")
    previous_secret = EncryptedTextField("secret précédent", null=True)
    previous_until = models.DateTimeField("secret précédent jusqu’au", null=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    failing_since = models.DateTimeField("en échec depuis", null=True)
    #: Of an address that does not answer at all: none of its messages is tried before.
    next_try_at = models.DateTimeField("prochain essai", null=True)
    stopped_at = models.DateTimeField("arrêté le", null=True)

    class Meta:
        verbose_name = "abonnement"
        verbose_name_plural = "abonnements"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["client", "url"], name="one_webhook_an_address"),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_until__isnull=True)
                | Q(previous_secret__isnull=False, previous_until__isnull=False),
                name="a_previous_secret_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"abonnement {self.pk}"


class WebhookMessage(models.Model):
    """One thing to tell one address: its identifier is the same at each try. `data`: identifiers and codes only."""

    message_id = models.UUIDField("identifiant du message", unique=True)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField("événement", max_length=40)
    data = models.JSONField("données", default=dict)
    occurred_at = models.DateTimeField("survenu le")
    created_at = models.DateTimeField("écrit le", auto_now_add=True, db_index=True)
    #: While a worker sends it, the end of its claim.
    not_before = models.DateTimeField("pas avant")
    attempts = models.PositiveSmallIntegerField("essais", default=0)
    delivered_at = models.DateTimeField("remis le", null=True)
    given_up_at = models.DateTimeField("abandonné le", null=True)
    http_status = models.PositiveSmallIntegerField("statut HTTP", null=True)
    problem = models.CharField("incident", max_length=60, blank=True)

    class Meta:
        verbose_name = "message d’abonnement"
        verbose_name_plural = "messages d’abonnement"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(given_up_at__isnull=True), name="delivered_or_given_up"
            )
        ]
        indexes = [
            models.Index(F("webhook"), F("id").desc(), name="messages_of_webhook"),
            models.Index(
                fields=["not_before"],
                condition=Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="webhook_message_owed",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.message_id}"
