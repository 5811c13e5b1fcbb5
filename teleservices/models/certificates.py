"""How we present ourselves to the directory and to the AMC, whom we trust, and whom we refused."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from gap.fields import EncryptedBinaryField
from teleservices.enums import CertificateState, CertificateUse, TrustProblem


class ReadCertificate(models.Model):
    """What a person reads of a certificate, beside the certificate itself."""

    certificate = models.TextField("certificat (PEM)")
    fingerprint = models.CharField("empreinte SHA-256", max_length=64)
    name = models.CharField("titulaire", max_length=120)
    subject = models.CharField("nom complet", max_length=300)
    issuer = models.CharField("autorité", max_length=120)
    # Hexadecimal, as the authorities print it.
    serial = models.CharField("n° de série", max_length=40)
    not_before = models.DateTimeField("valable du")
    not_after = models.DateTimeField("valable jusqu’au")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class SoftwareCertificate(ReadCertificate):
    """One of our own, with its key: imported ahead, put in force when it is needed, kept until it expires."""

    use = models.CharField("usage", max_length=10, choices=CertificateUse.choices)
    state = models.CharField("état", max_length=10, choices=CertificateState.choices, default=CertificateState.READY)
    # The authorities between it and a trusted one, as they came with it.
    chain = models.TextField("autorités intermédiaires (PEM)", blank=True)
    # PKCS#8. Erased when the certificate can no longer serve.
    private_key = EncryptedBinaryField(null=True)
    imported_at = models.DateTimeField("importé le", auto_now_add=True)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    in_force_since = models.DateTimeField("en service depuis", null=True)
    withdrawn_at = models.DateTimeField("retiré le", null=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "certificat logiciel"
        verbose_name_plural = "certificats logiciels"
        ordering = ["use", "-imported_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["use"], condition=Q(state=CertificateState.IN_FORCE), name="one_certificate_in_force"
            ),
            # The directory and the AMC each have their own (programme SIMPHONIE).
            models.UniqueConstraint(fields=["fingerprint"], name="one_import_a_certificate"),
            models.CheckConstraint(
                condition=~Q(state=CertificateState.IN_FORCE)
                | Q(private_key__isnull=False, in_force_since__isnull=False),
                name="a_certificate_in_force_has_its_key",
            ),
            models.CheckConstraint(
                condition=~Q(state=CertificateState.WITHDRAWN) | Q(withdrawn_at__isnull=False),
                name="a_withdrawn_certificate_says_when",
            ),
            models.CheckConstraint(condition=Q(not_after__gt=F("not_before")), name="a_certificate_lives"),
        ]


class TrustedAuthority(ReadCertificate):
    """An authority whose certificates we accept, of the directory, of the AMC and of ourselves."""

    added_at = models.DateTimeField("ajoutée le", auto_now_add=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField("retirée le", null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "autorité reconnue"
        verbose_name_plural = "autorités reconnues"
        ordering = ["name", "-added_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"], condition=Q(withdrawn_at__isnull=True), name="one_trust_an_authority"
            ),
        ]


class RefusedCertificate(ReadCertificate):
    """What a server of the directory or of an AMC showed, that we did not accept; one row a server × reason."""

    server = models.CharField("serveur", max_length=260)
    channel = models.CharField("canal", max_length=10)
    problem = models.CharField("motif", max_length=20, choices=TrustProblem.choices)
    first_seen_at = models.DateTimeField("vu la première fois le")
    last_seen_at = models.DateTimeField("vu la dernière fois le")
    times = models.PositiveIntegerField("fois", default=1)

    class Meta:
        verbose_name = "certificat refusé"
        verbose_name_plural = "certificats refusés"
        ordering = ["-last_seen_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["server", "fingerprint", "problem"], name="one_row_a_refusal"),
        ]
        indexes = [models.Index(fields=["-last_seen_at", "-id"], name="refused_certificate_recent")]


class ExpiryWarning(models.Model):
    """Told once that a certificate will expire: at 60, 30 and 7 days."""

    fingerprint = models.CharField("empreinte SHA-256", max_length=64)
    days = models.PositiveSmallIntegerField("jours")
    label = models.CharField("certificat", max_length=120)
    not_after = models.DateTimeField("valable jusqu’au")
    told_at = models.DateTimeField("dit le", auto_now_add=True)

    class Meta:
        verbose_name = "alerte d’expiration"
        verbose_name_plural = "alertes d’expiration"
        ordering = ["-told_at"]
        constraints = [models.UniqueConstraint(fields=["fingerprint", "days"], name="one_warning_a_threshold")]

    def __str__(self) -> str:
        return f"{self.label} {self.days}"
