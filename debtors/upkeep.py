"""A debtor's record keeps itself right: what payers say is applied, or proposed where a person has written; each diff is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import User
from debtors.enums import ChangeSource, ChangeState
from debtors.models import KEPT_UP, WRITTEN, Debtor, DebtorChange, Operator, text_of


class UpkeepConflict(Exception):
    """Somebody else changed the record, or decided, in between. `message`: for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@transaction.atomic
def refresh(debtor_id: int, said: Mapping[str, str], at: datetime, source: ChangeSource) -> list[str]:
    """Apply what a payer's message or the directory says of a record. Only what is said and differs is written.

    `said`: fields of KEPT_UP; an empty text says nothing. What a person wrote is proposed instead, once, and not again
    once somebody has dismissed that very value. Returns the fields that changed.
    """
    debtor = Debtor.objects.select_for_update().get(pk=debtor_id)
    differing = {name: text for name, text in said.items() if text and getattr(debtor, name) != text}
    changed = [name for name in differing if name not in debtor.locked]
    _write(debtor, {name: differing[name] for name in changed}, at, source)
    debtor.refreshed_at = at
    debtor.save(update_fields=[*changed, "refreshed_at", *(["version"] if changed else [])])
    for name, text in differing.items():
        if name in debtor.locked:
            _propose(debtor, name, text, at, source)
    return changed


@transaction.atomic
def edit(debtor_id: int, values: Mapping[str, Any], user: User | None, *, version: int) -> list[str]:
    """A person writes a record: what they change is theirs from then on. Returns these fields. Raises UpkeepConflict.

    `values`: of KEPT_UP and WRITTEN; what is not there stays.
    """
    debtor = _unchanged(debtor_id, version)
    known = {name: value for name, value in values.items() if name in (*KEPT_UP, *WRITTEN)}
    changed = [name for name, value in known.items() if getattr(debtor, name) != value]
    _write(debtor, {name: known[name] for name in changed}, timezone.now(), ChangeSource.PERSON, user)
    debtor.locked = sorted({*debtor.locked, *(name for name in changed if name in KEPT_UP)})
    debtor.save(update_fields=[*changed, "locked", "version"])
    if "multiple_centres" in changed:
        _tell_associations(debtor)
    # What a payer had proposed was about the value that is no more.
    _open(debtor).filter(field__in=changed).update(
        state=ChangeState.DISMISSED, decided_by=user, decided_at=timezone.now()
    )
    return changed


def _tell_associations(debtor: Debtor) -> None:
    """Several debtors may be validated for a card when its AMC has several management centres, and then only."""
    try:
        with transaction.atomic():
            debtor.associations.update(multiple_centres=debtor.multiple_centres)
    except IntegrityError as problem:
        raise UpkeepConflict(
            "Des cartes de cet organisme mènent à plusieurs débiteurs validés\u00a0: rejetez les autres d’abord. "
            "Rien n’a changé."
        ) from problem


@transaction.atomic
def let_go(debtor_id: int, field: str, *, version: int) -> None:
    """What payers say of this field is applied again, what waits for it first. Raises UpkeepConflict."""
    debtor = _unchanged(debtor_id, version)
    debtor.locked = [name for name in debtor.locked if name != field]
    debtor.version += 1
    debtor.save(update_fields=["locked", "version"])
    if waiting := _open(debtor).filter(field=field).first():
        decide(waiting.pk, None, accepted=True)


@transaction.atomic
def decide(change_id: int, user: User | None, *, accepted: bool) -> DebtorChange:
    """Take what is proposed, or leave it. Raises UpkeepConflict when somebody has decided already."""
    change = DebtorChange.objects.select_related("debtor").select_for_update().get(pk=change_id)
    if change.state != ChangeState.PROPOSED:
        who = change.decided_by.short_name if change.decided_by else "Quelqu’un d’autre"
        raise UpkeepConflict(f"{who} a déjà décidé de ce changement\u00a0: rien n’a été écrasé.")
    change.state = ChangeState.ACCEPTED if accepted else ChangeState.DISMISSED
    change.decided_by, change.decided_at = user, timezone.now()
    change.save(update_fields=["state", "decided_by", "decided_at"])
    if accepted:
        Debtor.objects.filter(pk=change.debtor_id).update(**{change.field: change.after}, version=F("version") + 1)
    return change


@transaction.atomic
def put_back(debtor_id: int, wrote: Mapping[str, str], before: Mapping[str, str], at: datetime) -> list[str]:
    """Give a record what it held before an import: the fields that still hold what it `wrote`, and that no person has since.

    Each is a difference of its own. Returns these fields.
    """
    debtor = Debtor.objects.select_for_update().get(pk=debtor_id)
    back = {
        name: text
        for name, text in before.items()
        if name not in debtor.locked and text_of(debtor, name) == wrote.get(name)
    }
    values: dict[str, Any] = dict(back)
    if "operator" in back:
        values["operator"] = Operator.objects.filter(name=back["operator"]).first()
    _write(debtor, values, at, ChangeSource.IMPORT)
    debtor.save(update_fields=[*back, *(["version"] if back else [])])
    return list(back)


def complete(debtor: Debtor, said: Mapping[str, str], user: User | None) -> None:
    """Fill what a record leaves empty from the record that was put with it. Needs its lock; whoever calls saves nothing."""
    missing = {name: text for name, text in said.items() if text and not getattr(debtor, name)}
    if missing:
        _write(debtor, missing, timezone.now(), ChangeSource.MERGE, user)
        debtor.save(update_fields=[*missing, "version"])


def _unchanged(debtor_id: int, version: int) -> Debtor:
    debtor = Debtor.objects.select_for_update().get(pk=debtor_id)
    if debtor.version != version:
        raise UpkeepConflict(
            "Cette fiche a changé entre-temps\u00a0: rien n’a été écrasé. Relisez-la, puis recommencez."
        )
    return debtor


def _write(
    debtor: Debtor, values: Mapping[str, Any], at: datetime, source: ChangeSource, user: User | None = None
) -> None:
    """On the instance: whoever calls saves it."""
    before = {name: text_of(debtor, name) for name in values}
    for name, value in values.items():
        setattr(debtor, name, value)
    told = [
        DebtorChange(
            debtor=debtor,
            field=name,
            before=before[name],
            after=text_of(debtor, name),
            source=source,
            state=ChangeState.ACCEPTED if user else ChangeState.APPLIED,
            said_at=at,
            decided_by=user,
            decided_at=at if user else None,
        )
        for name in values
    ]
    if told:
        debtor.version += 1
        DebtorChange.objects.bulk_create(told)


def _propose(debtor: Debtor, name: str, text: str, at: datetime, source: ChangeSource) -> None:
    last = DebtorChange.objects.filter(debtor=debtor, field=name, state=ChangeState.DISMISSED).first()
    if last is not None and last.after == text:
        return
    waiting = _open(debtor).filter(field=name).first()
    if waiting is None:
        DebtorChange.objects.create(
            debtor=debtor,
            field=name,
            before=getattr(debtor, name),
            after=text,
            source=source,
            state=ChangeState.PROPOSED,
            said_at=at,
        )
        return
    waiting.said_count = waiting.said_count + 1 if waiting.after == text else 1
    waiting.after, waiting.said_at, waiting.source = text, at, source
    waiting.save(update_fields=["after", "said_at", "source", "said_count"])


def _open(debtor: Debtor) -> QuerySet[DebtorChange]:
    return DebtorChange.objects.filter(debtor=debtor, state=ChangeState.PROPOSED)
