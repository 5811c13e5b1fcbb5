"""What stands in each list, derived from the ledgers. Every condition leads with one that an index answers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.db.models import DurationField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Concat, Now, TruncDate
from django.utils import timezone

from accounts.sight import Here, seen, seen_whole
from admissions.enums import EXTERNAL_KINDS, OUTSIDE_ROC, CoverageKind, StayKind, StayStatus
from admissions.events import SHOWN_AFTER
from admissions.models import Coverage, EventDelivery, Rights, Stay
from admissions.querysets import care_day, day_bounds
from billing.enums import BillStatus, EngagementStatus, FileDirection, FileStatus, InvoiceStatus, Payer, RecordStatus
from billing.models import Activity, Bill, Engagement, Estimate, ExchangeFile, ExchangeRecord, Invoice, TariffValue
from billing.restored import RESTORED
from debtors.enums import AssociationStatus, ChangeState, PairState
from debtors.models import DatamatrixAssociation, Debtor, DebtorChange, DebtorPair
from gap.constants import Constant, constants
from teleservices.anomalies import with_dossiers
from teleservices.enums import CLAIMABLE, OPEN, AnomalyState, CallStatus, Disposition, Family, LimitName
from teleservices.gates import CIRCUIT_OPEN, MAINTENANCE
from teleservices.models import Anomaly, CallLimit, RetryPolicy, ReturnCode, TeleserviceCall
from teleservices.ruling import in_force
from worklists.querysets_amo import exempted

# The norm expects an ARL within a day of the deposit of the lot.
ARL_EXPECTED_AFTER: Final = timedelta(hours=24)
# What the chain does by itself after a discharge is over well before.
ENGAGEMENT_EXPECTED_AFTER: Final = timedelta(hours=1)
# Stays of more nights than this have a rule of their own (tariff item TM_MAX).
COMMON_LAW_NIGHTS: Final = 30
#: Causes of a call that waits because the AMC does not answer.
AWAY: Final = ("unavailable", "not_sent", CIRCUIT_OPEN, MAINTENANCE)
#: A call that is due is taken within seconds: after this, something of ours is at a standstill.
TAKEN_WITHIN: Final = timedelta(minutes=10)


# ---- calls ----


def calls_of(here: Here) -> QuerySet[TeleserviceCall]:
    return TeleserviceCall.objects.filter(seen(here, "stay__")).exclude(stay__status=Constant(StayStatus.CANCELLED))


def refused(here: Here, *dispositions: Disposition) -> QuerySet[TeleserviceCall]:
    """Refusals that still ask something of somebody."""
    return calls_of(here).filter(
        status=Constant(CallStatus.REFUSED),
        superseded_at__isnull=True,
        handled_at__isnull=True,
        disposition__in=constants(dispositions),
    )


def prescription_dates(here: Here) -> QuerySet[TeleserviceCall]:
    """Prescription dates refused until none was left to try."""
    return refused(here, Disposition.REFERENT, Disposition.REPLAY_WITH_ENTRY_DATE).filter(
        family=Family.PRESCRIPTION_DATE
    )


def settings_to_look_at(here: Here) -> QuerySet[TeleserviceCall]:
    return refused(here, Disposition.REFERENT).exclude(family=Family.PRESCRIPTION_DATE)


def _older_than_shown(causes: tuple[str, ...], default: str) -> Q:
    """Planned longer ago than the policy of their cause lets a call wait unseen. One query."""
    now = timezone.now()
    shown = dict(in_force(RetryPolicy).filter(cause__in={*causes, default}).values_list("cause", "show_after_s"))
    condition = Q()
    for cause in causes:
        if cause in shown and cause != default:
            condition |= Q(cause=cause, planned_at__lt=now - timedelta(seconds=shown[cause]))
    others = [cause for cause in causes if cause in shown and cause != default]
    fallback = now - timedelta(seconds=shown.get(default, 3600))
    return condition | (~Q(cause__in=others) & Q(planned_at__lt=fallback))


def away(here: Here) -> QuerySet[TeleserviceCall]:
    """Calls that wait because their AMC does not answer, however recent."""
    return calls_of(here).filter(status=Constant(CallStatus.PLANNED), cause__in=AWAY)


def away_too_long(here: Here) -> QuerySet[TeleserviceCall]:
    return away(here).filter(_older_than_shown(AWAY, "unavailable"))


def outcome_unknown(here: Here) -> QuerySet[TeleserviceCall]:
    """Sent, and nobody knows: shown once the reconciliation takes longer than it should."""
    return (
        calls_of(here)
        .filter(status=Constant(CallStatus.UNKNOWN))
        .filter(_older_than_shown(("lost", "invalid", "not_sent"), "lost"))
    )


def at_a_standstill(here: Here) -> QuerySet[TeleserviceCall]:
    """Due, and nobody takes them: no worker of their lane, or more than the workers can carry."""
    return calls_of(here).filter(status__in=constants(CLAIMABLE), not_before__lt=timezone.now() - TAKEN_WITHIN)


def stopped(here: Here) -> QuerySet[TeleserviceCall]:
    return calls_of(here).filter(status=Constant(CallStatus.NEEDS_REFERENT))


def regimes_apart(here: Here) -> QuerySet[TeleserviceCall]:
    """Refused because the AMC knows another regime: the AMO's rights will change, or not."""
    return refused(here, Disposition.WAIT_ALIGNMENT)


