"""Notes and pauses: what people write on the lines of a list, and the lines that they put aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now, TruncDate
from django.utils import timezone

from accounts.models import User
from accounts.sight import Here
from admissions.errors import Refused
from admissions.models import AdmissionEvent
from gap.moments import read_date
from worklists.enums import Awaited
from worklists.models import LineMark
from worklists.registry import Worklist

#: Nothing is put aside for longer: who would remember it?
LONGEST: Final = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person asks: a note, or a pause until a day or sooner at an event of the stay."""

    note: str = ""
    until: date | None = None
    awaited: str = ""

    @classmethod
    def read(cls, asked: Any, *, pause: bool) -> Mark:
        """From a form (`note`, `jusquau`, `des`). Raises Refused, with what to correct."""
        note = str(asked.get("note", "")).strip()[:300]
        if not pause:
            if not note:
                raise Refused("La note est vide.", todo="Écrivez-la, puis recommencez.")
            return cls(note)
        awaited = str(asked.get("des", ""))
        if awaited and awaited not in Awaited.values:
            raise Refused("Cet événement n’est pas connu.", todo="Choisissez-le dans la liste.")
        try:
            until = read_date(str(asked.get("jusquau", "")))
        except ValueError:
            raise Refused("La date de fin de pause est illisible.", todo="Écrivez-la jj/mm/aaaa.") from None
        today = timezone.localdate()
        if not today < until <= today + LONGEST:
            last = f"{today + LONGEST:%d/%m/%Y}"
            raise Refused("Une pause finit entre demain et dans six mois.", todo=f"Donnez une date jusqu’au {last}.")
        return cls(note, until, awaited)


def paused(worklist: Worklist) -> Exists:
    """The condition of the lines that are aside now: their day has not come, nor the event that they wait for."""
    marks = LineMark.objects.filter(
        worklist=worklist.slug, object_id=OuterRef("pk"), snoozed_until__gt=TruncDate(Now(), tzinfo=_PARIS)
    )
    if path := worklist.kind.stay:
        came = AdmissionEvent.objects.filter(
            stay=OuterRef(OuterRef(path)), kind=OuterRef("snoozed_for"), created_at__gt=OuterRef("snoozed_at")
        )
        marks = marks.filter(Q(snoozed_for="") | ~Exists(came))
    return Exists(marks)


_PARIS: Final = timezone.get_default_timezone()


def lines_of(worklist: Worklist, here: Here, *, aside: bool = False) -> QuerySet[Any]:
    """The lines that ask for somebody now; with `aside`, those put aside."""
    condition = paused(worklist)
    return worklist.select(here).filter(condition if aside else ~condition)


def write(worklist: Worklist, ids: list[int], user: User, mark: Mark) -> None:
    """Keep the note, and the pause if there is one; each line has one mark, the last one."""
    now: datetime | None = timezone.now() if mark.until else None
    for pk in ids:
        values: dict[str, Any] = {"marked_by": user}
        if mark.note or not mark.until:
            values["note"] = mark.note
        if mark.until:
            values |= {"snoozed_until": mark.until, "snoozed_for": mark.awaited, "snoozed_at": now}
        LineMark.objects.update_or_create(worklist=worklist.slug, object_id=pk, defaults=values)


def wake(worklist: Worklist, ids: list[int], user: User) -> None:
    """Back in the list at once; the note stays."""
    LineMark.objects.filter(worklist=worklist.slug, object_id__in=ids).update(
        snoozed_until=None, snoozed_for="", snoozed_at=None, marked_by=user, marked_at=timezone.now()
    )
