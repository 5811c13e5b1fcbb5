"""Who pays: debtors, what the national directory says of them, and which card leads to which."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from debtors.enums import AssociationStatus, DebtorKind


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
    multiple_centres = models.BooleanField("en centre de gestion multiple", default=False)
    active = models.BooleanField("actif", default=True)
    refreshed_at = models.DateTimeField("fiche rafraîchie le", null=True, blank=True)
    created_at = models.DateTimeField("créée le", auto_now_add=True)

    class Meta:
        verbose_name = "débiteur"
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=DebtorKind.AMC, amc_number__regex=r"^\d{10}$") | Q(kind=DebtorKind.AMO, amc_number=""),
                name="amc_debtor_has_its_number",
            )
        ]
        indexes = [
            models.Index(fields=["amc_number"], name="debtor_amc_number"),
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="debtor_name_prefix"),
        ]

    def __str__(self) -> str:
        return self.name


class DirectoryEntry(models.Model):
    """What the national directory of AMC answered for one route (AMC, convention, CSR) in one domain, and when."""

    amc_number = models.CharField("n° AMC", max_length=10)
    convention = models.CharField("type de convention", max_length=2)
    csr = models.CharField("CSR", max_length=9, blank=True)
    domain = models.CharField("domaine", max_length=3)
    found = models.BooleanField("raccordé à ROC")
    label = models.CharField("libellé", max_length=120, blank=True)
    operator_name = models.CharField("opérateur", max_length=80, blank=True)
    connected_since = models.DateField("raccordé depuis", null=True, blank=True)
    idb_url = models.CharField("adresse IDB", max_length=300, blank=True)
    sim_url = models.CharField("adresse SIM", max_length=300, blank=True)
    clc_url = models.CharField("adresse CLC", max_length=300, blank=True)
    del_url = models.CharField("adresse DEL", max_length=300, blank=True)
    dre_address = models.CharField("adresse des DRE", max_length=255, blank=True)
    contract_version = models.CharField("version du contrat", max_length=10, blank=True)
    multiple_centres = models.BooleanField("en centre de gestion multiple", default=False)
    answered_at = models.DateTimeField("répondu le")

    class Meta:
        verbose_name = "entrée de l’annuaire"
        verbose_name_plural = "entrées de l’annuaire"
        constraints = [
            models.UniqueConstraint(fields=["amc_number", "convention", "csr", "domain"], name="one_entry_a_route")
        ]

    def __str__(self) -> str:
        return f"{self.amc_number} {self.convention} {self.csr} {self.domain}"


class DatamatrixAssociation(models.Model):
    """This card, in this context, is paid by this debtor. Learnt at the desk, validated by a référent.

    `fingerprint` is a keyed digest of the whole datamatrix: the card's content holds personal data and stays out of
    this table. The context is what matters of a card for a kind of dossier: AMC number, convention, CSR, domain.
    A card that nobody can parse has an empty context and is still found by its fingerprint.
    """

    fingerprint = models.CharField("empreinte de la carte", max_length=64)
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    convention = models.CharField("type de convention", max_length=2, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    domain = models.CharField("domaine", max_length=3)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT, related_name="associations")
    status = models.CharField("statut", max_length=12, choices=AssociationStatus.choices)
    multiple_centres = models.BooleanField("en centre de gestion multiple", default=False)
    valid_from = models.DateField("valable du")
    valid_until = models.DateField("au", null=True, blank=True)
    created_at = models.DateTimeField("créée le", auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="créée par", on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField("décidée le", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="décidée par", on_delete=models.PROTECT, null=True, related_name="+"
    )
    use_count = models.PositiveIntegerField("usages", default=0)
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "association carte–débiteur"
        verbose_name_plural = "associations carte–débiteur"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["amc_number", "convention", "csr", "domain", "debtor"],
                condition=~Q(status=AssociationStatus.REJECTED) & ~Q(amc_number=""),
                name="one_association_a_context_and_debtor",
            ),
            models.UniqueConstraint(
                fields=["fingerprint", "domain", "debtor"],
                condition=~Q(status=AssociationStatus.REJECTED) & Q(amc_number=""),
                name="one_association_a_raw_card_and_debtor",
            ),
            models.UniqueConstraint(
                fields=["amc_number", "convention", "csr", "domain"],
                condition=Q(status=AssociationStatus.VALIDATED, multiple_centres=False) & ~Q(amc_number=""),
                name="one_validated_association_a_context",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="association_ends_after_it_starts",
            ),
        ]
        indexes = [
            models.Index(fields=["fingerprint", "domain"], name="association_fingerprint"),
            models.Index(fields=["amc_number", "domain"], name="association_amc"),
            models.Index(fields=["status", "created_at"], name="association_status"),
            models.Index(fields=["debtor"], name="association_debtor"),
        ]

    def __str__(self) -> str:
        return f"{self.amc_number or 'carte non lue'} {self.convention} {self.csr} → {self.debtor_id}"
