"""What a référent decides of associations, one or many in a gesture, and takes back.

A decision is a row that keeps what there was before. Whoever decides second is told, and overwrites nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from debtors.enums import USABLE, AssociationStatus, DecisionKind
from debtors.models import AssociationDecision, DatamatrixAssociation, Debtor
from debtors.querysets import CardContext, of_context

STATUS_AFTER: Final = {
    DecisionKind.VALIDATE: AssociationStatus.VALIDATED,
    DecisionKind.CHANGE: AssociationStatus.VALIDATED,
    DecisionKind.REJECT: AssociationStatus.REJECTED,
    DecisionKind.DELETE: AssociationStatus.DELETED,
    DecisionKind.DOUBT: AssociationStatus.TO_VERIFY,
}
_STANDS: Final = (
    "Une autre association est déjà en vigueur pour ce contexte. "
    "Rejetez-la d’abord, ou déclarez l’organisme en centre de gestion multiple."
)


class AssociationConflict(Exception):
    """Another référent decided before, or a validated association already stands for this context."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a decision on an association would reach: counted by the floors above, which know stays and money."""

    #: Stays not yet billed whose payer was found by it.
    open_stays: int = 0
    #: What AMC announced for these, in euros.
    at_stake: Decimal = field(default=Decimal("0.00"))
    #: Prises en charge that are open for these: another debtor is asked afresh.
    agreements: int = 0
    #: Stays whose invoice has left already: they keep their debtor whatever is decided.
    billed: int = 0


#: Who knows of stays says here what a decision would reach (association's key).
CONSEQUENCES: Final[list[Callable[[int], Consequences]]] = []
#: Whom to wake once another debtor was put in the place of the first (association's key).
DEBTOR_REPLACED: Final[list[Callable[[int], None]]] = []


def consequences_of(association_id: int) -> Consequences:
    return next((of(association_id) for of in CONSEQUENCES), Consequences())


@transaction.atomic
def decide_association(
    association_id: int,
    status: AssociationStatus,
    user: User | None,
    *,
    version: int,
    debtor: Debtor | None = None,
    instead_of_others: bool = False,
    batch: UUID | None = None,
    note: str = "",
) -> DatamatrixAssociation:
    """A référent, or a program of theirs (no user), validates, modifies (another debtor), rejects or deletes.

    `instead_of_others`: what else stands for the same context is rejected with it. `batch`: of decisions taken together.
    Raises AssociationConflict.
    """
    association = DatamatrixAssociation.objects.select_for_update().get(pk=association_id)
    if association.version != version:
        by = association.decided_by
        who = by.short_name if by else "Quelqu’un d’autre"
        raise AssociationConflict(f"{who} a déjà traité cette association : rien n’a été écrasé.")
    batch = batch or uuid4()
    kind = _kind(status, changed=debtor is not None)
    if instead_of_others:
        for other in others(association).select_for_update():
            _take(other, DecisionKind.REJECT, user, batch)
    _take(association, kind, user, batch, debtor=debtor, note=note)
    return association


@transaction.atomic
def associate(context: CardContext, debtor: Debtor, user: User, *, since: date) -> DatamatrixAssociation:
    """A référent says who pays for a kind of card that the table does not know: validated at once, and taken back as any
    decision (it is then forgotten). `since`: from which day of care on. Raises AssociationConflict.
    """
    if of_context(context).filter(status__in=USABLE).exists():
        raise AssociationConflict("Cette carte vient d’être apprise : relisez-la dans les associations.")
    association = DatamatrixAssociation.objects.create(
        fingerprint=context.fingerprint,
        amc_number=context.amc_number,
        convention=context.convention,
        csr=context.csr,
        domain=context.domain,
        debtor=debtor,
        multiple_centres=debtor.multiple_centres,
        status=AssociationStatus.DELETED,
        valid_from=since,
        created_by=user,
    )
    _take(association, DecisionKind.VALIDATE, user, uuid4())
    return association


def _kind(status: AssociationStatus, *, changed: bool) -> DecisionKind:
    if status == AssociationStatus.VALIDATED:
        return DecisionKind.CHANGE if changed else DecisionKind.VALIDATE
    return next(kind for kind, after in STATUS_AFTER.items() if after == status)


def _take(
    association: DatamatrixAssociation,
    kind: DecisionKind,
    user: User | None,
    batch: UUID,
    *,
    debtor: Debtor | None = None,
    note: str = "",
) -> None:
    """Needs the association's lock. Raises AssociationConflict when the database says that another one stands."""
    before = association.status, association.debtor_id
    at = timezone.now()
    if debtor is not None:
        _put(association, debtor, at)
    association.status = STATUS_AFTER[kind]
    association.decided_by, association.decided_at = (None, None) if kind == DecisionKind.DOUBT else (user, at)
    association.version += 1
    _save(association)
    AssociationDecision.objects.create(
        association=association,
        kind=kind,
        status_before=before[0],
        debtor_before_id=before[1],
        debtor_id=association.debtor_id,
        batch=batch,
        version=association.version,
        note=note.strip()[:300],
        decided_at=at,
        decided_by=user,
    )


def _put(association: DatamatrixAssociation, debtor: Debtor, at: datetime) -> None:
    """Another debtor in the place of the first: the open stays that came by this association will follow."""
    if debtor.pk != association.debtor_id:
        association.to_follow_since = at
        for wake in DEBTOR_REPLACED:
            transaction.on_commit(partial(wake, association.pk))
    association.debtor = debtor
    association.multiple_centres = debtor.multiple_centres


