"""What the national directory says of a route, and which card leads to which debtor, by whose decision."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from debtors.enums import GONE, AssociationStatus, DecisionKind
from debtors.models.records import Debtor


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
    #: Of one that a référent rejected: how often an agent chose that debtor all the same, and when last.
    contested_count = models.PositiveIntegerField("choix malgré le rejet", default=0)
    contested_at = models.DateTimeField("dernier choix malgré le rejet", null=True, blank=True)
    #: Another debtor was put in the place of the first: open stays follow it, one after the other.
    to_follow_since = models.DateTimeField("débiteur remplacé le", null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "association carte–débiteur"
        verbose_name_plural = "associations carte–débiteur"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["amc_number", "convention", "csr", "domain", "debtor"],
                condition=~Q(status__in=GONE) & ~Q(amc_number=""),
                name="one_association_a_context_and_debtor",
            ),
            models.UniqueConstraint(
                fields=["fingerprint", "domain", "debtor"],
                condition=~Q(status__in=GONE) & Q(amc_number=""),
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
            models.Index(
                fields=["to_follow_since"], condition=Q(to_follow_since__isnull=False), name="association_to_follow"
            ),
            models.Index(
                fields=["contested_at"],
                condition=Q(status=AssociationStatus.REJECTED, contested_count__gt=0),
                name="association_contested",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amc_number or 'carte non lue'} {self.convention} {self.csr} → {self.debtor_id}"


class AssociationDecision(models.Model):
    """What a référent, or a program of theirs, decided of an association; what it was before, to give it back.

    Decisions of one gesture have one `batch`. `version`: the association's after it; another one means that somebody has
    decided since, and nothing is given back.
    """

    association = models.ForeignKey(DatamatrixAssociation, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField("décision", max_length=10, choices=DecisionKind.choices)
    status_before = models.CharField("statut d’avant", max_length=12, choices=AssociationStatus.choices)
    debtor_before = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT, related_name="+")
    batch = models.UUIDField("geste")
    version = models.PositiveIntegerField()
    note = models.CharField("note", max_length=300, blank=True)
    decided_at = models.DateTimeField("décidée le")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    undone_at = models.DateTimeField("annulée le", null=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "décision sur une association"
        verbose_name_plural = "décisions sur les associations"
        ordering = ["-decided_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["association", "version"], name="one_decision_a_version"),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=False) | Q(undone_by__isnull=True), name="undone_by_somebody_is_undone"
            ),
        ]
        indexes = [
            models.Index(fields=["batch"], name="decision_batch"),
            models.Index(fields=["decided_by", "-decided_at"], name="decision_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.association_id} {self.kind}"
