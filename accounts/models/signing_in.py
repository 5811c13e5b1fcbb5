"""Sessions under way, second factors, and the tries that were wrong."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q

from gap.fields import EncryptedBinaryField

_WRITTEN_AGAIN = ("session_data", "expire_date", "user", "place", "device", "factors", "workstation")


class Session(AbstractBaseSession):
    """One session of somebody, on one workstation. Its key is kept as a digest: a copy of the table opens nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="sessions")
    started_at = models.DateTimeField("ouverte le", auto_now_add=True)
    seen_at = models.DateTimeField("vue le", null=True)
    place = models.GenericIPAddressField("d’où", null=True)
    device = models.CharField("poste", max_length=120, blank=True)
    factors = models.CharField("ouverte par", max_length=40, blank=True)
    workstation = models.ForeignKey("accounts.Workstation", on_delete=models.SET_NULL, null=True)
    locked_at = models.DateTimeField("verrouillée le", null=True)
    #: Where its owner finds themselves again: the path of a page of ours.
    page = models.CharField("dernière page", max_length=300, blank=True)

    class Meta:
        verbose_name = "session"
        ordering = ["-started_at"]
        indexes = [models.Index(fields=["user", "started_at"], name="session_of_user")]

    def __str__(self) -> str:
        return f"session de {self.user_id}"

    def save(self, *args: Any, **options: Any) -> None:
        """A session written again writes what it holds alone: a lock put meanwhile by another request stays."""
        if options.get("force_update"):
            options["update_fields"] = _WRITTEN_AGAIN
        super().save(*args, **options)

    @classmethod
    def get_session_store_class(cls) -> Any:
        from accounts.sessions import SessionStore

        return SessionStore


class SecondFactor(models.Model):
    """A telephone that gives codes (TOTP, RFC 6238): one a person. It serves once a first code has proved it."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    secret = EncryptedBinaryField("secret")
    created_at = models.DateTimeField("demandé le", auto_now_add=True)
    confirmed_at = models.DateTimeField("en service depuis", null=True)
    # The last period of 30 s whose code was taken: a code seen over a shoulder serves nobody.
    last_period = models.BigIntegerField("dernière période", default=0)

    class Meta:
        verbose_name = "second facteur"
        verbose_name_plural = "seconds facteurs"

    def __str__(self) -> str:
        return f"second facteur de {self.user_id}"


class RecoveryCode(models.Model):
    """A code to be used once, without the telephone. Kept as a keyed digest."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField("empreinte", max_length=64, unique=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    used_at = models.DateTimeField("utilisé le", null=True)

    class Meta:
        verbose_name = "code de secours"
        verbose_name_plural = "codes de secours"
        indexes = [models.Index(fields=["user"], condition=Q(used_at__isnull=True), name="recovery_codes_left")]

    def __str__(self) -> str:
        return f"code de secours de {self.user_id}"


class Tries(models.Model):
    """Wrong tries of one thing: a name from a place, somebody's codes. `subject` is a keyed digest."""

    subject = models.CharField("objet", max_length=64, unique=True)
    count = models.PositiveIntegerField("essais", default=0)
    since = models.DateTimeField("depuis")

    class Meta:
        verbose_name = "essais"
        verbose_name_plural = "essais"
        indexes = [models.Index(fields=["since"], name="tries_since")]

    def __str__(self) -> str:
        return f"{self.count} essais"