def _save(association: DatamatrixAssociation) -> None:
    try:
        with transaction.atomic():
            association.save()
    except IntegrityError as problem:
        raise AssociationConflict(_STANDS) from problem


def others(association: DatamatrixAssociation) -> QuerySet[DatamatrixAssociation]:
    """What else serves the same context (the same card, when it could not be parsed), most used first."""
    rows = DatamatrixAssociation.objects.filter(domain=association.domain, status__in=USABLE).exclude(pk=association.pk)
    if association.amc_number:
        rows = rows.filter(amc_number=association.amc_number, convention=association.convention, csr=association.csr)
    else:
        rows = rows.filter(amc_number="", fingerprint=association.fingerprint)
    return rows.order_by("-use_count", "pk")


# ---- several at once ----

#: Key of the association, whether it was done, and otherwise why not.
Outcome = tuple[int, bool, str]


def decide_many(ids: Iterable[int], kind: DecisionKind, user: User) -> list[Outcome]:
    """The same decision on several associations, as they stand now; each by itself. They are taken back together."""
    batch = uuid4()
    versions = dict(DatamatrixAssociation.objects.filter(pk__in=ids).values_list("pk", "version"))
    outcomes = []
    for pk in ids:
        if pk not in versions:
            outcomes.append((pk, False, "Cette association n’existe plus."))
            continue
        try:
            decide_association(pk, STATUS_AFTER[kind], user, version=versions[pk], batch=batch)
        except AssociationConflict as conflict:
            outcomes.append((pk, False, conflict.message))
        else:
            outcomes.append((pk, True, ""))
    return outcomes


def decide_in_bulk(
    associations: Sequence[DatamatrixAssociation], kind: DecisionKind, user: User | None, batch: UUID
) -> None:
    """The same decision on associations whose lock the caller has, in two statements; the debtor stays.

    `kind`: DELETE or DOUBT, which no constraint of the table refuses.
    """
    at = timezone.now()
    waits = kind == DecisionKind.DOUBT
    DatamatrixAssociation.objects.filter(pk__in=[one.pk for one in associations]).update(
        status=STATUS_AFTER[kind],
        decided_by=None if waits else user,
        decided_at=None if waits else at,
        version=F("version") + 1,
    )
    AssociationDecision.objects.bulk_create(
        [
            AssociationDecision(
                association=one,
                kind=kind,
                status_before=one.status,
                debtor_before_id=one.debtor_id,
                debtor_id=one.debtor_id,
                batch=batch,
                version=one.version + 1,
                decided_at=at,
                decided_by=user,
            )
            for one in associations
        ]
    )


# ---- taken back ----


def last_of(user: User) -> AssociationDecision | None:
    """The last decision of this person that may still be taken back; the rest of its gesture goes with it."""
    last = AssociationDecision.objects.filter(decided_by=user).select_related("association", "debtor").first()
    return last if last and last.undone_at is None and last.version == last.association.version else None


def undo(batch: UUID, user: User | None) -> list[Outcome]:
    """Give back what there was before the decisions of a gesture, the last first; each by itself, if nothing changed since."""
    taken = AssociationDecision.objects.filter(batch=batch, undone_at__isnull=True).order_by("-pk")
    return _undo_each(list(taken.values_list("pk", flat=True)), user)


def undo_some(batch: UUID, user: User | None, below: int | None, count: int) -> tuple[list[Outcome], int | None]:
    """As `undo`, `count` decisions at most: of those before a key (`below`), when given. Returns where to go on, or None."""
    taken = AssociationDecision.objects.filter(batch=batch, undone_at__isnull=True).order_by("-pk")
    if below is not None:
        taken = taken.filter(pk__lt=below)
    keys = list(taken.values_list("pk", flat=True)[:count])
    return _undo_each(keys, user), keys[-1] if keys else None


def _undo_each(keys: list[int], user: User | None) -> list[Outcome]:
    outcomes = []
    for pk in keys:
        try:
            outcomes.append((_undo(pk, user), True, ""))
        except AssociationConflict as conflict:
            outcomes.append((AssociationDecision.objects.get(pk=pk).association_id, False, conflict.message))
    return outcomes


@transaction.atomic
def _undo(decision_id: int, user: User | None) -> int:
    found = AssociationDecision.objects.values_list("association_id", flat=True).get(pk=decision_id)
    association = DatamatrixAssociation.objects.select_for_update().get(pk=found)
    decision = (
        AssociationDecision.objects.select_related("debtor_before").select_for_update(of=("self",)).get(pk=decision_id)
    )
    if decision.undone_at is not None or decision.version != association.version:
        raise AssociationConflict("Cette association a changé depuis votre décision : elle reste telle.")
    at = timezone.now()
    _put(association, decision.debtor_before, at)
    association.status = decision.status_before
    waits = association.status in (AssociationStatus.TO_VALIDATE, AssociationStatus.TO_VERIFY)
    association.decided_by, association.decided_at = (None, None) if waits else (user, at)
    association.version += 1
    _save(association)
    decision.undone_at, decision.undone_by = at, user
    decision.save(update_fields=["undone_at", "undone_by"])
    return association.pk
