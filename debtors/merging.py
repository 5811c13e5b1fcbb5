"""Two records of one payer put together: what they hold moves to the one that stays, and may move back for 30 days.

What an invoice that has left says is never touched. The floors above say what they hold of a debtor (`MOVERS`); each set of
rows is moved by one statement and its keys are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from debtors import upkeep
from debtors.enums import GONE, AssociationStatus, PairState
from debtors.models import KEPT_UP, DatamatrixAssociation, Debtor, DebtorMerge, DebtorMove, DebtorPair

REVERSIBLE_FOR: Final = timedelta(days=30)
_ASSOCIATIONS: Final = "associations"
#: Associations that both had: those of the record that goes are deleted, their uses counted with the others.
_TWINS: Final = "associations en double"
_BEST_FIRST: Final = (AssociationStatus.VALIDATED, AssociationStatus.TO_VERIFY, AssociationStatus.TO_VALIDATE)


class MergeRefused(Exception):
    """Not done: `message` tells a person why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Mover:
    """Rows of a floor above that have a column `debtor`. `movable`, `staying`: those of a debtor (key) that follow it, or not.

    `label`, `stays`: what a person calls them, « couverture,couvertures »; no label where none moves.
    `but`: leaves out what the other debtor (key) has.
    """

    name: str
    label: str
    movable: Callable[[int], QuerySet[Any]]
    stays: str = ""
    staying: Callable[[int], QuerySet[Any]] | None = None
    but: Callable[[QuerySet[Any], int], QuerySet[Any]] | None = None

    def move(self, from_id: int, to_id: int, among: list[int] | None = None) -> list[int]:
        """Give these rows the other debtor. Returns their keys."""
        rows = self.movable(from_id)
        if among is not None:
            rows = rows.filter(pk__in=among)
        if self.but:
            rows = self.but(rows, to_id)
        keys = list(rows.order_by("pk").values_list("pk", flat=True))
        self.movable(from_id).filter(pk__in=keys).update(debtor=to_id)
        return keys


MOVERS: Final[list[Mover]] = []
#: Who must let nobody else change what is about to move (key of the debtor it moves from).
HOLDERS: Final[list[Callable[[int], None]]] = []
#: Whom to tell once rows have another debtor: keys of the record that went, of the one that stays, and what was moved.
MOVED: Final[list[Callable[[Debtor, Debtor, dict[str, list[int]]], None]]] = []


@dataclass(frozen=True, slots=True)
class Count:
    """A line of what a merge would do."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Preview:
    moves: list[Count]
    stays: list[Count]


def preview(source: Debtor) -> Preview:
    """What putting this record with another would move, and what stays with it."""
    moves = [Count("association,associations", _learnt(source.pk).count())]
    moves += [Count(mover.label, mover.movable(source.pk).count()) for mover in MOVERS if mover.label]
    stays = [Count(mover.stays, mover.staying(source.pk).count()) for mover in MOVERS if mover.staying]
    return Preview(moves, stays)


def _learnt(debtor_id: int) -> QuerySet[DatamatrixAssociation]:
    return DatamatrixAssociation.objects.filter(debtor=debtor_id)


@transaction.atomic
def merge(source_id: int, target_id: int, user: User | None) -> DebtorMerge:
    """Put `source` with `target`, which stays. Raises MergeRefused."""
    for hold in HOLDERS:
        hold(source_id)
    source, target = _locked(source_id, target_id)
    _check(source, target)
    done = DebtorMerge.objects.create(source=source, target=target, merged_at=timezone.now(), merged_by=user)
    _move_associations(done)
    moved: dict[str, list[int]] = {}
    for mover in MOVERS:
        moved[mover.name] = mover.move(source.pk, target.pk)
        DebtorMove.objects.create(merge=done, what=mover.name, keys=moved[mover.name])
    source.active, source.merged_into = False, target
    source.version += 1
    source.save(update_fields=["active", "merged_into", "version"])
    upkeep.complete(target, {name: getattr(source, name) for name in KEPT_UP}, user)
    _pair(source, target, PairState.MERGED, user)
    for tell in MOVED:
        tell(source, target, moved)
    return done


def _locked(source_id: int, target_id: int) -> tuple[Debtor, Debtor]:
    """Both, always in one order: two people may merge the same records the other way round."""
    rows = {
        row.pk: row for row in Debtor.objects.select_for_update().filter(pk__in=[source_id, target_id]).order_by("pk")
    }
    if len(rows) != 2:
        raise MergeRefused("Choisissez deux fiches différentes.")
    return rows[source_id], rows[target_id]


def _check(source: Debtor, target: Debtor) -> None:
    if source.kind != target.kind:
        raise MergeRefused("Une caisse et une complémentaire ne se fusionnent pas.")
    for one in (source, target):
        if one.merged_into_id:
            raise MergeRefused(f"{one.name} est déjà fusionnée avec une autre fiche. Rien n’a changé.")
    if not target.active:
        raise MergeRefused(f"{target.name} est inactive : gardez l’autre fiche, ou réveillez celle-ci d’abord.")


def _move_associations(done: DebtorMerge) -> None:
    """One association a context and debtor: where both had one, the target's stays, with the better status of the two."""
    ours = {_context(row): row for row in _learnt(done.target_id).exclude(status__in=GONE).select_for_update()}
    moving, twins = [], {}
    for row in _learnt(done.source_id).select_for_update().order_by("pk"):
        twin = ours.get(_context(row)) if row.status not in GONE else None
        if twin is None:
            moving.append(row.pk)
            continue
        twins[row.pk] = {
            "status": row.status,
            "uses": row.use_count,
            "twin": twin.pk,
            "twin_status": twin.status,
            "twin_version": twin.version + 1,
        }
        best = min((row.status, twin.status), key=lambda status: _BEST_FIRST.index(AssociationStatus(status)))
        # Deleted first: one validated association a context.
        _learnt(done.source_id).filter(pk=row.pk).update(status=AssociationStatus.DELETED, version=F("version") + 1)
        DatamatrixAssociation.objects.filter(pk=twin.pk).update(
            status=best, use_count=F("use_count") + row.use_count, version=F("version") + 1
        )
    DatamatrixAssociation.objects.filter(pk__in=moving).update(debtor=done.target, version=F("version") + 1)
    DebtorMove.objects.create(merge=done, what=_ASSOCIATIONS, keys=moving)
    DebtorMove.objects.create(merge=done, what=_TWINS, keys=list(twins), before=twins)


