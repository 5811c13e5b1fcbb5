"""The cards seen in a month and not associated, those that the table would gain most to learn first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

from django.db.models import DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Establishment
from admissions.models import CardReading, CardTally
from billing.enums import BillStatus
from billing.models import Bill, Estimate
from debtors.enums import USABLE, DebtorKind
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry
from debtors.nearness import key, near
from debtors.querysets import CardContext

MONTHS: Final = 12
#: « les 40 premières couvrent 80 % »: the share looked for, in percent.
GOAL: Final = 80.0
GUESSES: Final = 5
_NEAR: Final = 0.6
_CURVE: Final = 60
_EUROS: Final[Any] = DecimalField(max_digits=14, decimal_places=2)
_CONTEXT: Final = ("amc_number", "convention", "csr", "domain", "fingerprint")


def months() -> list[date]:
    """This month and those before it, a year of them."""
    month = timezone.localdate().replace(day=1)
    found = [month]
    while len(found) < MONTHS:
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    return found


def seen(establishment: Establishment, month: date) -> QuerySet[CardTally]:
    return CardTally.objects.filter(establishment=establishment, month=month)


def unknown(tallies: QuerySet[CardTally]) -> QuerySet[CardTally]:
    """Those that no rule of the table leads to a debtor: the widest looks at the AMC and the domain."""
    today = timezone.localdate()
    usable = DatamatrixAssociation.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=today), status__in=USABLE, debtor__active=True,
        domain=OuterRef("domain"),
    )  # fmt: skip
    by_amc = usable.filter(amc_number=OuterRef("amc_number"))
    by_card = usable.filter(fingerprint=OuterRef("fingerprint"))
    # The directory knows the payer, which has one record: the desk is asked nothing (debtors.querysets.connected_debtor).
    connected = DirectoryEntry.objects.filter(
        amc_number=OuterRef("amc_number"), convention=OuterRef("convention"), csr=OuterRef("csr"),
        domain=OuterRef("domain"), found=True, multiple_centres=False,
    )  # fmt: skip
    records = Debtor.objects.filter(kind=DebtorKind.AMC, active=True, amc_number=OuterRef("amc_number"))
    several = records.filter(Exists(records.filter(pk__gt=OuterRef("pk"))))
    by_directory = Exists(connected) & Exists(records.filter(multiple_centres=False)) & ~Exists(several)
    return tallies.filter(
        (~Q(amc_number="") & ~Exists(by_amc) & ~by_directory) | (Q(amc_number="") & ~Exists(by_card)),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """What associating the first cards of the ranking would bring, as shares of what the month shows."""

    #: Stays of the month with a card, and those whose card is known already.
    stays: int
    known: int
    cards: int
    amount: Decimal
    #: How many of the first cards bring the month to the goal, with the known ones; None when all of them do not.
    enough: int | None
    #: Percentage covered after each card of the ranking, in its order.
    shares: list[float]

    @property
    def known_share(self) -> float:
        return 100 * self.known / self.stays if self.stays else 0.0

    def after(self, rank: int) -> float:
        """The share once the first `rank` cards are associated."""
        return self.shares[rank - 1] if rank else self.known_share

    @property
    def curve(self) -> str:
        """Points of a line in a frame of 300 × 100, from no card to all of them."""
        points = [self.known_share, *self.shares]
        step = max(1, len(points) // _CURVE)
        kept = [*range(0, len(points), step), len(points) - 1]
        last = max(len(points) - 1, 1)
        return " ".join(f"{300 * at / last:.1f},{100 - points[at]:.1f}" for at in kept)


def coverage(establishment: Establishment, month: date, order: str) -> Coverage:
    """`order`: the column ranked by, « stays » or « amount »."""
    total = seen(establishment, month).aggregate(stays=Coalesce(Sum("stays"), 0))["stays"]
    waiting = list(
        unknown(seen(establishment, month)).order_by(f"-{order}", "-stays", "pk").values_list("stays", "amount")
    )
    unknown_stays = sum(stays for stays, _ in waiting)
    known = total - unknown_stays
    shares = [100 * (known + reached) / total for reached in accumulate(stays for stays, _ in waiting)] if total else []
    enough = next((rank for rank, share in enumerate(shares, start=1) if share >= GOAL), None)
    if total and 100 * known / total >= GOAL:
        enough = 0
    amount = sum((euros for _, euros in waiting), Decimal("0.00"))
    return Coverage(total, known, len(waiting), amount, enough, shares)


def context_of(tally: CardTally) -> CardContext:
    return CardContext(
        fingerprint=tally.fingerprint or f"palmares-{tally.pk}",
        amc_number=tally.amc_number,
        convention=tally.convention,
        csr=tally.csr,
        domain=tally.domain,
    )


def entries_of(tallies: Iterable[CardTally]) -> dict[tuple[str, ...], DirectoryEntry]:
    """What the directory says of these cards, by route. One query."""
    numbers = {tally.amc_number for tally in tallies if tally.amc_number}
    rows = DirectoryEntry.objects.filter(amc_number__in=numbers)
    return {(row.amc_number, row.convention, row.csr, row.domain): row for row in rows}


def guesses(tally: CardTally, entry: DirectoryEntry | None) -> list[Debtor]:
    """The debtors that this card most probably means: its AMC's, then those whose name is near the directory's."""
    if not tally.amc_number:
        return []
    active = Debtor.objects.filter(kind=DebtorKind.AMC, active=True)
    found = list(active.filter(amc_number=tally.amc_number).order_by("name", "pk")[:GUESSES])
    if len(found) < GUESSES and entry and entry.label:
        word = max(key(entry.label).split(), key=len)
        others = active.exclude(pk__in=[debtor.pk for debtor in found]).filter(name__icontains=word)[:50]
        ranked = sorted(others, key=lambda debtor: -near(debtor.name, entry.label))
        found += [debtor for debtor in ranked if near(debtor.name, entry.label) >= _NEAR]
    return found[:GUESSES]


def count_amounts(month: date) -> int:
    """Sum, for each kind of card of a month, what is left after the AMO of the stays that showed it. Returns how many changed.

    Of a stay: what it is billed, else what was last estimated, else nothing.
    """
    left = F("total") - F("amo_share")
    billed = Bill.objects.filter(stay=OuterRef("stay"), status=BillStatus.CURRENT).values(left=left)[:1]
    estimated = Estimate.objects.filter(stay=OuterRef("stay")).order_by("-answered_at", "-pk").values(left=left)[:1]
    stake = Coalesce(
        Subquery(billed, output_field=_EUROS), Subquery(estimated, output_field=_EUROS), Value(Decimal("0.00"), _EUROS)
    )
    keys = ("establishment", *_CONTEXT)
    counted = (
        CardReading.objects.filter(month=month)
        .annotate(stake=stake)
        .order_by()
        .values(*keys)
        .annotate(sum=Sum("stake"))
    )
    sums = {tuple(row[key] for key in keys): row["sum"] for row in counted.iterator()}
    changed = []
    for tally in CardTally.objects.filter(month=month).iterator():
        amount = sums.get((tally.establishment_id, *(getattr(tally, name) for name in _CONTEXT)), Decimal("0.00"))
        if tally.amount != amount:
            tally.amount = amount
            changed.append(tally)
    # One column: what is being counted at the desks is not written over.
    CardTally.objects.bulk_update(changed, ["amount"], batch_size=500)
    return len(changed)
