"""Which programs connect, with which scopes, and the answers already given to them."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.enums import Action, Scope
from accounts.models.people import Establishment
from accounts.sight import Sight
from gap.fields import EncryptedBinaryField


class ApiClient(models.Model):
    """A program of the hospital that connects by REST. Its token is shown once and kept as a digest only."""

    name = models.CharField("nom", max_length=80, unique=True)
    establishment = models.ForeignKey(Establishment, verbose_name="établissement", on_delete=models.PROTECT)
    token_digest = models.CharField("empreinte du jeton", max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices), verbose_name="portées")
    active = models.BooleanField("actif", default=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)

    class Meta:
        verbose_name = "client de l’API"
        verbose_name_plural = "clients de l’API"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def sight(self, action: Action) -> Sight:
        """A program sees its establishment whole: its scopes say what it does there."""
        return Sight(self.establishment_id)

    # DRF asks these of whoever is signed in.
    is_authenticated = True
    is_anonymous = False

    @staticmethod
    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(cls, name: str, establishment: Establishment, scopes: list[str]) -> tuple[ApiClient, str]:
        """Create a client, or give an existing one a new token. Returns the client and the token in clear, once."""
        token = secrets.token_urlsafe(32)
        client, _ = cls.objects.update_or_create(
            name=name,
            defaults={
                "establishment": establishment,
                "token_digest": cls.digest(token),
                "scopes": scopes,
                "active": True,
            },
        )
        return client, token


class IdempotentReply(models.Model):
    """The answer already given to one Idempotency-Key of one client: a replay gets it again, and has no effect."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE)
    key = models.CharField("clé", max_length=255)
    request_digest = models.CharField("empreinte de la requête", max_length=64)
    status = models.PositiveSmallIntegerField("statut", null=True)
    body = EncryptedBinaryField("réponse", null=True)
    location = models.CharField("adresse créée", max_length=255, blank=True)
    created_at = models.DateTimeField("reçue le", auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "réponse rejouable"
        verbose_name_plural = "réponses rejouables"
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="one_reply_a_key")]

    def __str__(self) -> str:
        return f"{self.client} {self.status}"
