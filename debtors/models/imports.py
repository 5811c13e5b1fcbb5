"""Files of cards or of records that people brought, what they say, and what was taken of them."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.db.models import Q

from debtors.enums import LET_GO, TO_DO, Doubles, ImportKind, ImportState, RecordFate, VoteFate
from debtors.models.associations import DatamatrixAssociation
from debtors.models.records import Debtor

#: As often is a fault of ours met before a person is told.
MOST_TRIES: Final = 5


def _storage():  # type: ignore[no-untyped-def]
    return storages["default"]


class FileImport(models.Model):
    """One file: read by a worker, shown, then applied or dropped by a person. The file itself goes once it is read.

    A try is counted when it begins, so that a worker killed at each of them is counted too; what gets on counts afresh.
    """

    kind = models.CharField("nature", max_length=10, choices=ImportKind.choices)
    name = models.CharField("fichier", max_length=120)
    digest = models.CharField("empreinte", max_length=64)
    file = models.FileField(storage=_storage, blank=True)
    state = models.CharField("état", max_length=10, choices=ImportState.choices, default=ImportState.WAITING)
    #: Whoever works on it says so, and again; past it, another takes over.
    working_until = models.DateTimeField("pris jusqu’à", null=True)
    tries = models.PositiveSmallIntegerField("essais", default=0)
    #: Of the next try, after one that failed.
    not_before = models.DateTimeField("pas avant", null=True)
    #: Of one that is stopped: what it does when it is started again.
    resumes = models.CharField("reprend", max_length=10, choices=ImportState.choices, blank=True)
    #: Where it failed, for who keeps the machine: names of errors and lines of code, nothing of the file.
    cause = models.CharField("cause", max_length=200, blank=True)
    lines_count = models.PositiveIntegerField("lignes lues", default=0)
    refused_count = models.PositiveIntegerField("lignes refusées", default=0)
    #: The first of them: number of the line, and why. Nothing of what it held.
    refusals = models.JSONField("refus", default=list, blank=True)
    applied_count = models.PositiveIntegerField("pris", default=0)
    problem = models.CharField("incident", max_length=300, blank=True)
    least_share = models.PositiveSmallIntegerField("part minimale", default=80)
    validates = models.BooleanField("validées d’emblée", default=False)
    doubles = models.CharField("doublons", max_length=10, choices=Doubles.choices, default=Doubles.LEAVE)
    created_at = models.DateTimeField("donné le", auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField("terminé le", null=True)
    #: Of the decisions that took it back, which may be undone together.
    gesture = models.UUIDField("geste", null=True)
    gesture_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "import"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "digest"],
                condition=~Q(state__in=LET_GO),
                name="a_file_is_imported_once",
            ),
            models.CheckConstraint(condition=Q(least_share__gt=50, least_share__lte=100), name="share_is_a_majority"),
            models.CheckConstraint(condition=Q(tries__lte=MOST_TRIES), name="import_is_tried_so_often"),
            models.CheckConstraint(
                condition=Q(state=ImportState.STOPPED, resumes__in=TO_DO)
                | (~Q(state=ImportState.STOPPED) & Q(resumes="")),
                name="stopped_import_says_what_it_resumes",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="import_recent"),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=TO_DO),
                name="import_to_do",
            ),
            models.Index(fields=["ended_at"], condition=Q(state=ImportState.STOPPED), name="import_stopped"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ImportVote(models.Model):
    """What the lines of a file say of one context of cards: how many for each debtor, and what the table says already."""

    file_import = models.ForeignKey(FileImport, on_delete=models.CASCADE, related_name="votes")
    fingerprint = models.CharField(max_length=64, blank=True)
    amc_number = models.CharField("n° AMC", max_length=10, blank=True)
    convention = models.CharField("type de convention", max_length=2, blank=True)
    csr = models.CharField("CSR", max_length=9, blank=True)
    domain = models.CharField("domaine", max_length=3)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.CASCADE, related_name="+")
    lines = models.PositiveIntegerField("lignes")
    share = models.PositiveSmallIntegerField("part des lignes")
    second = models.ForeignKey(
        Debtor, verbose_name="débiteur suivant", on_delete=models.CASCADE, null=True, related_name="+"
    )
    amount = models.DecimalField("montant", max_digits=14, decimal_places=2)
    first_day = models.DateField("premier jour", null=True)
    fate = models.CharField("sort", max_length=10, choices=VoteFate.choices)
    association = models.ForeignKey(DatamatrixAssociation, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = "vote d’un import"
        verbose_name_plural = "votes d’un import"
        ordering = ["-lines", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["file_import", "fingerprint", "amc_number", "convention", "csr", "domain"],
                name="one_vote_a_context",
            ),
        ]
        indexes = [models.Index(fields=["file_import", "fate", "-lines", "id"], name="vote_of_import")]

    def __str__(self) -> str:
        return f"{self.file_import_id} {self.amc_number or 'carte non lue'}"


class ImportRecord(models.Model):
    """A record of debtor as a line of a file has it, and the record of ours that it is, or looks like."""

    file_import = models.ForeignKey(FileImport, on_delete=models.CASCADE, related_name="records")
    line = models.PositiveIntegerField("ligne")
    values = models.JSONField("valeurs")
    debtor = models.ForeignKey(Debtor, verbose_name="fiche", on_delete=models.SET_NULL, null=True, related_name="+")
    near = models.ForeignKey(Debtor, verbose_name="ressemble à", on_delete=models.SET_NULL, null=True, related_name="+")
    #: Other records that it looks like, the nearest first: key, score out of a hundred, reasons.
    nears = models.JSONField("ressemblances", default=list, blank=True)
    fate = models.CharField("sort", max_length=10, choices=RecordFate.choices)
    #: Of a double: what a person said of this line; empty is as the whole file.
    choice = models.CharField("choix", max_length=10, choices=Doubles.choices, blank=True)
    chosen_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    chosen_at = models.DateTimeField("choisi le", null=True)
    version = models.PositiveIntegerField(default=0)
    #: What it wrote over, by field, to give it back; null where nothing was kept.
    before = models.JSONField("avant", null=True, blank=True)

    class Meta:
        verbose_name = "fiche d’un import"
        verbose_name_plural = "fiches d’un import"
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["file_import", "line"], name="one_payer_a_line")]
        indexes = [models.Index(fields=["file_import", "fate", "line"], name="record_of_import")]

    def __str__(self) -> str:
        return f"{self.file_import_id} ligne {self.line}"
