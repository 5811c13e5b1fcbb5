"""Which programs connect, with which scopes, and the answers already given to them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.enums import Action, ClientAuth, Scope
from accounts.models.people import Establishment
from accounts.sight import Sight
from gap.fields import EncryptedBinaryField


class ApiClient(models.Model):
    """A program of the hospital that connects by REST: who it is, how it proves it, what it may do (docs/adr/0017).

    `auth_method` is its only way to be given tokens: secrets are rows (`ApiSecret`), keys and certificates are here.
    `token_digest` is that of a token of before OAuth 2, taken until `token_until` (both or neither).
    """

    name = models.CharField("nom", max_length=80, unique=True)
    #: What a program calls itself (RFC 6749 §2.2): no secret.
    client_id = models.UUIDField("identifiant", unique=True, db_default=RandomUUID(), editable=False)
    establishment = models.ForeignKey(Establishment, verbose_name="établissement", on_delete=models.PROTECT)
    auth_method = models.CharField(
        "manière de se prouver", max_length=32, choices=ClientAuth.choices, default=ClientAuth.SECRET
    )
    public_keys = models.JSONField("clés publiques (JWK Set)", null=True, blank=True)
    certificate_subject = models.CharField("sujet du certificat (RFC 4514)", max_length=500, blank=True)
    certificate_digests = ArrayField(
        models.CharField(max_length=43), verbose_name="empreintes des certificats", default=list, blank=True
    )
    token_digest = models.CharField("empreinte du jeton fixe", max_length=64, unique=True, null=True, blank=True)
    token_until = models.DateTimeField("jeton fixe accepté jusqu’au", null=True, blank=True)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices), verbose_name="portées")
    #: Requests a minute; null: the rate of the settings.
    rate_per_minute = models.PositiveIntegerField("demandes par minute", null=True, blank=True)
    active = models.BooleanField("actif", default=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)

    class Meta:
        verbose_name = "client de l’API"
        verbose_name_plural = "clients de l’API"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(token_digest__isnull=True, token_until__isnull=True)
                | Q(token_digest__isnull=False, token_until__isnull=False),
                name="a_fixed_token_has_an_end",
            ),
            models.CheckConstraint(condition=Q(rate_per_minute__gte=1), name="a_rate_lets_something_pass"),
            models.CheckConstraint(condition=Q(auth_method__in=ClientAuth.values), name="known_proof_of_a_client"),
        ]

    def __str__(self) -> str:
        return self.name

    def sight(self, action: Action) -> Sight:
        """A program sees its establishment whole: its scopes say what it does there."""
        return Sight(self.establishment_id)

    #: What the token under which it asks may do; None outside a request.
    scopes_now: frozenset[str] | None = None

    def has_now(self, scope: Scope) -> bool:
        """Whether this may be done under its token; outside a request, whether it was given."""
        return str(scope) in (self.scopes if self.scopes_now is None else self.scopes_now)

    # DRF asks these of whoever is signed in.
    is_authenticated = True
    is_anonymous = False

    @staticmethod
    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(cls, name: str, establishment: Establishment, scopes: list[str]) -> tuple[ApiClient, str]:
        """Create a client, or give an existing one a new fixed token, for FIXED_TOKEN_DAYS: what a program that does not
        speak OAuth 2 yet is given, the demonstration's first. Returns the client and the token in clear, once."""
        token = secrets.token_urlsafe(32)
        client, _ = cls.objects.update_or_create(
            name=name,
            defaults={
                "establishment": establishment,
                "token_digest": cls.digest(token),
                "token_until": timezone.now() + timedelta(days=settings.FIXED_TOKEN_DAYS),
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
