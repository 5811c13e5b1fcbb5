"""What programs prove themselves by, and what they are given for some minutes. Nothing here can be used as it is read."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models.programs import ApiClient


class ApiSecret(models.Model):
    """A secret of a program: shown once, kept as a digest. Two at most at once: the one in use, and the one it passes to."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="secrets")
    #: 1 or 2: with the constraint below, what makes a third impossible.
    slot = models.PositiveSmallIntegerField("place")
    #: SHA-256 of 256 bits drawn at random. No key: a rotation of the installation's keys must not end it (docs/adr/0017).
    digest = models.CharField("empreinte", max_length=64, unique=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    expires_at = models.DateTimeField("expire le")
    last_used_at = models.DateTimeField("dernier usage", null=True)

    class Meta:
        verbose_name = "secret de logiciel"
        verbose_name_plural = "secrets de logiciels"
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["client", "slot"], name="two_secrets_at_most"),
            models.CheckConstraint(condition=Q(slot__in=(1, 2)), name="secret_slot_is_one_or_two"),
        ]

    def __str__(self) -> str:
        return f"secret {self.slot} de {self.client_id}"


class ApiToken(models.Model):
    """An access token (RFC 6749 §1.4), opaque, kept as a keyed digest: looked for at each request, so ended at once.

    `scopes`: what was asked, within what the program had. `certificate`: SHA-256 (base64url) of the certificate that
    must come with it (RFC 8705 §3); empty when it is bound to none.
    """

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField("empreinte", max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), verbose_name="portées")
    issued_at = models.DateTimeField("donné le")
    expires_at = models.DateTimeField("expire le", db_index=True)
    revoked_at = models.DateTimeField("révoqué le", null=True)
    certificate = models.CharField("certificat lié", max_length=43, blank=True)

    class Meta:
        verbose_name = "jeton d’accès"
        verbose_name_plural = "jetons d’accès"
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("issued_at")), name="token_ends_after_it_begins")
        ]

    def __str__(self) -> str:
        return f"jeton {self.pk}"


class UsedAssertion(models.Model):
    """A signed proof of a program (RFC 7523) that was taken: it is taken once."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField("empreinte", max_length=64)
    expires_at = models.DateTimeField("expire le", db_index=True)

    class Meta:
        verbose_name = "preuve déjà prise"
        verbose_name_plural = "preuves déjà prises"
        constraints = [models.UniqueConstraint(fields=["client", "digest"], name="an_assertion_is_taken_once")]

    def __str__(self) -> str:
        return f"preuve {self.pk}"
