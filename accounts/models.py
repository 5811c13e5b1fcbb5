"""Who works here, for which establishment, with which role; and which programs connect."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.enums import PERMISSIONS, Action, Role, Scope
from gap.fields import EncryptedBinaryField


class Establishment(models.Model):
    """A site of the hospital: one geographic FINESS under one legal FINESS."""

    name = models.CharField("nom", max_length=120)
    finess_legal = models.CharField("FINESS juridique", max_length=9)
    finess_site = models.CharField("FINESS géographique", max_length=9, unique=True)

    class Meta:
        verbose_name = "établissement"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in. One role a person and an establishment for now (RoleAssignment carries it)."""

    establishment = models.ForeignKey(
        Establishment, verbose_name="établissement", on_delete=models.PROTECT, null=True, blank=True
    )
    single_keys = models.BooleanField("touches simples actives", default=True)

    class Meta(AbstractUser.Meta):
        verbose_name = "utilisateur"
        ordering = ["last_name", "first_name"]

    def __str__(self) -> str:
        return self.short_name

    @property
    def short_name(self) -> str:
        """«N. Ferrand», as colleagues see it on a line."""
        if not self.last_name:
            return self.username
        return f"{self.first_name[:1]}. {self.last_name}" if self.first_name else self.last_name

    @property
    def roles(self) -> frozenset[str]:
        if not hasattr(self, "_roles"):
            self._roles = frozenset(self.role_assignments.values_list("role", flat=True))
        return self._roles

    def may(self, action: Action) -> bool:
        return bool(self.roles & PERMISSIONS[action])

    @property
    def role_label(self) -> str:
        return ", ".join(Role(role).label for role in sorted(self.roles))


class RoleAssignment(models.Model):
    """This person has this role in this establishment."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_assignments")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT)
    role = models.CharField("rôle", max_length=16, choices=Role.choices)

    class Meta:
        verbose_name = "rôle attribué"
        constraints = [
            models.UniqueConstraint(fields=["user", "establishment", "role"], name="one_assignment_a_role"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} : {self.get_role_display()}"


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
