"""The ledger of outbound calls: a call is a row, an attempt is a row written before the network."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from admissions.models import AdmissionEvent, Coverage, Stay
from debtors.models import Debtor
from gap.fields import EncryptedBinaryField
from teleservices.enums import CLAIMABLE, OPEN, AttemptOutcome, CallStatus, Disposition, Family, Lane
from teleservices.messages import NATIONAL, Operation

OPERATIONS = [(operation.value, operation.value) for operation in Operation]
#: The national directory's channel; the others are the number of their AMC.
DIRECTORY = "annuaire"
CHANNEL_LENGTH = 10
#: Who answers for the national services.
WHOM = {Operation.INSI: "INSi", Operation.INSV: "INSi", Operation.CDRI: "CDRi"}


class TeleserviceCall(models.Model):
    """One question put to a payer. `message_id` is decided when the call is planned, the same for every attempt."""

    # Every call writes its row three times: no index that another one makes useless, none on what is nearly always empty.
    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="calls", db_index=False)  # call_of_stay
    # What a payer is asked about, and the payer. A national service is asked about the patient: it has neither.
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT, null=True, related_name="calls")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="calls")
    event = models.ForeignKey(AdmissionEvent, on_delete=models.PROTECT, related_name="calls")
    operation = models.CharField("opération", max_length=8, choices=OPERATIONS)
    message_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    status = models.CharField("état", max_length=15, choices=CallStatus.choices, default=CallStatus.PLANNED)
    # Whom it talks to, and its place among the calls under way there: no two have the same at once.
    channel = models.CharField("canal", max_length=CHANNEL_LENGTH)
    slot = models.PositiveSmallIntegerField("place", null=True)
    lane = models.CharField("file", max_length=12, choices=Lane.choices, default=Lane.INTERACTIVE)
    follows = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="followed_by", db_index=False)
    # What differs from the ordinary question: a prescription date to use, an engagement to cancel. Codes only.
    parameters = models.JSONField(default=dict, blank=True)
    planned_at = models.DateTimeField("prévu le", auto_now_add=True)
    not_before = models.DateTimeField("pas avant")
    claimed_until = models.DateTimeField("pris jusqu’à", null=True)
    attempts_count = models.PositiveSmallIntegerField("essais", default=0)
    first_sent_at = models.DateTimeField("parti le", null=True)
    finished_at = models.DateTimeField("terminé le", null=True)
    duration_ms = models.PositiveIntegerField("durée (ms)", null=True)
    return_code = models.CharField("code retour", max_length=20, blank=True)
    return_label = models.CharField("libellé reçu", max_length=200, blank=True)
    family = models.CharField("famille", max_length=30, choices=Family.choices, blank=True)
    disposition = models.CharField("traitement", max_length=30, choices=Disposition.choices, blank=True)
    cause = models.CharField("cause", max_length=60, blank=True)
    # Something may have been processed on the other side: only the same message may be sent again.
    in_doubt = models.BooleanField("peut-être reçu", default=False)
    # A person has done what the refusal asked of a person (told the patient, reported the anomaly).
    handled_at = models.DateTimeField("traité le", null=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # A newer call has replaced this one: its refusal asks nothing of anybody any more.
    superseded_at = models.DateTimeField("remplacé le", null=True)

    # Read with the call by `querysets.to_ask` alone, to put its question.
    service_url: str | None
    amo_regime: str | None
    # And these, to know whether it may leave.
    busy_slots: list[int]
    in_flight: int
    kept_for_interactive: int
    circuit_failures: int | None
    circuit_retry_at: datetime | None
    maintenance_until: datetime | None

    class Meta:
        verbose_name = "appel de téléservice"
        verbose_name_plural = "appels de téléservice"
        ordering = ["-planned_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["stay", "operation", "coverage"], condition=Q(status__in=OPEN), name="one_open_call"
            ),
            models.UniqueConstraint(
                fields=["stay", "operation"],
                condition=Q(status__in=OPEN, coverage__isnull=True),
                name="one_open_national_call",
            ),
            models.CheckConstraint(
                condition=Q(operation__in=NATIONAL, coverage__isnull=True, debtor__isnull=True)
                | (~Q(operation__in=NATIONAL) & Q(coverage__isnull=False, debtor__isnull=False)),
                name="a_payer_is_asked_of_a_coverage",
            ),
            models.CheckConstraint(
                condition=~Q(status=CallStatus.CALLING) | Q(claimed_until__isnull=False, slot__isnull=False),
                name="a_claim_expires_and_has_a_slot",
            ),
            # What the other side may hold is settled by the same message, whatever becomes of the stay.
            models.CheckConstraint(
                condition=~Q(status=CallStatus.CANCELLED) | Q(in_doubt=False), name="a_cancelled_call_was_not_received"
            ),
            models.CheckConstraint(condition=~Q(channel=""), name="a_call_names_its_channel"),
            # The limit of calls under way on a channel; also how the claims that ran out are found.
            models.UniqueConstraint(
                fields=["channel", "slot"], condition=Q(status=CallStatus.CALLING), name="one_call_a_slot"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[CallStatus.SUCCEEDED, CallStatus.REFUSED, CallStatus.CANCELLED])
                | Q(finished_at__isnull=False),
                name="a_finished_call_says_when",
            ),
        ]
        indexes = [
            # The days of the supervision. A summary of blocks: it costs a call nothing.
            BrinIndex(fields=["first_sent_at"], autosummarize=True, name="call_sent"),
            models.Index(fields=["channel", "lane", "not_before"], condition=Q(status__in=CLAIMABLE), name="call_due"),
            models.Index(fields=["stay", "-planned_at"], name="call_of_stay"),
            models.Index(fields=["follows"], condition=Q(follows__isnull=False), name="call_following"),
            models.Index(fields=["handled_by"], condition=Q(handled_by__isnull=False), name="call_handled_by"),
            models.Index(
                fields=["disposition", "finished_at"],
                condition=Q(status=CallStatus.REFUSED, superseded_at__isnull=True, handled_at__isnull=True),
                name="call_refused_live",
            ),
            models.Index(
                fields=["debtor", "return_code", "operation"],
                condition=Q(
                    status=CallStatus.REFUSED,
                    disposition=Disposition.ESCALATE,
                    superseded_at__isnull=True,
                    handled_at__isnull=True,
                ),
                name="call_of_anomaly",
            ),
            models.Index(fields=["status", "planned_at"], condition=Q(status__in=OPEN), name="call_open"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def cover(self) -> Coverage:
        """The coverage that a payer is asked about. Never of a national service."""
        assert self.coverage is not None
        return self.coverage

    @property
    def cover_id(self) -> int:
        assert self.coverage_id is not None
        return self.coverage_id

    @property
    def payer_id(self) -> int:
        """The debtor who is asked. Never of a national service."""
        assert self.debtor_id is not None
        return self.debtor_id

    @property
    def whom(self) -> str:
        """Who is asked, as people say it."""
        return self.debtor.name if self.debtor else WHOM[Operation(self.operation)]


class TeleserviceAttempt(models.Model):
    """One try of a call. Messages are kept encrypted for the legal time, and never logged."""

    call = models.ForeignKey(TeleserviceCall, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField("n°")
    started_at = models.DateTimeField("commencé le")
    duration_ms = models.PositiveIntegerField("durée (ms)", null=True)
    outcome = models.CharField("issue", max_length=15, choices=AttemptOutcome.choices, default=AttemptOutcome.STARTED)
    url = models.CharField("adresse", max_length=300, blank=True)
    http_status = models.PositiveSmallIntegerField("statut HTTP", null=True)
    reason = models.CharField("raison", max_length=60, blank=True)
    request_xml = EncryptedBinaryField(null=True)
    response_xml = EncryptedBinaryField(null=True)

    class Meta:
        verbose_name = "tentative"
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["call", "number"], name="one_attempt_a_number")]
        indexes = [
            # What the purge has still to look at.
            models.Index(fields=["started_at"], condition=Q(request_xml__isnull=False), name="attempt_with_messages")
        ]

    def __str__(self) -> str:
        return f"tentative {self.call_id}/{self.number}"