def regimes_waiting(here: Here) -> QuerySet[TeleserviceCall]:
    return regimes_apart(here).filter(finished_at__gte=_aligned_before())


def regimes_too_long_apart(here: Here) -> QuerySet[TeleserviceCall]:
    return regimes_apart(here).filter(finished_at__lt=_aligned_before())


def _aligned_before() -> Combinable:
    """Since before this instant, alignment is late. Read in the same query: these lists are counted on every home."""
    seconds = in_force(CallLimit).filter(name=LimitName.ALIGNMENT).values("value")[:1]
    return Now() - Func(
        Subquery(seconds), template="make_interval(secs => %(expressions)s)", output_field=DurationField()
    )


def anomalies(here: Here, *states: AnomalyState) -> QuerySet[Anomaly]:
    return with_dossiers(Anomaly.objects.filter(establishment=seen_whole(here), state__in=constants(states)))


def label_in_force(code: OuterRef) -> Subquery:
    """What a return code means, by the catalogue."""
    return Subquery(ReturnCode.objects.filter(code=code, valid_until__isnull=True).values("label")[:1])


def code_and_label(path: str) -> Coalesce:
    """« RC15 Contrat résilié… », or the code alone when the catalogue has it not."""
    return Coalesce(Concat(F(path), Value(" "), label_in_force(OuterRef(path))), F(path), output_field=TextField())


def named(prefix: str) -> list[str]:
    """What a line shows of a patient and nothing more: the rest, encrypted for the most part, is not read."""
    return [
        f"{prefix}__{name}"
        for name in ("birth_name", "first_names", "used_name", "sex", "birth_date", "protection", "ipp")
    ]


def with_amount_at_stake(calls: QuerySet[Any], stay: str = "stay") -> QuerySet[Any]:
    """Adds `at_stake`: what the AMC announced for the stay, None while nobody knows."""
    latest = Estimate.objects.filter(stay=OuterRef(stay)).order_by("-answered_at", "-pk").values("amc_share")[:1]
    return calls.annotate(at_stake=Subquery(latest))


# ---- stays ----


def _covered(kind: CoverageKind, **conditions: Any) -> Exists:
    """A coverage of this kind is in force on the stay's day of care (annotated as `care_day`)."""
    return Exists(
        Coverage.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef("care_day")),
            patient=OuterRef("patient"),
            kind=kind,
            active=True,
            valid_from__lte=OuterRef("care_day"),
            **conditions,
        )
    )


_BILLED = Exists(Bill.objects.filter(stay=OuterRef("pk"), status=BillStatus.CURRENT))
_ENGAGED = Exists(Engagement.objects.filter(stay=OuterRef("pk"), status=EngagementStatus.IN_FORCE))
_CALLING = Exists(
    TeleserviceCall.objects.filter(stay=OuterRef("pk"), coverage__isnull=False, status__in=constants(OPEN))
)


