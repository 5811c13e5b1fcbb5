"""How sure we are of who somebody is: the documents that count, the national identity over time, what was decided."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import ApiClient
from admissions.enums import IdentityAct, IdentityStatus, InsEnd, InsSource, ProposalState
from admissions.models.patients import Patient
from gap.crypto import blind_index, blind_indexes
from gap.fields import EncryptedTextField


class IdentityDocumentKind(models.Model):
    """A kind of document shown at the desk; only a trusted one validates an identity (admissions/data)."""

    code = models.CharField("code", max_length=3)
    label = models.CharField("libellé", max_length=80)
    trusted = models.BooleanField("haut niveau de confiance")
    note = models.CharField("précision", max_length=160, blank=True)
    valid_from = models.DateField("du")
    valid_until = models.DateField("au", null=True)
    source = models.CharField("source", max_length=160)

    class Meta:
        verbose_name = "type de pièce d’identité"
        verbose_name_plural = "types de pièces d’identité"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["code", "valid_from"], name="one_document_kind_a_date"),
            models.UniqueConstraint(
                fields=["code"], condition=Q(valid_until__isnull=True), name="one_document_kind_in_force"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="document_kind_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.label}"


class InsRecord(models.Model):
    """A matricule that was a patient's, and is perhaps still. What the national service says of former ones too.

    `ins` is the matricule with its key, 15 characters; `oid` says what kind of number it is. `valid_from` and
    `valid_until` are the service's own dates of a former matricule, as it gave them: they may contradict each other.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="ins_records")
    ins = EncryptedTextField("matricule INS")
    ins_index = models.CharField(max_length=64, editable=False)
    oid = models.CharField("OID", max_length=30)
    source = models.CharField("origine", max_length=10, choices=InsSource.choices)
    message_id = models.UUIDField("message", null=True)
    received_at = models.DateTimeField("reçu le")
    valid_from = models.DateField("du", null=True)
    valid_until = models.DateField("au", null=True)
    ended_at = models.DateTimeField("abandonné le", null=True)
    ended_for = models.CharField("parce que", max_length=12, choices=InsEnd.choices, blank=True)

    class Meta:
        verbose_name = "matricule INS"
        verbose_name_plural = "matricules INS"
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["patient"], condition=Q(ended_at__isnull=True), name="one_ins_in_force"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_for="") | (Q(ended_at__isnull=False) & ~Q(ended_for="")),
                name="an_ended_ins_says_why",
            ),
            # What the service tells of the past was never in force here.
            models.CheckConstraint(
                condition=~Q(source=InsSource.HISTORY) | Q(ended_for=InsEnd.FORMER), name="a_former_ins_is_ended"
            ),
        ]
        indexes = [
            models.Index(fields=["ins_index"], name="ins_record_index"),
            models.Index(fields=["patient", "-received_at"], name="ins_record_patient"),
        ]

    def __str__(self) -> str:
        return f"matricule {self.pk}"

    @staticmethod
    def index_of(ins: str) -> str:
        """The blind index of a matricule of 15 characters."""
        return blind_index(ins, "patient.ins")

    @staticmethod
    def indexes_of(ins: str) -> list[str]:
        return blind_indexes(ins, "patient.ins")


class InsProposal(models.Model):
    """An identity that the national service found and that is not quite ours: a person compares and decides."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="ins_proposals")
    # The matricule, its OID and the traits that came with it, as JSON: `admissions.rules.identity_status.FoundIdentity`.
    content = EncryptedTextField("identité trouvée")
    differences = models.JSONField("traits qui diffèrent", default=list)
    message_id = models.UUIDField("message", null=True)
    received_at = models.DateTimeField("reçue le")
    state = models.CharField("état", max_length=10, choices=ProposalState.choices, default=ProposalState.WAITING)
    decided_at = models.DateTimeField("décidée le", null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "identité proposée"
        verbose_name_plural = "identités proposées"
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=Q(state=ProposalState.WAITING), name="one_proposal_waiting"
            ),
            models.CheckConstraint(
                condition=Q(state=ProposalState.WAITING, decided_at__isnull=True)
                | (~Q(state=ProposalState.WAITING) & Q(decided_at__isnull=False)),
                name="a_decided_proposal_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["received_at"], condition=Q(state=ProposalState.WAITING), name="proposal_waiting"),
            models.Index(fields=["patient", "-received_at"], name="proposal_of_patient"),
        ]

    def __str__(self) -> str:
        return f"identité proposée {self.pk}"


class IdentityChange(models.Model):
    """One line of the history of an identity: append-only, what made it, and the status it left."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identity_changes")
    at = models.DateTimeField("le")
    act = models.CharField("acte", max_length=16, choices=IdentityAct.choices)
    status = models.CharField("statut ensuite", max_length=5, choices=IdentityStatus.choices)
    document = models.CharField("pièce", max_length=3, blank=True)
    reason = models.CharField("motif", max_length=200, blank=True)
    # The strict traits that changed: {name: [before, after]}, as JSON.
    traits = EncryptedTextField("traits", null=True)
    message_id = models.UUIDField("message", null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "changement d’identité"
        verbose_name_plural = "changements d’identité"
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["patient", "-at"], name="identity_change_patient")]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"
