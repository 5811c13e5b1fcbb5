"""What an import brought, taken back: what nobody has used nor decided since goes, the rest is said.

Of cards: what serves is put « à vérifier », what a person decided stays. Of records: what nothing hangs on is removed, what was
brought up to date is put back where it still holds what the file wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils import timezone

from debtors import decisions, upkeep
from debtors.enums import AssociationStatus, DecisionKind, ImportKind, ImportState, PairState, RecordFate, VoteFate
from debtors.models import (
    AssociationDecision,
    DatamatrixAssociation,
    Debtor,
    DebtorPair,
    FileImport,
    ImportRecord,
    ImportVote,
)

_AT_ONCE: Final = 500
_TAKEN: Final = (VoteFate.BACK, VoteFate.DOUBTED)

#: What would become of lines: its name for a person, and how many.
Counts = list[tuple[str, int]]


def foreseen(row: FileImport) -> Counts:
    """What taking it back would do, counted before it is decided."""
    if row.kind == ImportKind.HISTORY:
        made = row.votes.filter(fate=VoteFate.CREATED)
        untouched = made.filter(association__in=_untouched(row))
        unused = untouched.filter(association__last_used_at__isnull=True).count()
        used = untouched.filter(association__last_used_at__isnull=False).count()
        return [
            ("supprimées\u00a0: personne ne s’en est servi", unused),
            ("à vérifier\u00a0: des séjours s’en servent", used),
            ("gardées\u00a0: décidées ou changées depuis", made.count() - unused - used),
        ]
    made_records = row.records.filter(fate=RecordFate.CREATED)
    removed = made_records.filter(debtor__in=unused_records()).count()
    updated = row.records.filter(fate=RecordFate.UPDATED)
    known = updated.filter(before__isnull=False).count()
    return [
        ("retirées\u00a0: créées par cet import, rien ne s’y rattache", removed),
        ("remises comme avant, là où elles n’ont pas changé depuis", known),
        ("gardées\u00a0: elles servent, ou leur valeur d’avant n’est pas connue",
         made_records.count() - removed + updated.count() - known),
    ]  # fmt: skip


# ---- cards ----


def _left(row: FileImport) -> AssociationStatus:
    """The status that it left its associations in."""
    return AssociationStatus.VALIDATED if row.validates else AssociationStatus.TO_VALIDATE


def _untouched(row: FileImport) -> QuerySet[DatamatrixAssociation]:
    """In the state that it left them in, and of which nobody has decided."""
    decided = AssociationDecision.objects.filter(association=OuterRef("pk"), undone_at__isnull=True)
    return DatamatrixAssociation.objects.filter(~Exists(decided), status=_left(row))


def take_votes_back(row: FileImport, told: Callable[[int], None]) -> None:
    """Delete, or put « à vérifier », what it created; some at a time: cut, it goes on where it was."""
    assert row.gesture is not None
    done = row.votes.filter(fate__in=[*_TAKEN, VoteFate.KEPT]).count()
    due = row.votes.filter(fate=VoteFate.CREATED).order_by("pk")
    while votes := list(due[:_AT_ONCE]):
        with transaction.atomic():
            # Their order: two workers, or a person's selection, never wait for each other.
            rows = DatamatrixAssociation.objects.filter(pk__in=[vote.association_id for vote in votes]).order_by("pk")
            locked = {one.pk: one for one in rows.select_for_update()}
            untouched = set(_untouched(row).filter(pk__in=locked).values_list("pk", flat=True))
            taken: dict[VoteFate, list[DatamatrixAssociation]] = {fate: [] for fate in _TAKEN}
            for vote in votes:
                vote.fate = VoteFate.KEPT
                one = locked.get(vote.association_id or 0)
                if one is not None and one.pk in untouched and one.debtor_id == vote.debtor_id:
                    vote.fate = VoteFate.BACK if one.last_used_at is None else VoteFate.DOUBTED
                    taken[vote.fate].append(one)
            decisions.decide_in_bulk(taken[VoteFate.BACK], DecisionKind.DELETE, row.gesture_by, row.gesture)
            decisions.decide_in_bulk(taken[VoteFate.DOUBTED], DecisionKind.DOUBT, row.gesture_by, row.gesture)
            ImportVote.objects.bulk_update(votes, ["fate"])
        done += len(votes)
        told(done)
    _over(row, done, ImportState.TAKEN_BACK)


def give_votes_back(row: FileImport, told: Callable[[int], None]) -> None:
    """Put what was taken back as it was before, where nobody has decided since."""
    assert row.gesture is not None
    done, below = 0, None
    while True:
        with transaction.atomic():
            outcomes, below = decisions.undo_some(row.gesture, row.gesture_by, below, _AT_ONCE)
        if below is None:
            break
        done += len(outcomes)
        told(done)
    still = AssociationDecision.objects.filter(
        association=OuterRef("association"), batch=row.gesture, undone_at__isnull=True
    )
    row.votes.filter(~Exists(still), fate__in=_TAKEN).update(fate=VoteFate.CREATED)
    row.votes.filter(fate=VoteFate.KEPT).update(fate=VoteFate.CREATED)
    _over(row, row.votes.filter(fate=VoteFate.CREATED).count(), ImportState.DONE)


# ---- records ----


def unused_records() -> QuerySet[Debtor]:
    """Records as they were created, on which nothing hangs, on whatever floor: nobody wrote them, nothing names them."""
    hanging = Q()
    for relation in Debtor._meta.get_fields(include_hidden=True):
        if not (isinstance(relation, ForeignObjectRel) and relation.related_model is not None):
            continue
        model: Any = relation.related_model
        if model is ImportRecord:
            continue
        rows = model.objects.filter(**{relation.field.name: OuterRef("pk")})
        if model is DebtorPair:
            # Proposed by night: it goes with the record.
            rows = rows.exclude(state=PairState.PROPOSED)
        hanging |= Q(Exists(rows.order_by()))
    return Debtor.objects.filter(~hanging, version=0, locked=[])


def take_records_back(row: FileImport, told: Callable[[int], None]) -> None:
    """Remove what it created and nothing uses, put back what it wrote; some at a time: cut, it goes on where it was."""
    over = [RecordFate.REMOVED, RecordFate.RESTORED, RecordFate.KEPT]
    done = row.records.filter(fate__in=over).count()
    due = row.records.filter(fate__in=[RecordFate.CREATED, RecordFate.UPDATED]).order_by("pk")
    while found := list(due[:_AT_ONCE]):
        with transaction.atomic():
            made = [record.debtor_id for record in found if record.debtor_id and record.fate == RecordFate.CREATED]
            # Locked: whoever would hang something on one of them waits until it is known whether it goes.
            list(Debtor.objects.filter(pk__in=made).order_by("pk").select_for_update().values_list("pk", flat=True))
            unused = set(unused_records().filter(pk__in=made).values_list("pk", flat=True))
            for record in found:
                record.fate = _record_fate(record, unused)
            Debtor.objects.filter(pk__in=unused).delete()
            for record in found:
                if record.debtor_id in unused:
                    record.debtor_id = None
            ImportRecord.objects.bulk_update(found, ["fate", "debtor"])
        done += len(found)
        told(done)
    _over(row, done, ImportState.TAKEN_BACK)


def _record_fate(record: ImportRecord, unused: set[int]) -> RecordFate:
    if record.fate == RecordFate.CREATED:
        return RecordFate.REMOVED if record.debtor_id in unused else RecordFate.KEPT
    if record.debtor_id is None or not record.before:
        return RecordFate.KEPT
    back = upkeep.put_back(record.debtor_id, record.values, record.before, timezone.now())
    return RecordFate.RESTORED if back else RecordFate.KEPT


def _over(row: FileImport, count: int, state: ImportState) -> None:
    row.applied_count, row.state, row.ended_at = count, state, timezone.now()
    row.save(update_fields=["applied_count", "state", "ended_at"])