def _gone_unbilled(here: Here) -> QuerySet[Stay]:
    return (
        Stay.objects.filter(seen(here), status=Constant(StayStatus.DISCHARGED))
        .alias(care_day=care_day())
        .filter(~_BILLED)
    )


def cards_to_scan(here: Here) -> QuerySet[Stay]:
    """Arrivals of today and tomorrow whom no AMC covers yet."""
    today = timezone.localdate()
    start, end = day_bounds(today)[0], day_bounds(today + timedelta(days=1))[1]
    return (
        Stay.objects.filter(
            seen(here),
            planned_start_at__gte=start,
            planned_start_at__lt=end,
            status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED],
        )
        .alias(care_day=care_day())
        .filter(~_covered(CoverageKind.AMC))
    )


def outside_roc(here: Here) -> QuerySet[Stay]:
    """Stays in progress whose AMC is not connected to ROC, by the last answer of the directory."""
    last_code = (
        Rights.objects.filter(stay=OuterRef(OuterRef("pk")), coverage=OuterRef("pk"))
        .order_by("-answered_at", "-pk")
        .values("code")[:1]
    )
    outside = Coverage.objects.filter(patient=OuterRef("patient"), kind=CoverageKind.AMC, active=True).alias(
        last_code=Subquery(last_code)
    )
    return Stay.objects.filter(
        Exists(outside.filter(last_code__in=OUTSIDE_ROC)),
        ~_BILLED,
        seen(here),
        status__in=[StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED],
    )


def without_amo(here: Here) -> QuerySet[Stay]:
    """Gone, and nobody knows which caisse pays: nothing can be billed."""
    return _gone_unbilled(here).filter(~_covered(CoverageKind.AMO))


def without_engagement(here: Here) -> QuerySet[Stay]:
    """Gone for a while, covered by an AMC of ROC, and no engagement came."""
    return (
        _gone_unbilled(here)
        .filter(~_ENGAGED, _covered(CoverageKind.AMC), _covered(CoverageKind.AMO), ~Q(exempted()))
        .filter(ended_at__lte=timezone.now() - ENGAGEMENT_EXPECTED_AFTER)
        .exclude(Exists(outside_roc(here).filter(pk=OuterRef("pk"))))
        .exclude(pk__in=acts_missing(here).values("pk"))
        .exclude(undecided_shape())
    )


def acts_missing(here: Here) -> QuerySet[Stay]:
    """External care that is over, and of which no act was entered: there is nothing to bill."""
    return _gone_unbilled(here).filter(~Exists(Activity.objects.filter(stay=OuterRef("pk"))), kind__in=EXTERNAL_KINDS)


def no_night() -> Q:
    return Q(kind=StayKind.FULL) & Q(exit_day=F("care_day"))


def too_long() -> Q:
    return Q(kind=StayKind.FULL) & Q(exit_day__gt=F("care_day") + timedelta(days=COMMON_LAW_NIGHTS))


def _priced(unit_code: str, day: str) -> Exists:
    return Exists(
        TariffValue.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef(day)),
            item__code=OuterRef(unit_code),
            valid_from__lte=OuterRef(day),
        )
    )


def no_tariff() -> Q:
    return ~Q(kind__in=EXTERNAL_KINDS) & ~Q(_priced("unit__tariff_code", "care_day"))


def undecided_shape() -> Exists:
    """The stay itself has a shape that the rules of price do not decide."""
    shape = (
        Stay.objects.filter(pk=OuterRef("pk"))
        .alias(care_day=care_day(), exit_day=TruncDate("ended_at", tzinfo=timezone.get_current_timezone()))
        .filter(no_night() | too_long() | no_tariff())
    )
    return Exists(shape)


def engagement_disagrees() -> Q:
    """Engaged, nothing moves any more, and yet no bill: the AMC's lines are not the stay's."""
    return Q(_ENGAGED) & ~Q(_CALLING) & Q(_covered(CoverageKind.AMO)) & ~Q(exempted())


