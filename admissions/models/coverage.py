"""What a patient is covered by, how we know it, and what the payers answered of their rights."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.core.files.storage import storages
from django.db import models
from django.db.models import F, Func, Q, Value

from admissions.enums import AmoPiece, CoverageKind, CoverageSource, Nature, RightsStatus
from admissions.models.amo import AmoAnswer
from admissions.models.patients import Patient
from admissions.models.stays import Stay, same
from debtors.datamatrix import fingerprint
from debtors.enums import MatchLevel
from debtors.models import DatamatrixAssociation, Debtor
from gap.crypto import index_keys
from gap.fields import EncryptedTextField


def _card_storage():  # type: ignore[no-untyped-def]
    return storages["cards"]


def _days(start: str, end: str) -> Func:
    return Func(F(start), F(end), Value("[]"), function="daterange", output_field=DateRangeField())


class Card(models.Model):
    """A card of third-party payment as it was read: its whole content, and the fields we understood."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="cards")
    content = EncryptedTextField("contenu")
    fingerprint = models.CharField(max_length=64)
    recognised = models.BooleanField("reconnue")
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    conventions = models.JSONField("types de convention par domaine", default=list, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    member_number = EncryptedTextField("n° d’adhérent", null=True)
    valid_from = models.DateField("valable du", null=True)
    valid_until = models.DateField("au", null=True)
    responsible = models.BooleanField("contrat responsable", null=True)
    image = models.FileField("image", storage=_card_storage, blank=True)
    reader = models.CharField("lecteur", max_length=20)
    read_at = models.DateTimeField("lue le", auto_now_add=True)
    read_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "carte"
        ordering = ["-read_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["patient", "fingerprint"], name="a_card_is_read_once")]
        # What the purge has still to look at.
        indexes = [models.Index(fields=["read_at"], condition=~Q(image=""), name="card_with_image")]

    def __str__(self) -> str:
        return f"carte {self.pk}"

    @staticmethod
    def marks_of(content: str) -> list[str]:
        """The keyed digests of a card's content: the one to write, then those under the older keys of the ring."""
        return [fingerprint(content, key) for key in index_keys("card.content")]


class Coverage(models.Model):
    """A patient's rights with one payer over a period, both days included; AMC ordered by rank."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="coverages")
    kind = models.CharField("nature", max_length=3, choices=CoverageKind.choices)
    rank = models.PositiveSmallIntegerField("rang", default=1)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT)
    source = models.CharField("origine", max_length=10, choices=CoverageSource.choices)
    card = models.ForeignKey(Card, on_delete=models.PROTECT, null=True, blank=True)
    association = models.ForeignKey(DatamatrixAssociation, on_delete=models.SET_NULL, null=True, blank=True)
    match_level = models.CharField("règle qui a décidé", max_length=10, choices=MatchLevel.choices, blank=True)
    convention = models.CharField("type de convention", max_length=2, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    member_number = EncryptedTextField("n° d’adhérent", null=True, blank=True)
    # Of the AMO: who opens the rights (NIR and key) and what the beneficiary is to them, the nature of the insurance, the
    # exemption and the situations that hold over the whole period, and the proof that an invoice will name.
    insured = EncryptedTextField("NIR de l’assuré", null=True, blank=True)
    quality = models.CharField("qualité du bénéficiaire", max_length=1, blank=True)
    nature = models.CharField("nature d’assurance", max_length=2, choices=Nature.choices, default=Nature.ILLNESS)
    exemption = models.CharField("exonération", max_length=1, blank=True)
    situations = ArrayField(models.CharField(max_length=10), default=list, blank=True, verbose_name="situations")
    piece = models.CharField("pièce justificative", max_length=1, choices=AmoPiece.choices, blank=True)
    # The answer of the AMO that made it, or agrees with it.
    answer = models.ForeignKey(AmoAnswer, on_delete=models.PROTECT, null=True, blank=True, related_name="coverages")
    valid_from = models.DateField("valable du")
    valid_until = models.DateField("au", null=True, blank=True)
    active = models.BooleanField("en vigueur", default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "couverture"
        ordering = ["kind", "rank", "-valid_from", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="coverage_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(source=CoverageSource.CDRI) | Q(answer__isnull=False), name="cdri_coverage_has_its_answer"
            ),
            models.CheckConstraint(
                condition=Q(kind=CoverageKind.AMO)
                | Q(nature=Nature.ILLNESS, exemption="", situations=[], piece="", quality="", answer__isnull=True),
                name="only_the_amo_exempts",
            ),
            *(
                ExclusionConstraint(
                    name=f"no_overlapping_{kind.lower()}_of_a_rank",
                    expressions=[
                        (same("patient_id"), RangeOperators.OVERLAPS),
                        (same("rank"), RangeOperators.OVERLAPS),
                        (_days("valid_from", "valid_until"), RangeOperators.OVERLAPS),
                    ],
                    condition=Q(kind=kind, active=True),
                )
                for kind in ("AMO", "AMC")
            ),
        ]
        indexes = [
            models.Index(fields=["debtor"], name="coverage_debtor"),
            models.Index(fields=["answer"], condition=Q(answer__isnull=False), name="coverage_answer"),
        ]

    def __str__(self) -> str:
        return f"couverture {self.pk} {self.kind}"


class Rights(models.Model):
    """One answer on a coverage for the dates of a stay: open, closed or undetermined, and why. Answers are kept."""

    coverage = models.ForeignKey(Coverage, on_delete=models.CASCADE, related_name="rights")
    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="rights")
    status = models.CharField("droits", max_length=12, choices=RightsStatus.choices)
    code = models.CharField("code", max_length=20, blank=True)
    reason = models.CharField("motif", max_length=300, blank=True)
    contract_label = models.CharField("contrat", max_length=120, blank=True)
    rights_from = models.DateField("droits du", null=True)
    rights_until = models.DateField("au", null=True)
    responsible = models.BooleanField("contrat responsable", null=True)
    patient_share_possible = models.BooleanField("reste à charge possible", null=True)
    uncovered_families = ArrayField(models.CharField(max_length=40), default=list, verbose_name="non couverts")
    care_date = models.DateField("droits à la date du")
    answered_at = models.DateTimeField("répondu le")
    valid_until = models.DateField("réponse valable jusqu’au", null=True)

    class Meta:
        verbose_name = "réponse de droits"
        verbose_name_plural = "réponses de droits"
        ordering = ["-answered_at", "-pk"]
        indexes = [
            models.Index(fields=["stay", "coverage", "-answered_at"], name="rights_of_stay"),
            models.Index(fields=["coverage", "-answered_at"], name="rights_of_coverage"),
        ]

    def __str__(self) -> str:
        return f"droits {self.pk} {self.status}"
