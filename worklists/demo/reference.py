"""What the demonstration's référents find: doubles, records that serve nobody, proposed differences, contested decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef

from accounts.enums import Role
from accounts.models import User
from admissions.models import Coverage
from billing.debtors import mark_idle
from debtors import duplicates, upkeep
from debtors.decisions import decide_association
from debtors.enums import AssociationStatus, ChangeSource, DebtorKind
from debtors.models import DatamatrixAssociation, Debtor
from debtors.querysets import CardContext
from debtors.services import learn_association
from worklists.demo.acts import Hospital
from worklists.demo.ageing import move

#: Another way to write payers that the hospital has, typed in a hurry.
_TWICE: Final = 2
#: Records of before, which nobody chooses any more (numbers of no payer).
_FORGOTTEN: Final = (
    ("AMC90001", "Mutuelle des Tonneliers", "0099990001"),
    ("AMC90002", "Prévoyance du Sel", "0099990002"),
)


def fill(hospital: Hospital, now: datetime) -> None:
    referent = hospital.someone(Role.REFERENT, 0).user
    assert referent is not None
    _forgotten(now)
    _twice(now)
    _proposed(referent, now)
    _contested(referent, hospital.someone(Role.AGENT, 1).user)


def _forgotten(now: datetime) -> None:
    made = [
        Debtor.objects.create(kind=DebtorKind.AMC, code=code, name=name, amc_number=number).pk
        for code, name, number in _FORGOTTEN
    ]
    move(Debtor, "created_at", dict.fromkeys(made, now - timedelta(days=900)))
    mark_idle()


def _twice(now: datetime) -> None:
    known = Debtor.objects.filter(kind=DebtorKind.AMC, multiple_centres=False, idle_since__isnull=True).order_by("pk")
    for number, debtor in enumerate(known[:_TWICE], start=1):
        Debtor.objects.create(
            kind=DebtorKind.AMC,
            code=f"AMC8000{number}",
            name=f"MUT. {debtor.name.upper()}"[:120],
            amc_number=debtor.amc_number,
            created_at=now,
        )
    duplicates.look()


def _proposed(referent: User, now: datetime) -> None:
    """A référent wrote where a payer is; its engagements say otherwise, again and again."""
    covering = Coverage.objects.filter(debtor=OuterRef("pk"))
    debtor = Debtor.objects.filter(Exists(covering), kind=DebtorKind.AMC).order_by("pk").first()
    if debtor is None:
        return
    upkeep.edit(debtor.pk, {"address": "BP 12, tri hospitalier"}, referent, version=debtor.version)
    for hours in (30, 6):
        said = {"address": "14 avenue des Marées"}
        upkeep.refresh(debtor.pk, said, now - timedelta(hours=hours), ChangeSource.ENGAGEMENT)


def _contested(referent: User, agent: User | None) -> None:
    """A rejection that an agent contests, and an association that was forgotten."""
    waiting = DatamatrixAssociation.objects.filter(status=AssociationStatus.TO_VALIDATE).exclude(amc_number="")
    fates = (AssociationStatus.REJECTED, AssociationStatus.DELETED)
    for association, fate in zip(waiting.order_by("use_count", "-pk")[:2], fates, strict=False):
        decide_association(association.pk, fate, referent, version=association.version)
        if fate == AssociationStatus.REJECTED:
            learn_association(_context(association), association.debtor, agent)


def _context(association: DatamatrixAssociation) -> CardContext:
    return CardContext(
        fingerprint=association.fingerprint,
        amc_number=association.amc_number,
        convention=association.convention,
        csr=association.csr,
        domain=association.domain,
    )