def _context(row: DatamatrixAssociation) -> tuple[str, ...]:
    if row.amc_number:
        return row.amc_number, row.convention, row.csr, row.domain
    return row.fingerprint, row.domain


# ---- and back ----


def reversible(done: DebtorMerge) -> bool:
    return done.undone_at is None and timezone.now() < done.merged_at + REVERSIBLE_FOR


@transaction.atomic
def unmerge(merge_id: int, user: User | None) -> int:
    """Each record has its own again. Returns how many rows stay where they are: they left, or were changed, since.

    Raises MergeRefused: it is too late, done already, or the record that stayed was itself put with another since.
    """
    done = DebtorMerge.objects.select_for_update().get(pk=merge_id)
    if done.undone_at is not None:
        raise MergeRefused("Cette fusion était déjà défaite. Rien n’a changé.")
    if not reversible(done):
        raise MergeRefused("Une fusion se défait pendant 30 jours : celle-ci est plus ancienne. Rien n’a changé.")
    for hold in HOLDERS:
        hold(done.target_id)
    source, target = _locked(done.source_id, done.target_id)
    if target.merged_into_id:
        raise MergeRefused("La fiche gardée a elle-même été fusionnée depuis : défaites d’abord cette fusion-là.")
    moves = {move.what: move for move in done.moves.all()}
    left = 0
    moved: dict[str, list[int]] = {}
    for mover in reversed(MOVERS):
        if mover.name not in moves:
            continue
        keys = moves[mover.name].keys
        moved[mover.name] = mover.move(target.pk, source.pk, keys)
        left += len(keys) - len(moved[mover.name])
    source.active, source.merged_into = True, None
    source.version += 1
    source.save(update_fields=["active", "merged_into", "version"])
    left += _give_associations_back(source, target, moves)
    done.undone_at, done.undone_by = timezone.now(), user
    done.save(update_fields=["undone_at", "undone_by"])
    _pair(source, target, PairState.APART, user)
    for tell in MOVED:
        tell(target, source, moved)
    return left


def _give_associations_back(source: Debtor, target: Debtor, moves: dict[str, DebtorMove]) -> int:
    keys = moves[_ASSOCIATIONS].keys
    back = _learnt(target.pk).filter(pk__in=keys)
    left = len(keys) - back.update(debtor=source, version=F("version") + 1)
    for pk, before in moves[_TWINS].before.items():
        twins = DatamatrixAssociation.objects.select_for_update().in_bulk([int(pk), before["twin"]])
        ours, theirs = twins[int(pk)], twins[before["twin"]]
        if ours.status != AssociationStatus.DELETED:
            left += 1
            continue
        theirs.use_count = max(theirs.use_count - before["uses"], 0)
        # Decided since, it stays as decided.
        if theirs.version == before["twin_version"]:
            theirs.status = before["twin_status"]
        theirs.version += 1
        theirs.save(update_fields=["use_count", "status", "version"])
        both = AssociationStatus.VALIDATED == theirs.status == before["status"] and not ours.multiple_centres
        ours.status = AssociationStatus.TO_VERIFY if both else before["status"]
        ours.version += 1
        ours.save(update_fields=["status", "version"])
    return left


# ---- pairs ----


def _pair(one: Debtor, other: Debtor, state: PairState, user: User | None) -> None:
    first, second = sorted((one.pk, other.pk))
    pairs = DebtorPair.objects.filter(first=first, second=second)
    pairs.update(state=state, decided_at=timezone.now(), decided_by=user)


def keep_apart(pair_id: int, user: User) -> None:
    """A person says that they are two payers: they are not proposed again. Raises MergeRefused."""
    pairs = DebtorPair.objects.filter(pk=pair_id, state=PairState.PROPOSED)
    if not pairs.update(state=PairState.APART, decided_at=timezone.now(), decided_by=user):
        raise MergeRefused("Quelqu’un en a déjà décidé : rien n’a changé.")
