"""Reads: which debtor a card leads to, and the search grid when none does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import CharField, Q, QuerySet

from debtors.enums import USABLE, AssociationStatus, DebtorKind, MatchLevel
from debtors.models import DatamatrixAssociation, Debtor, DirectoryEntry
from gap.compiled import Compiled, Given


@dataclass(frozen=True, slots=True)
class CardContext:
    """What decides of a debtor: the whole card's digest, and its context for this domain (empty if not parsed)."""

    fingerprint: str
    amc_number: str
    convention: str
    csr: str
    domain: str
    #: The same digest under the older keys of the ring: rows learnt before a rotation still have it.
    former_fingerprints: tuple[str, ...] = ()

    @property
    def fingerprints(self) -> list[str]:
        return [self.fingerprint, *self.former_fingerprints]


@dataclass(frozen=True, slots=True)
class Match:
    """The associations that the most specific rule found, most used first; none when `associations` is empty."""

    level: MatchLevel | None
    associations: list[DatamatrixAssociation]

    @property
    def decided(self) -> DatamatrixAssociation | None:
        debtors = {association.debtor_id for association in self.associations}
        return self.associations[0] if len(debtors) == 1 else None


def of_context(context: CardContext) -> QuerySet[DatamatrixAssociation]:
    """What was learnt of exactly this context, or of exactly this card when nobody can parse it; whatever its status."""
    rows = DatamatrixAssociation.objects.filter(domain=context.domain)
    if context.amc_number:
        return rows.filter(amc_number=context.amc_number, convention=context.convention, csr=context.csr)
    return rows.filter(amc_number="", fingerprint__in=context.fingerprints)


def match_card(context: CardContext, day: date) -> Match:
    """From the most to the least specific: whole card, AMC + convention + CSR, AMC + convention, AMC.

    A debtor that a référent rejected for this context comes back by none of them.
    """
    rejected = of_context(context).filter(status=AssociationStatus.REJECTED)
    usable = (
        DatamatrixAssociation.objects.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=day),
            domain=context.domain,
            status__in=USABLE,
            valid_from__lte=day,
            debtor__active=True,
        )
        .exclude(debtor__in=rejected.order_by().values("debtor"))
        .select_related("debtor")
        .order_by("-use_count", "-last_used_at", "pk")
    )
    rules: list[tuple[MatchLevel, dict[str, Any]]] = [(MatchLevel.WHOLE, {"fingerprint__in": context.fingerprints})]
    if context.amc_number:
        amc = {"amc_number": context.amc_number}
        convention = amc | {"convention": context.convention}
        rules += [
            (MatchLevel.CSR, convention | {"csr": context.csr}),
            (MatchLevel.CONVENTION, convention),
            (MatchLevel.AMC, amc),
        ]
    for level, rule in rules:
        if found := list(usable.filter(**rule)[:20]):
            return Match(level, found)
    return Match(None, [])


def connected_debtor(context: CardContext) -> Debtor | None:
    """The record of an AMC that the directory knows for this context, when it has one and no référent said otherwise.

    What was learnt comes first: this is for a card of which nothing was. The directory's last answer is used, whatever its
    age: the payer itself says soon after whether it knows the patient.
    """
    if not context.amc_number:
        return None
    entry = directory_entry(context.amc_number, context.convention, context.csr, context.domain)
    if entry is None or not entry.found or entry.multiple_centres:
        return None
    rejected = of_context(context).filter(status=AssociationStatus.REJECTED).order_by().values("debtor")
    known = Debtor.objects.filter(kind=DebtorKind.AMC, active=True, amc_number=context.amc_number).exclude(
        pk__in=rejected
    )
    found = list(known[:2])
    return found[0] if len(found) == 1 and not found[0].multiple_centres else None


def search_debtors(text: str, kind: DebtorKind = DebtorKind.AMC) -> QuerySet[Debtor]:
    """The grid: a fragment of the name, an AMC number, an operator or a town."""
    found = Debtor.objects.filter(kind=kind, active=True).select_related("operator")
    text = text.strip()
    digits = text.replace(" ", "")
    if digits.isdigit():
        return found.filter(amc_number__contains=digits)
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(operator__name__icontains=word) | Q(town__icontains=word))
    return found


def directory_entry(amc_number: str, convention: str, csr: str, domain: str) -> DirectoryEntry | None:
    """What the directory last said of a route, None when it was never asked."""
    return _ENTRY.first(amc_number=amc_number, convention=convention, csr=csr, domain=domain)


_ENTRY = Compiled(
    lambda: DirectoryEntry.objects.filter(
        **{name: Given(name, CharField()) for name in ("amc_number", "convention", "csr", "domain")}
    )
)
