"""What stays, calls and money hold of a debtor, and what becomes of it when two records are put together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from admissions.enums import EventKind
from admissions.events import SYSTEM, record_event
from admissions.models import Coverage, Stay
from admissions.querysets import care_date
from admissions.services.following import OPEN
from admissions.services.in_force import covers
from billing.enums import LIVE, InvoiceStatus
from billing.models import Agreement, Engagement, Invoice
from debtors.enums import DebtorKind
from debtors.merging import HOLDERS, MOVED, MOVERS, Mover
from debtors.models import DatamatrixAssociation, Debtor
from teleservices import planning
from teleservices.enums import ANOMALY_OVER, CallStatus
from teleservices.models import Anomaly, ConnectionTest, PerimeterAmc, TeleserviceCall

#: A record that served nobody for so long is shown to a référent.
IDLE_AFTER_MONTHS: Final = 12
#: Something of these is on the wire: they end as they left.
_ON_THE_WIRE = (CallStatus.CALLING, CallStatus.UNKNOWN)
_GONE_OUT = Invoice.objects.filter(status__in=LIVE).exclude(status=InvoiceStatus.READY)


def _coverages(debtor_id: int) -> QuerySet[Coverage]:
    return Coverage.objects.filter(debtor=debtor_id).exclude(Exists(_GONE_OUT.filter(coverage=OuterRef("pk"))))


def _coverages_kept(debtor_id: int) -> QuerySet[Coverage]:
    return Coverage.objects.filter(Exists(_GONE_OUT.filter(coverage=OuterRef("pk"))), debtor=debtor_id)


def _calls(debtor_id: int) -> QuerySet[TeleserviceCall]:
    return TeleserviceCall.objects.filter(debtor=debtor_id).exclude(status__in=_ON_THE_WIRE)


def _engagements(debtor_id: int) -> QuerySet[Engagement]:
    return Engagement.objects.filter(debtor=debtor_id).exclude(Exists(_GONE_OUT.filter(engagement=OuterRef("pk"))))


def _new_numbers(engagements: QuerySet[Engagement], target_id: int) -> QuerySet[Engagement]:
    return engagements.exclude(number__in=Engagement.objects.filter(debtor=target_id).values("number"))


def _agreements(debtor_id: int) -> QuerySet[Agreement]:
    """A closed one is history, and stays as it is."""
    return Agreement.objects.filter(debtor=debtor_id, closed_at__isnull=True).exclude(
        Exists(_GONE_OUT.filter(agreement=OuterRef("pk")))
    )


def _anomalies(debtor_id: int) -> QuerySet[Anomaly]:
    """One that is over tells what was reported then, and of whom."""
    return Anomaly.objects.filter(debtor=debtor_id).exclude(state__in=ANOMALY_OVER)


def _new_anomalies(anomalies: QuerySet[Anomaly], target_id: int) -> QuerySet[Anomaly]:
    """But where the other has one open of the same cause: its dossiers, which moved, are there."""
    there = _anomalies(target_id).filter(**{name: OuterRef(name) for name in ("establishment", "code", "operation")})
    return anomalies.exclude(Exists(there))


def _tests(debtor_id: int) -> QuerySet[ConnectionTest]:
    return ConnectionTest.objects.filter(debtor=debtor_id)


def _circles(debtor_id: int) -> QuerySet[PerimeterAmc]:
    return PerimeterAmc.objects.filter(debtor=debtor_id)


def _new_circles(circles: QuerySet[PerimeterAmc], target_id: int) -> QuerySet[PerimeterAmc]:
    return circles.exclude(establishment__in=_circles(target_id).values("establishment"))


def _invoices(debtor_id: int) -> QuerySet[Invoice]:
    return Invoice.objects.filter(debtor=debtor_id, status=InvoiceStatus.READY)


def _invoices_sent(debtor_id: int) -> QuerySet[Invoice]:
    return Invoice.objects.filter(debtor=debtor_id).exclude(status=InvoiceStatus.READY)


def hold_open_stays(debtor_id: int) -> None:
    """Whoever changes a stay, its calls or its money has its lock first: so do we, and nobody waits for each other."""
    covered = Coverage.objects.filter(debtor=debtor_id, active=True).values("patient")
    list(
        Stay.objects.select_for_update()
        .filter(patient__in=covered, status__in=OPEN)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def told_of_another_payer(former: Debtor, debtor: Debtor, moved: dict[str, list[int]]) -> None:
    """Another AMC number is another payer to ask: open stays ask it, and what had not left to the first no longer leaves."""
    if former.amc_number == debtor.amc_number:
        return
    coverages: dict[int, Coverage] = {
        row.patient_id: row for row in Coverage.objects.filter(pk__in=moved.get("coverages", []), active=True)
    }
    stays: QuerySet[Any] = Stay.objects.select_for_update().filter(patient__in=coverages, status__in=OPEN)
    for stay in stays.order_by("pk"):
        coverage = coverages[stay.patient_id]
        if not covers(coverage, care_date(stay)):
            continue
        planning.cancel_unsent(stay, "coverage_replaced", coverage)
        detail = {"coverage": coverage.pk, "kind": coverage.kind, "rank": coverage.rank}
        record_event(stay, EventKind.COVERAGE_CHANGED, SYSTEM, detail=detail)


def register() -> None:
    """In the order of locks: stays' coverages first, then calls and invoices."""
    MOVERS[:] = [
        Mover(
            "coverages", "couverture,couvertures", _coverages,
            stays="couverture d’un séjour déjà facturé,couvertures de séjours déjà facturés", staying=_coverages_kept,
        ),
        Mover("calls", "appel,appels", _calls),
        # After the calls, whose refusals they count.
        Mover("anomalies", "anomalie ouverte,anomalies ouvertes", _anomalies, but=_new_anomalies),
        Mover("circles", "place dans le périmètre,places dans le périmètre", _circles, but=_new_circles),
        # A test is the record of an exchange, printed for whoever certifies: it names whom it was made with.
        Mover(
            "tests", "", lambda _debtor: ConnectionTest.objects.none(),
            stays="test d’accrochage,tests d’accrochage", staying=_tests,
        ),
        Mover("engagements", "engagement,engagements", _engagements, but=_new_numbers),
        Mover("agreements", "prise en charge ouverte,prises en charge ouvertes", _agreements),
        Mover(
            "invoices", "facture prête,factures prêtes", _invoices,
            stays="facture déjà partie,factures déjà parties", staying=_invoices_sent,
        ),
    ]  # fmt: skip
    HOLDERS[:] = [hold_open_stays]
    MOVED[:] = [told_of_another_payer]


