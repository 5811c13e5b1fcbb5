"""What the AMO answered of a patient, over which days, and what of it is not what we had."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from admissions.enums import AmoField, AmoOutcome, AmoPiece, CoverageSource, DifferenceState
from admissions.models.patients import Patient
from admissions.models.stays import Stay
from gap.fields import EncryptedTextField

_TOLD = (AmoOutcome.FOUND, AmoOutcome.PARTIAL)
_UNSETTLED = (AmoOutcome.NONE, AmoOutcome.SEVERAL)


class AmoAnswer(models.Model):
    """One answer of the service of AMO rights, whole. Answers are kept; the last of a patient is the one that counts.

    `content`: the entities 03.01 to 03.10 as JSON. `about`: a keyed digest of what was asked (number, birth date, rank).
    `expires_at`: until when the answer may be invoked; nothing is asked again before.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="amo_answers")
    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="amo_answers")
    care_date = models.DateField("droits à la date du")
    outcome = models.CharField("réponse", max_length=8, choices=AmoOutcome.choices)
    code = models.CharField("code", max_length=20, blank=True)
    label = models.CharField("libellé reçu", max_length=200, blank=True)
    message_id = models.UUIDField("message", unique=True)
    about = models.CharField(max_length=64, editable=False)
    answered_at = models.DateTimeField("répondu le")
    expires_at = models.DateTimeField("valable jusqu’au", null=True)
    content = EncryptedTextField("contenu", null=True)
    missing = ArrayField(models.CharField(max_length=5), default=list, verbose_name="ce qui manque")
    # What bills are addressed by: régime, caisse and centre; the insured's NIR and key; what the patient is to the insured.
    fund = models.CharField("caisse", max_length=12, blank=True)
    insured = EncryptedTextField("NIR de l’assuré", null=True)
    quality = models.CharField("qualité du bénéficiaire", max_length=1, blank=True)
    piece = models.CharField("pièce justificative", max_length=1, choices=AmoPiece.choices, blank=True)
    rights_from = models.DateField("droits du", null=True)
    rights_until = models.DateField("au", null=True)

    class Meta:
        verbose_name = "réponse de CDRi"
        verbose_name_plural = "réponses de CDRi"
        ordering = ["-answered_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=_TOLD, content__isnull=False, expires_at__isnull=False)
                | (~Q(outcome__in=_TOLD) & Q(content__isnull=True, expires_at__isnull=True)),
                name="amo_answer_has_what_it_says",
            ),
            models.CheckConstraint(
                condition=Q(missing=[]) | Q(outcome=AmoOutcome.PARTIAL), name="only_a_partial_answer_misses"
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-answered_at"], name="amo_answer_of_patient"),
            models.Index(fields=["stay"], name="amo_answer_of_stay"),
            models.Index(fields=["patient"], condition=Q(outcome__in=_UNSETTLED), name="amo_answer_unsettled"),
        ]

    def __str__(self) -> str:
        return f"réponse CDRi {self.pk}"


class AmoPeriod(models.Model):
    """A code that the AMO gives over days, both included: exoneration (ETM), modulation (MTM), situation (SP)."""

    answer = models.ForeignKey(AmoAnswer, on_delete=models.CASCADE, related_name="periods")
    list = models.CharField("liste", max_length=3)
    code = models.CharField("code", max_length=4)
    starts_on = models.DateField("du")
    ends_on = models.DateField("au", null=True)

    class Meta:
        verbose_name = "période de droits"
        verbose_name_plural = "périodes de droits"
        ordering = ["list", "starts_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="amo_period_ends_after_it_starts",
            )
        ]

    def __str__(self) -> str:
        return f"{self.list} {self.code}"


class AmoDifference(models.Model):
    """What the AMO says and we did not have. Taken by a rule, or by a person in one key; what is refused stays refused.

    `ours`, `theirs`: as they are written on a screen.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="amo_differences")
    answer = models.ForeignKey(AmoAnswer, on_delete=models.CASCADE, related_name="differences")
    field = models.CharField("quoi", max_length=10, choices=AmoField.choices)
    ours = EncryptedTextField("au dossier")
    theirs = EncryptedTextField("selon la caisse")
    state = models.CharField("état", max_length=8, choices=DifferenceState.choices, default=DifferenceState.WAITING)
    # Why the rule that would take it could not: a fund that no record names, an invoice that has left.
    cause = models.CharField("ce qui l’arrête", max_length=12, blank=True)
    decided_at = models.DateTimeField("décidé le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "différence avec la caisse"
        verbose_name_plural = "différences avec la caisse"
        ordering = ["-answer", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "field"], condition=Q(state=DifferenceState.WAITING), name="one_difference_waiting"
            ),
            models.CheckConstraint(
                condition=Q(state=DifferenceState.WAITING, decided_at__isnull=True)
                | (~Q(state=DifferenceState.WAITING) & Q(decided_at__isnull=False)),
                name="a_decided_difference_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.pk}"


class AmoAcceptance(models.Model):
    """Whether a difference is taken by itself, by what differs and whence we had it. The most particular rule wins."""

    field = models.CharField("quoi", max_length=10, choices=AmoField.choices)
    source = models.CharField("connu par", max_length=10, choices=CoverageSource.choices, blank=True)
    automatic = models.BooleanField("repris sans question")
    note = models.CharField("précision", max_length=160, blank=True)
    valid_from = models.DateField("du")
    valid_until = models.DateField("au", null=True)

    class Meta:
        verbose_name = "règle d’acceptation"
        verbose_name_plural = "règles d’acceptation"
        ordering = ["field", "source", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["field", "source", "valid_from"], name="one_acceptance_a_date"),
            models.UniqueConstraint(
                fields=["field", "source"], condition=Q(valid_until__isnull=True), name="one_acceptance_in_force"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="acceptance_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.source}"