def to_decide(here: Here) -> QuerySet[Stay]:
    """Gone, and the rules known here do not say who owes what (`billing.pricing.price` raises NotDecided)."""
    return (
        _gone_unbilled(here)
        .alias(exit_day=TruncDate("ended_at", tzinfo=timezone.get_current_timezone()))
        .filter(no_night() | too_long() | no_tariff() | Q(exempted()) | engagement_disagrees())
    )


# ---- money ----


def invoices_of(here: Here) -> QuerySet[Invoice]:
    return Invoice.objects.filter(seen(here, "stay__"))


def blocked(here: Here) -> QuerySet[Invoice]:
    return invoices_of(here).filter(status=InvoiceStatus.READY).exclude(blocked_reason__in=["", RESTORED])


def held(here: Here) -> QuerySet[Invoice]:
    """May have left before a return to a backup."""
    return invoices_of(here).filter(status=InvoiceStatus.READY, blocked_reason=RESTORED)


def held_lots(here: Here) -> QuerySet[ExchangeFile]:
    """The same of lots: those that hold an invoice of a dossier that is seen."""
    ours = ExchangeRecord.objects.filter(seen(here, "invoice__stay__"), file=OuterRef("pk"))
    return ExchangeFile.objects.filter(
        Exists(ours), direction=FileDirection.OUT, status=FileStatus.PREPARED, problem=RESTORED
    )


def rejected(here: Here) -> QuerySet[Invoice]:
    return invoices_of(here).filter(status=InvoiceStatus.REJECTED)


def unacknowledged(here: Here) -> QuerySet[Invoice]:
    return invoices_of(here).filter(status=InvoiceStatus.SENT, sent_at__lt=timezone.now() - ARL_EXPECTED_AFTER)


def shares_due(here: Here, payer: Payer) -> QuerySet[Invoice]:
    """Parts that a person collects or sees paid."""
    return invoices_of(here).filter(status__in=[InvoiceStatus.READY, InvoiceStatus.PARTLY_PAID], payer=payer)


def unmatched(here: Here) -> QuerySet[ExchangeRecord]:
    """Returns that found no invoice, or cannot be read. A file serves every establishment of the entity."""
    return ExchangeRecord.objects.filter(status__in=[RecordStatus.UNMATCHED, RecordStatus.INVALID]).filter(
        Q(invoice__isnull=True) | seen(here, "invoice__stay__")
    )


def quarantined(_here: Here) -> QuerySet[ExchangeFile]:
    """Files received cut or altered, until the same one comes whole."""
    whole = ExchangeFile.objects.filter(
        direction=FileDirection.IN,
        status=FileStatus.IMPORTED,
        kind=OuterRef("kind"),
        name=OuterRef("name"),
        created_at__gt=OuterRef("created_at"),
    )
    return ExchangeFile.objects.filter(~Exists(whole), direction=FileDirection.IN, status=FileStatus.QUARANTINED)


# ---- the rest ----


def failed_deliveries(here: Here) -> QuerySet[EventDelivery]:
    return EventDelivery.objects.filter(seen(here, "event__stay__"), done_at__isnull=True, attempts__gte=SHOWN_AFTER)


def associations(status: AssociationStatus) -> QuerySet[DatamatrixAssociation]:
    return DatamatrixAssociation.objects.filter(status=status)


def contested() -> QuerySet[DatamatrixAssociation]:
    """Rejected, and chosen all the same since the last decision."""
    rows = DatamatrixAssociation.objects.filter(status=AssociationStatus.REJECTED, contested_count__gt=0)
    return rows.filter(Q(decided_at__isnull=True) | Q(contested_at__gt=F("decided_at")))


def proposed_changes() -> QuerySet[DebtorChange]:
    return DebtorChange.objects.filter(state=ChangeState.PROPOSED)


def proposed_pairs() -> QuerySet[DebtorPair]:
    return DebtorPair.objects.filter(state=PairState.PROPOSED)


def idle_debtors() -> QuerySet[Debtor]:
    return Debtor.objects.filter(idle_since__isnull=False, active=True)


def since_day(days: int) -> date:
    return timezone.localdate() - timedelta(days=days)
