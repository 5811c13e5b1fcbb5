"""What hangs on an association: the open stays whose payer it found, and what AMC announced for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from admissions.models import Coverage, Stay
from admissions.querysets import care_day
from admissions.services.following import OPEN
from billing.enums import LIVE, InvoiceStatus, Payer
from billing.models import Agreement, Estimate, Invoice
from debtors.decisions import Consequences
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation

_EUROS: Final[Any] = DecimalField(max_digits=12, decimal_places=2)
_NOTHING: Final = Value(Decimal("0.00"), output_field=_EUROS)
_ANNOUNCED: Final = Subquery(
    Estimate.objects.filter(stay=OuterRef("pk")).order_by("-answered_at", "-pk").values("amc_share")[:1]
)
_LEFT: Final = Exists(
    Invoice.objects.filter(stay=OuterRef("pk"), payer=Payer.AMC, status__in=LIVE).exclude(status=InvoiceStatus.READY)
)
_AGREED: Final = Exists(Agreement.objects.filter(stay=OuterRef("pk"), closed_at__isnull=True))


def _found_by(**association: Any) -> QuerySet[Stay]:
    """Open stays that a coverage in force pays for, by the association that found its debtor (a condition on it)."""
    in_force = Coverage.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=OuterRef("cared_on")),
        patient=OuterRef("patient"),
        active=True,
        valid_from__lte=OuterRef("cared_on"),
        **association,
    )
    return Stay.objects.filter(status__in=OPEN).alias(cared_on=care_day()).filter(Exists(in_force))


def of_association(association_id: int) -> Consequences:
    """Counted in every establishment: an association serves them all."""
    covered = Coverage.objects.filter(association=association_id, active=True).values("patient")
    stays = _found_by(association=association_id).filter(patient__in=covered)
    counted = stays.annotate(announced=_ANNOUNCED, has_left=_LEFT, has_agreement=_AGREED).aggregate(
        open=Count("pk", filter=Q(has_left=False)),
        left=Count("pk", filter=Q(has_left=True)),
        asked=Count("pk", filter=Q(has_left=False, has_agreement=True)),
        announced_sum=Coalesce(Sum("announced", filter=Q(has_left=False)), _NOTHING),
    )
    return Consequences(counted["open"], counted["announced_sum"], counted["asked"], counted["left"])


def with_stakes(associations: QuerySet[DatamatrixAssociation]) -> QuerySet[DatamatrixAssociation]:
    """Adds `at_stake`, in euros: what AMC announced for the open stays of the patients that each association covers."""
    patients = Coverage.objects.filter(association=OuterRef(OuterRef("pk")), active=True).values("patient")
    announced = (
        Stay.objects.filter(patient__in=patients, status__in=OPEN)
        .order_by()
        .annotate(announced=_ANNOUNCED, one=Value(1))
        .values("one")
        .annotate(sum=Sum("announced"))
        .values("sum")
    )
    return associations.annotate(at_stake=Coalesce(Subquery(announced, output_field=_EUROS), _NOTHING))


def to_choose_again() -> QuerySet[Stay]:
    """Open stays whose debtor was found by an association that a référent has rejected since."""
    return _found_by(association__status=AssociationStatus.REJECTED, debtor=F("association__debtor")).filter(~_LEFT)
