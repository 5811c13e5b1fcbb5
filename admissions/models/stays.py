"""Stays, where the patient is at each moment, and what they asked for."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from accounts.models import Establishment
from admissions.enums import EXTERNAL_KINDS, DischargeMode, Domain, RequestCode, StayKind, StayStatus
from admissions.models.patients import Patient


def same(column: str) -> Func:
    """`column` as a range of one value: an exclusion constraint on it then needs no PostgreSQL extension."""
    return Func(F(column), F(column), Value("[]"), function="int8range")


def period(start: str, end: str) -> Func:
    return Func(F(start), F(end), Value("[)"), function="tstzrange", output_field=DateTimeRangeField())


class Unit(models.Model):
    """A functional unit (UF): where care is given, and what a day in it is called in the tariffs."""

    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT)
    code = models.CharField("code", max_length=6)
    name = models.CharField("nom", max_length=80)
    domain = models.CharField("domaine", max_length=3, choices=Domain.choices)
    tariff_code = models.CharField("code du tarif journalier", max_length=10, blank=True)
    active = models.BooleanField("active", default=True)

    class Meta:
        verbose_name = "unité fonctionnelle"
        verbose_name_plural = "unités fonctionnelles"
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["establishment", "code"], name="one_code_an_establishment")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Stay(models.Model):
    """A coming of a patient (venue): planned, present, gone. Its number is the IEP."""

    iep = models.CharField("IEP", max_length=9, unique=True, editable=False)
    patient = models.ForeignKey(Patient, verbose_name="patient", on_delete=models.PROTECT, related_name="stays")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT)
    kind = models.CharField("type", max_length=10, choices=StayKind.choices)
    domain = models.CharField("domaine", max_length=3, choices=Domain.choices)
    status = models.CharField("état", max_length=12, choices=StayStatus.choices)
    unit = models.ForeignKey(Unit, verbose_name="service", on_delete=models.PROTECT)
    planned_start_at = models.DateTimeField("entrée prévue")
    planned_end_at = models.DateTimeField("sortie prévue", null=True, blank=True)
    started_at = models.DateTimeField("entrée", null=True, blank=True)
    ended_at = models.DateTimeField("sortie", null=True, blank=True)
    discharge_mode = models.CharField("mode de sortie", max_length=10, choices=DischargeMode.choices, blank=True)
    prescription_date = models.DateField("date de prescription", null=True, blank=True)
    cancel_reason = models.CharField("motif d’annulation", max_length=200, blank=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    updated_at = models.DateTimeField("modifié le", auto_now=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    creation_key = models.UUIDField(null=True, unique=True, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "séjour"
        ordering = ["-planned_start_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")), name="stay_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(planned_end_at__isnull=True) | Q(planned_end_at__gte=F("planned_start_at")),
                name="planned_end_after_start",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status=StayStatus.PREADMITTED, started_at__isnull=True, ended_at__isnull=True)
                    | Q(status=StayStatus.ADMITTED, started_at__isnull=False, ended_at__isnull=True)
                    | Q(
                        status__in=[StayStatus.DISCHARGED, StayStatus.CLOSED],
                        started_at__isnull=False,
                        ended_at__isnull=False,
                    )
                    | Q(status=StayStatus.CANCELLED)
                ),
                name="status_agrees_with_dates",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[StayStatus.DISCHARGED, StayStatus.CLOSED]) | ~Q(discharge_mode=""),
                name="discharge_has_a_mode",
            ),
            ExclusionConstraint(
                name="no_overlapping_full_stays",
                expressions=[
                    (same("patient_id"), RangeOperators.OVERLAPS),
                    (period("started_at", "ended_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(
                    kind=StayKind.FULL,
                    started_at__isnull=False,
                    status__in=[StayStatus.ADMITTED, StayStatus.DISCHARGED, StayStatus.CLOSED],
                ),
                violation_error_message="Ce patient a déjà une hospitalisation sur cette période.",
            ),
            models.UniqueConstraint(
                fields=["patient", "unit", "kind", "planned_start_at"],
                condition=Q(status=StayStatus.PREADMITTED),
                name="one_preadmission_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "-planned_start_at"], name="stay_of_patient"),
            models.Index(fields=["status", "planned_start_at"], name="stay_by_status"),
            models.Index(fields=["establishment", "planned_start_at"], name="stay_arrivals"),
            models.Index(fields=["ended_at"], condition=Q(status=StayStatus.DISCHARGED), name="stay_discharged_open"),
        ]

    def __str__(self) -> str:
        return f"IEP {self.iep}"

    @property
    def start_at(self):  # type: ignore[no-untyped-def]
        """When it started, or is to start."""
        return self.started_at or self.planned_start_at

    @property
    def is_open(self) -> bool:
        return self.status in (StayStatus.PREADMITTED, StayStatus.ADMITTED)

    @property
    def roc_context(self) -> dict[str, str]:
        """What decides by which way a payer is reached: the field of activity, and care with or without a stay."""
        return {"domain": self.domain, "dossier": "EXTERNE" if self.kind in EXTERNAL_KINDS else "SEJOUR"}


class Movement(models.Model):
    """The patient is in this unit, in this bed, from then to then (open while it lasts)."""

    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="movements")
    unit = models.ForeignKey(Unit, verbose_name="service", on_delete=models.PROTECT)
    room = models.CharField("chambre", max_length=10, blank=True)
    bed = models.CharField("lit", max_length=10, blank=True)
    started_at = models.DateTimeField("du")
    ended_at = models.DateTimeField("au", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "mouvement"
        ordering = ["started_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="movement_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="one_place_at_a_time",
                expressions=[
                    (same("stay_id"), RangeOperators.OVERLAPS),
                    (period("started_at", "ended_at"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"mouvement {self.pk}"


class ParticularRequest(models.Model):
    """Exigence particulière: a single room, meals of a companion… asked in writing, from a day to a day included."""

    stay = models.ForeignKey(Stay, on_delete=models.CASCADE, related_name="requests")
    code = models.CharField("demande", max_length=3, choices=RequestCode.choices)
    starts_on = models.DateField("du")
    ends_on = models.DateField("au", null=True, blank=True)
    signed_on = models.DateField("demande signée le", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "demande du patient"
        verbose_name_plural = "demandes du patient"
        ordering = ["starts_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="request_ends_after_it_starts"
            ),
            models.UniqueConstraint(
                fields=["stay", "code"], condition=Q(ends_on__isnull=True), name="one_open_request_a_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_code_display()} {self.pk}"
