"""Reads of calls."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, CharField, ExpressionWrapper, Model, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Now

from accounts.models import Establishment
from admissions.enums import CoverageKind
from admissions.models import Coverage, Patient, Stay
from admissions.querysets import care_day, coverages_on
from debtors.models import Debtor, DirectoryEntry
from gap.constants import Constant
from teleservices.enums import CallStatus
from teleservices.messages import NATIONAL, Operation
from teleservices.models import ChannelRule, Circuit, MaintenanceWindow, TeleserviceCall

# What a claim and the messages need of each; the rest, encrypted for a part, is not read.
_NEEDED: dict[str, tuple[type[Model], str]] = {
    "": (
        TeleserviceCall,
        "stay coverage debtor event operation message_id status parameters not_before attempts_count first_sent_at"
        " in_doubt channel lane",
    ),
    "stay__": (
        Stay,
        "iep patient establishment kind domain status unit planned_start_at planned_end_at started_at ended_at"
        " prescription_date",
    ),
    "stay__patient__": (Patient, "nir birth_name used_name first_names birth_date birth_rank protection"),
    "stay__establishment__": (Establishment, "finess_legal finess_site"),
    "coverage__": (Coverage, "patient debtor kind convention csr member_number active"),
    "coverage__debtor__": (Debtor, "amc_number"),
}


def to_ask() -> QuerySet[TeleserviceCall]:
    """Calls with all that their messages name, in one read (dossier, payer, `service_url`, `amo_regime`), and their gates."""
    asked = ExpressionWrapper(OuterRef("operation"), output_field=CharField())
    address = DirectoryEntry.objects.filter(
        amc_number=OuterRef("coverage__debtor__amc_number"),
        convention=OuterRef("coverage__convention"),
        csr=OuterRef("coverage__csr"),
        domain=OuterRef("stay__domain"),
    ).alias(asked=asked)
    services = [operation for operation in Operation if operation not in (Operation.DIRECTORY, *NATIONAL)]
    url = Case(*[When(asked=service, then=f"{service.lower()}_url") for service in services])
    amo = coverages_on(OuterRef("stay__patient"), OuterRef("care_day"), CoverageKind.AMO)
    # The model declares both attributes: given one by one, the type checker would take them for a second declaration.
    added = {
        "service_url": Subquery(address.values(url=url)[:1]),
        "amo_regime": Subquery(amo.values("debtor__amo_regime")[:1]),
        **_gates(),
    }
    return (
        TeleserviceCall.objects.select_related("stay__patient", "stay__establishment", "coverage__debtor")
        .defer(*_unneeded())
        .alias(care_day=care_day("stay__"))
        .annotate(**added)
    )


def _gates() -> dict[str, Any]:
    """What `gates` decides on: the places taken on the channel, its rule, its circuit, a maintenance of now."""
    here = {"channel": OuterRef("channel"), "operation": OuterRef("operation")}
    underway = TeleserviceCall.objects.filter(channel=OuterRef("channel"), status=Constant(CallStatus.CALLING))
    rule = ChannelRule.objects.filter(channel__in=["", OuterRef("channel")]).order_by("-channel")
    circuit = Circuit.objects.filter(**here)
    maintenance = MaintenanceWindow.objects.filter(
        channel__in=["", here["channel"]],
        operation__in=["", here["operation"]],
        starts_at__lte=Now(),
        ends_at__gt=Now(),
    ).order_by("-ends_at")
    return {
        "busy_slots": ArraySubquery(underway.order_by().values("slot")),
        "in_flight": Subquery(rule.values("in_flight")[:1]),
        "kept_for_interactive": Subquery(rule.values("kept_for_interactive")[:1]),
        "circuit_failures": Subquery(circuit.values("failures")),
        "circuit_retry_at": Subquery(circuit.values("retry_at")),
        "maintenance_until": Subquery(maintenance.values("ends_at")[:1]),
    }


def _unneeded() -> list[str]:
    # Not `only()`, which would name the fields of the call as well: one list says what is needed, of all of them.
    return [
        f"{path}{field.name}"
        for path, (model, needed) in _NEEDED.items()
        for field in model._meta.concrete_fields
        if not field.primary_key and field.name not in needed.split()
    ]
