"""The project of connection to ROC: its milestones, planned and real, for one hospital, and the tests that prove it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Establishment
from admissions.models import AdmissionEvent, Coverage, Stay
from debtors.models import Debtor
from teleservices.enums import HandshakeState, PlanStatus
from teleservices.models.calls import TeleserviceCall


class ConnectionPlan(models.Model):
    """Whether the calendar is the vendor's proposal or the hospital's own, as the ANS asks for it."""

    establishment = models.OneToOneField(Establishment, on_delete=models.CASCADE, related_name="connection_plan")
    status = models.CharField("statut", max_length=10, choices=PlanStatus.choices, default=PlanStatus.PROPOSED)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField("changé le", auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "plan de raccordement"
        verbose_name_plural = "plans de raccordement"

    def __str__(self) -> str:
        return f"{self.establishment_id} {self.status}"


class ConnectionMilestone(models.Model):
    """One milestone of a plan (teleservices/data/connection_milestones.csv), when it is planned and when it was done."""

    plan = models.ForeignKey(ConnectionPlan, on_delete=models.CASCADE, related_name="milestones")
    code = models.CharField("jalon", max_length=30)
    planned_on = models.DateField("prévu le", null=True, blank=True)
    done_on = models.DateField("fait le", null=True, blank=True)

    class Meta:
        verbose_name = "jalon de raccordement"
        verbose_name_plural = "jalons de raccordement"
        constraints = [models.UniqueConstraint(fields=["plan", "code"], name="one_milestone_a_code")]

    def __str__(self) -> str:
        return self.code


class ConnectionTest(models.Model):
    """A test d'accrochage: one unit call to the directory, then one IDB, on a dossier that a référent chose.

    What was sent and answered is read in the two calls and their tries. Only what they cannot tell is kept here: how it
    ended, and what a record printed again years later must still say (software, certificates).
    """

    establishment = models.ForeignKey(
        Establishment, on_delete=models.PROTECT, related_name="connection_tests", db_index=False
    )  # test_of_establishment
    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="connection_tests")
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="connection_tests")
    event = models.ForeignKey(AdmissionEvent, on_delete=models.PROTECT, related_name="+")
    # Decided with the form: sent twice, it makes one test.
    request_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    asked_at = models.DateTimeField("demandé le")
    # Nobody: the operator of the machine, from a terminal.
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    directory_call = models.ForeignKey(TeleserviceCall, on_delete=models.PROTECT, null=True, related_name="+")
    idb_call = models.ForeignKey(TeleserviceCall, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField("état", max_length=10, choices=HandshakeState.choices, default=HandshakeState.RUNNING)
    finished_at = models.DateTimeField("terminé le", null=True)
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    # A code of ours or of the call that stopped it (teleservices.connection_record), never a sentence received.
    cause = models.CharField("cause", max_length=60, blank=True)
    software = models.CharField("logiciel", max_length=80)
    # What was known of our certificates when it ended: `connection_test.certificates_shown`.
    certificates = models.JSONField("certificats présentés", default=list, blank=True)

    class Meta:
        verbose_name = "test d’accrochage"
        verbose_name_plural = "tests d’accrochage"
        ordering = ["-asked_at", "-pk"]
        constraints = [
            # Also how the tests that run are found.
            models.UniqueConstraint(
                fields=["stay", "coverage"], condition=Q(state=HandshakeState.RUNNING), name="one_running_test"
            ),
            models.CheckConstraint(
                condition=Q(state=HandshakeState.RUNNING, finished_at__isnull=True)
                | (~Q(state=HandshakeState.RUNNING) & Q(finished_at__isnull=False)),
                name="a_test_that_ended_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=HandshakeState.SUCCEEDED)
                | Q(directory_call__isnull=False, idb_call__isnull=False, cause=""),
                name="a_successful_test_has_both_calls",
            ),
            models.CheckConstraint(
                condition=~Q(state=HandshakeState.FAILED) | ~Q(cause=""), name="a_failed_test_says_why"
            ),
            models.CheckConstraint(
                condition=Q(idb_call__isnull=True) | Q(directory_call__isnull=False), name="the_directory_comes_first"
            ),
            models.CheckConstraint(
                condition=Q(stopped_by__isnull=True) | Q(state=HandshakeState.STOPPED), name="only_a_stop_has_an_author"
            ),
        ]
        indexes = [models.Index(fields=["establishment", "-asked_at"], name="test_of_establishment")]

    def __str__(self) -> str:
        return f"test {self.pk} {self.state}"

    @property
    def is_running(self) -> bool:
        return self.state == HandshakeState.RUNNING
