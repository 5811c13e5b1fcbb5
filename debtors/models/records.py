"""Who pays: the records of debtors, and each difference that was said of them."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from stdnum import iban

from debtors.enums import ChangeSource, ChangeState, DebtorKind

#: What of a record payers and the directory tell, and people may write.
KEPT_UP: Final = ("name", "address", "postcode", "town", "dre_address", "dre_recipient", "iban")
#: What people alone write of it.
WRITTEN: Final = ("operator", "multiple_centres")


class Operator(models.Model):
    """An operator of third-party payment that answers for several AMC (Almerys, Viamedis, iSanté…)."""

    name = models.CharField("nom", max_length=80, unique=True)

    class Meta:
        verbose_name = "opérateur"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Debtor(models.Model):
    """A payer's record (fiche débiteur): a caisse of the AMO, or a complementary body (AMC)."""

    kind = models.CharField("nature", max_length=3, choices=DebtorKind.choices)
    code = models.CharField("code", max_length=20, unique=True)
    name = models.CharField("nom", max_length=120)
    operator = models.ForeignKey(Operator, verbose_name="opérateur", on_delete=models.PROTECT, null=True, blank=True)
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    amo_regime = models.CharField("régime", max_length=2, blank=True)
    amo_fund = models.CharField("caisse", max_length=3, blank=True)
    amo_centre = models.CharField("centre", max_length=4, blank=True)
    address = models.CharField("adresse", max_length=200, blank=True)
    postcode = models.CharField("code postal", max_length=5, blank=True)
    town = models.CharField("ville", max_length=80, blank=True)
    dre_address = models.CharField("adresse des DRE", max_length=255, blank=True)
    dre_recipient = models.CharField("destinataire des DRE", max_length=80, blank=True)
    #: Whence its payments come: without spaces, in capitals.
    iban = models.CharField("compte bancaire (IBAN)", max_length=34, blank=True)
    multiple_centres = models.BooleanField("en centre de gestion multiple", default=False)
    active = models.BooleanField("actif", default=True)
    #: The record that stands for this one, since they were put together.
    merged_into = models.ForeignKey(
        "self", verbose_name="fusionnée dans", on_delete=models.PROTECT, null=True, blank=True
    )
    #: Nobody is covered by it, nor was, since then; empty while it serves. Looked at by night.
    idle_since = models.DateField("sans usage depuis", null=True, blank=True)
    #: Fields that a person wrote: what a payer or the directory says of them is proposed, and no longer applied.
    locked = ArrayField(
        models.CharField(max_length=30), verbose_name="champs tenus à la main", default=list, blank=True
    )
    refreshed_at = models.DateTimeField("fiche rafraîchie le", null=True, blank=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField("créée le", auto_now_add=True)

    class Meta:
        verbose_name = "débiteur"
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=DebtorKind.AMC, amc_number__regex=r"^\d{10}$") | Q(kind=DebtorKind.AMO, amc_number=""),
                name="amc_debtor_has_its_number",
            ),
            models.CheckConstraint(
                condition=Q(iban="") | Q(iban__regex=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
                name="debtor_iban_is_compact",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | Q(active=False), name="merged_debtor_serves_no_more"
            ),
        ]
        indexes = [
            models.Index(fields=["amc_number"], name="debtor_amc_number"),
            models.Index(fields=["idle_since"], condition=Q(idle_since__isnull=False), name="debtor_idle"),
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="debtor_name_prefix"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def bank_account(self) -> str:
        """Its IBAN as it is printed, by four."""
        return str(iban.format(self.iban)) if self.iban else ""


def label_of(field: str) -> str:
    """A field of a record, as its screen calls it."""
    return next(str(one.verbose_name) for one in Debtor._meta.fields if one.name == field)


def text_of(debtor: Debtor, field: str) -> str:
    """What a record holds in a field, as a person reads it."""
    value = getattr(debtor, field)
    if isinstance(value, bool):
        return "oui" if value else "non"
    return str(value or "")


class DebtorChange(models.Model):
    """One field of a debtor's record that somebody, or a payer's message, said to be otherwise; what became of that."""

    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.CASCADE, related_name="changes")
    field = models.CharField("champ", max_length=30, choices=[(name, name) for name in (*KEPT_UP, *WRITTEN)])
    before = models.CharField("valeur d’avant", max_length=255, blank=True)
    after = models.CharField("valeur dite", max_length=255, blank=True)
    source = models.CharField("dite par", max_length=12, choices=ChangeSource.choices)
    state = models.CharField("état", max_length=10, choices=ChangeState.choices)
    said_at = models.DateTimeField("dite le")
    #: Of a proposal: payers repeat themselves with each engagement.
    said_count = models.PositiveIntegerField("dite … fois", default=1)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="décidée par", on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField("décidée le", null=True, blank=True)

    class Meta:
        verbose_name = "changement d’une fiche débiteur"
        verbose_name_plural = "changements des fiches débiteurs"
        ordering = ["-said_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["debtor", "field"], condition=Q(state=ChangeState.PROPOSED), name="one_open_proposal_a_field"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[ChangeState.ACCEPTED, ChangeState.DISMISSED], decided_at__isnull=False)
                | Q(state__in=[ChangeState.APPLIED, ChangeState.PROPOSED], decided_at__isnull=True),
                name="a_proposal_is_decided_once",
            ),
        ]
        indexes = [
            models.Index(fields=["debtor", "-said_at", "-id"], name="change_debtor"),
            models.Index(fields=["said_at"], condition=Q(state=ChangeState.PROPOSED), name="change_proposed"),
        ]

    def __str__(self) -> str:
        return f"{self.debtor_id} {self.field}"

    @property
    def label(self) -> str:
        """The field, as the record's screen calls it."""
        return label_of(self.field)

    @property
    def now(self) -> str:
        """What the record holds of it."""
        return text_of(self.debtor, self.field)
