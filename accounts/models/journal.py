"""The journal: who saw and did what. Rows are added, never changed; seals chain them (docs/adr/0013)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.enums import JournalKind


class JournalEntry(models.Model):
    """One thing seen or done. Keys without constraints: what it speaks of may go, the entry stays.

    `detail` of a change: {column: [before, after]}, as the database has them; an encrypted column is the encrypted
    value. Of anything else: codes, counts and keys, never what names a patient.
    """

    at = models.DateTimeField("quand", db_default=Now())
    kind = models.CharField("nature", max_length=12, choices=JournalKind.choices)
    #: Name of the view, of the task, of the command.
    action = models.CharField("action", max_length=80)
    user_id = models.BigIntegerField("personne", null=True)
    client_id = models.BigIntegerField("programme", null=True)
    establishment_id = models.BigIntegerField("établissement", null=True)
    place = models.GenericIPAddressField("d’où", null=True)
    #: The first letters of the digest of a session's key: entries of one session go together.
    session = models.CharField("session", max_length=16, blank=True)
    #: What one request or one task did goes together.
    request = models.UUIDField("demande", null=True)
    patient_id = models.BigIntegerField("patient", null=True)
    stay_id = models.BigIntegerField("séjour", null=True)
    object_type = models.CharField("table", max_length=63, blank=True)
    object_id = models.BigIntegerField("clé", null=True)
    detail = models.JSONField("détail", default=dict, blank=True)
    reason = models.CharField("motif", max_length=300, blank=True)

    class Meta:
        verbose_name = "trace"
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=JournalKind.values), name="journal_kind_is_known")]
        indexes = [
            models.Index(
                F("patient_id"), F("id").desc(), condition=Q(patient_id__isnull=False), name="journal_patient"
            ),
            models.Index(F("user_id"), F("id").desc(), condition=Q(user_id__isnull=False), name="journal_user"),
            BrinIndex(fields=["at"], autosummarize=True, name="journal_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class JournalSeal(models.Model):
    """Closes the entries written since the seal before it: none of them can be edited, removed or moved unseen.

    `digests` holds 32 bytes for each key of `entries`, in the same order: the keyed digest of the entry and of the
    digest before it. `digest` closes the seal itself. `gaps`: keys given out and not seen yet, perhaps of a
    transaction still under way, and `horizon`: the first transaction that had not begun then.
    """

    number = models.BigIntegerField("n°", unique=True)
    sealed_at = models.DateTimeField("scellé le")
    last_entry = models.BigIntegerField("dernière trace")
    entries = ArrayField(models.BigIntegerField(), verbose_name="traces")
    digests = models.BinaryField("empreintes")
    gaps = ArrayField(models.BigIntegerField(), default=list, verbose_name="clés attendues")
    horizon = models.BigIntegerField("horizon")
    key_id = models.CharField("clé de scellement", max_length=8)
    previous = models.BinaryField("empreinte du sceau précédent")
    digest = models.BinaryField("empreinte")

    class Meta:
        verbose_name = "sceau du journal"
        verbose_name_plural = "sceaux du journal"
        ordering = ["number"]

    def __str__(self) -> str:
        return f"sceau {self.number}"