def mark_idle(months: int = IDLE_AFTER_MONTHS) -> int:
    """Note since when each payer has served nobody (longer than `months`), and forget it of those that serve again.

    Serving: somebody is covered by it, an association was used, it answered a call. Returns how many are idle.
    """
    since = timezone.now() - timedelta(days=30 * months)
    used = (
        Q(Exists(Coverage.objects.filter(debtor=OuterRef("pk"), updated_at__gte=since)))
        | Q(Exists(DatamatrixAssociation.objects.filter(debtor=OuterRef("pk"), last_used_at__gte=since)))
        | Q(Exists(TeleserviceCall.objects.filter(debtor=OuterRef("pk"), finished_at__gte=since)))
        | Q(created_at__gte=since)
    )
    served = Debtor.objects.filter(active=True, kind=DebtorKind.AMC)
    served.filter(used, idle_since__isnull=False).update(idle_since=None)
    Debtor.objects.filter(active=False, idle_since__isnull=False).update(idle_since=None)
    for debtor in served.filter(~used, idle_since__isnull=True):
        covered = Coverage.objects.filter(debtor=debtor).aggregate(last=Max("updated_at"))["last"]
        chosen = debtor.associations.aggregate(last=Max("last_used_at"))["last"]
        last = max(at for at in (debtor.created_at, covered, chosen) if at)
        Debtor.objects.filter(pk=debtor.pk).update(idle_since=timezone.localdate(last))
    return Debtor.objects.filter(idle_since__isnull=False).count()
