"""Sheets of the downtime kit: their numbers given, printed again, withdrawn, and what each became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import VoidReason
from admissions.errors import Refused
from admissions.events import Actor
from admissions.models import Patient, ReservedNumber, Stay
from admissions.services import stays
from admissions.services.patients import Traits, create_patient
from gap.locks import hold_for_transaction

#: Kits are made each hour. Between two that are further apart there was an outage: the sheets may be in people's hands.
SILENCE: Final = timedelta(hours=2)


class AlreadyEntered(Refused):
    """The stay of this sheet exists. `stay` is it."""

    def __init__(self, stay: Stay) -> None:
        super().__init__(
            "Cette feuille est déjà ressaisie.",
            kept="Rien n’a été créé une seconde fois.",
            todo="Ouvrez son séjour, et comparez avec la feuille.",
        )
        self.stay = stay


@dataclass(frozen=True, slots=True)
class Entry:
    """What a sheet says of an entry: the plan of the stay (its start is the entry), and the bed."""

    plan: stays.StayPlan
    room: str = ""
    bed: str = ""


def numbers_to_print(establishment: Establishment, count: int, now: datetime) -> list[ReservedNumber]:
    """The sheets of the kit made at `now`: those of the kit before, and as many more as are missing of `count`.

    When the kit before is older than SILENCE its sheets are withdrawn, and others are given: no number is ever on two
    sheets that two patients could hold.
    """
    with transaction.atomic():
        _hold(establishment.pk)
        printed = _in_kits(establishment.pk).order_by("-printed_at").values_list("printed_at", flat=True).first()
        if printed is not None and now - printed > SILENCE:
            _withdraw(establishment.pk, now)
        missing = count - _in_kits(establishment.pk).count()
        ReservedNumber.objects.bulk_create(
            ReservedNumber(establishment=establishment, iep=stays.next_iep(), reserved_at=now)
            for _ in range(max(0, missing))
        )
        return list(_in_kits(establishment.pk).order_by("iep")[:count])


def note_printed(sheets: Sequence[ReservedNumber], at: datetime) -> bool:
    """The kit of `at` is about to take its name. False when a sheet of it was withdrawn meanwhile: it must be made again."""
    keys = [sheet.pk for sheet in sheets]
    return len(keys) == ReservedNumber.objects.filter(pk__in=keys, withdrawn_at__isnull=True).update(printed_at=at)


def withdraw_everywhere() -> int:
    """No sheet printed so far is printed again: what became of it may have been lost. Returns how many."""
    return ReservedNumber.objects.filter(withdrawn_at__isnull=True).update(withdrawn_at=timezone.now())


def enter(sheet_id: int, who: Patient | Traits, entry: Entry, actor: Actor) -> Stay:
    """The stay of a sheet, under its number and at its hours; the person is created when `who` is their traits.

    The first sheet of a set that comes back says that the set was handed out: all of it is withdrawn from the kits.
    Raises AlreadyEntered, Refused: nothing is created then.
    """
    with transaction.atomic():
        sheet = _locked(sheet_id)
        at = entry.plan.planned_start_at
        patient = create_patient(who, actor) if isinstance(who, Traits) else who
        stay = stays.preadmit(patient, sheet.establishment, entry.plan, actor, iep=sheet.iep, occurred_at=at)
        stay = stays.admit(stay.pk, at, actor, room=entry.room, bed=entry.bed)
        now = timezone.now()
        _withdraw(sheet.establishment_id, now)
        ReservedNumber.objects.filter(pk=sheet.pk).update(stay=stay, entered_at=now, entered_by=actor.user)
    return stay


def void(sheet_id: int, actor: Actor) -> None:
    """The sheet was spoilt or destroyed: its number becomes no stay. Raises AlreadyEntered, Refused."""
    with transaction.atomic():
        sheet = _locked(sheet_id)
        now = timezone.now()
        _withdraw(sheet.establishment_id, now)
        _void([sheet.pk], VoidReason.DESTROYED, now, actor)


def declare_outage(establishment: Establishment) -> None:
    """People hold sheets of the last kit: no other kit has them."""
    with transaction.atomic():
        _hold(establishment.pk)
        _withdraw(establishment.pk, timezone.now())


def close_set(sheet_of_set: ReservedNumber, last_iep: str, actor: Actor) -> int:
    """Of the set of a sheet that is withdrawn from the kits, `last_iep` was the last one handed out (empty: none was).

    The ones after it become nothing; the ones before it remain to be entered. Returns how many were never handed out.
    Raises Refused: not a sheet of this set, or one after it was entered.
    """
    with transaction.atomic():
        _hold(sheet_of_set.establishment_id)
        # Withdrawn at one instant: one set.
        ours = ReservedNumber.objects.filter(
            establishment=sheet_of_set.establishment_id, withdrawn_at=sheet_of_set.withdrawn_at
        )
        if last_iep and not ours.filter(iep=last_iep).exists():
            raise Refused(
                "Aucune feuille de ce jeu ne porte ce numéro.",
                todo="Scannez la dernière feuille distribuée de ce jeu.",
                field="last",
            )
        after = ours.filter(iep__gt=last_iep)
        known = after.filter(stay__isnull=False).order_by("-iep").first()
        if known is not None:
            raise Refused(
                f"La feuille {known.iep}, plus loin dans la pile, est déjà ressaisie.",
                todo="Scannez la dernière feuille distribuée de toutes.",
                field="last",
            )
        never = list(after.filter(void_reason="").values_list("pk", flat=True))
        _void(never, VoidReason.UNISSUED, timezone.now(), actor)
    return len(never)


def _in_kits(establishment_id: int) -> QuerySet[ReservedNumber]:
    return ReservedNumber.objects.filter(establishment=establishment_id, withdrawn_at__isnull=True)


def _hold(establishment_id: int) -> None:
    # Each of these verbs changes many sheets: one by one, none waits for another that waits for it.
    hold_for_transaction(f"downtime-{establishment_id}")


def _withdraw(establishment_id: int, now: datetime) -> None:
    _in_kits(establishment_id).update(withdrawn_at=now)


def _void(keys: list[int], reason: VoidReason, now: datetime, actor: Actor) -> None:
    ReservedNumber.objects.filter(pk__in=keys).update(void_reason=reason, voided_at=now, voided_by=actor.user)


def _locked(sheet_id: int) -> ReservedNumber:
    sheet = ReservedNumber.objects.get(pk=sheet_id)
    _hold(sheet.establishment_id)
    sheet = ReservedNumber.objects.select_related("stay", "establishment").get(pk=sheet_id)
    if sheet.stay is not None:
        raise AlreadyEntered(sheet.stay)
    if sheet.void_reason:
        raise Refused(
            f"Cette feuille est annulée\u00a0: {sheet.get_void_reason_display()}.",
            kept="Rien n’a été créé.",
            todo="Saisissez le patient par «\u00a0Arrivée sans rendez-vous\u00a0», et corrigez le numéro de ses étiquettes.",
        )
    return sheet
