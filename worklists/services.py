"""Writes: who takes a line, and what is done to several lines at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.enums import Action
from accounts.models import User
from admissions.errors import Refused
from worklists import marks
from worklists.models import Assignment
from worklists.registry import Deed, Outcome, Worklist

# What one demand may touch: a page, and then some.
LINES_AT_ONCE: Final = 200
_GONE: Final = "Cette ligne n’est plus dans la liste : elle a été réglée entre-temps."
_ANYBODY: Final = "une ligne"


def assign(worklist: Worklist, ids: list[int], user: User, *, take_over: bool = False) -> list[Outcome]:
    """Take these lines. A line that a colleague holds is left to them, unless `take_over` says so on purpose."""
    present = _present(worklist, ids, user)
    with transaction.atomic():
        # Inserted first, then read: of two people at the same instant, one wins and the other is told who.
        Assignment.objects.bulk_create(
            [Assignment(worklist=worklist.slug, object_id=pk, assignee=user, assigned_by=user) for pk in present],
            ignore_conflicts=True,
        )
        held = {
            row.object_id: row
            for row in Assignment.objects.select_for_update(of=("self",))
            .select_related("assignee")
            .filter(worklist=worklist.slug, object_id__in=present)
        }
        if take_over:
            others = [row.pk for row in held.values() if row.assignee_id != user.pk]
            Assignment.objects.filter(pk__in=others).update(assignee=user, assigned_by=user, assigned_at=timezone.now())
    outcomes = []
    for pk in dict.fromkeys(ids):
        if pk not in present:
            outcomes.append(Outcome(pk, _ANYBODY, False, _GONE))
        elif take_over or held[pk].assignee_id == user.pk:
            outcomes.append(Outcome(pk, present[pk], True))
        else:
            row = held[pk]
            at = timezone.localtime(row.assigned_at)
            told = f"{row.assignee.short_name} l’a prise le {at:%d/%m à %H:%M}. Rien n’a changé."
            outcomes.append(Outcome(pk, present[pk], False, told, takeable=True))
    return outcomes


def release(worklist: Worklist, ids: list[int], user: User) -> list[Outcome]:
    """Give one's own lines back to everybody."""
    present = _present(worklist, ids, user)
    mine = Assignment.objects.filter(worklist=worklist.slug, object_id__in=present, assignee=user)
    with transaction.atomic():
        freed = set(mine.select_for_update().values_list("object_id", flat=True))
        mine.delete()
    outcomes = []
    for pk in dict.fromkeys(ids):
        if pk not in present:
            outcomes.append(Outcome(pk, _ANYBODY, False, _GONE))
        elif pk in freed:
            outcomes.append(Outcome(pk, present[pk], True))
        else:
            outcomes.append(Outcome(pk, present[pk], False, "Elle n’est pas à vous : rien n’a changé."))
    return outcomes


def carry_out(worklist: Worklist, deed: Deed, ids: list[int], user: User) -> list[Outcome]:
    """Do one deed to these lines; each line by itself, each refusal in its own words."""
    present = _present(worklist, ids, user)
    done = {pk: (ok, message) for pk, ok, message in deed.carry_out([pk for pk in ids if pk in present], user)}
    return [
        Outcome(pk, present[pk], *done[pk]) if pk in done else Outcome(pk, _ANYBODY, False, _GONE)
        for pk in dict.fromkeys(ids)
    ]


_OWN: Final = (
    Deed("affecter", "Me les affecter", "affectés à vous", "user-plus", Action.ASSIGN_WORK, lambda ids, user: [], "a"),
    Deed("liberer", "Libérer", "libérés", "user-x", Action.ASSIGN_WORK, lambda ids, user: []),
    Deed("reprendre", "Reprendre", "repris par vous", "user-check", Action.ASSIGN_WORK, lambda ids, user: []),
    Deed("noter", "Noter", "notés", "note", Action.ASSIGN_WORK, lambda ids, user: []),
    Deed("pause", "Mettre en pause", "mis en pause", "player-pause", Action.ASSIGN_WORK, lambda ids, user: []),
    Deed("reveiller", "Remettre dans la liste", "remis", "player-play", Action.ASSIGN_WORK, lambda ids, user: []),
)


def deeds_for(worklist: Worklist, user: User) -> list[Deed]:
    """What this person may do to the lines of this list, the list's own deeds first."""
    return [deed for deed in (*worklist.deeds, *_OWN[:2]) if user.may(deed.action)]


def find_deed(worklist: Worklist, name: str) -> Deed | None:
    return next((deed for deed in (*worklist.deeds, *_OWN) if deed.name == name), None)


def perform(
    worklist: Worklist, deed: Deed, ids: Iterable[int], user: User, said: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Do what was asked to at most LINES_AT_ONCE lines. One outcome a line, in the order asked. `said`: the form."""
    asked = list(dict.fromkeys(ids))[:LINES_AT_ONCE]
    if deed.name in ("noter", "pause", "reveiller"):
        return _write_on(worklist, deed, asked, user, said or {})
    if deed.name in ("affecter", "reprendre"):
        return assign(worklist, asked, user, take_over=deed.name == "reprendre")
    if deed.name == "liberer":
        return release(worklist, asked, user)
    return carry_out(worklist, deed, asked, user)


def _write_on(worklist: Worklist, deed: Deed, ids: list[int], user: User, said: Mapping[str, str]) -> list[Outcome]:
    """A note, a pause, or the end of one."""
    present = _present(worklist, ids, user)
    there = [pk for pk in ids if pk in present]
    problem = ""
    if deed.name == "reveiller":
        marks.wake(worklist, there, user)
    else:
        try:
            marks.write(worklist, there, user, marks.Mark.read(said, pause=deed.name == "pause"))
        except Refused as refusal:
            problem = refusal.sentence
    return [
        Outcome(pk, present[pk], not problem, problem) if pk in present else Outcome(pk, _ANYBODY, False, _GONE)
        for pk in ids
    ]


def _present(worklist: Worklist, ids: list[int], user: User) -> dict[int, str]:
    """The lines asked that are in the list now, with what a person calls them."""
    lines: Any = worklist.kind.adorn(worklist.seen_by(user).filter(pk__in=ids))
    return {line.pk: worklist.kind.label(line) for line in lines}


def left_behind(user: User) -> str:
    """What an administrator is told when they close an account: the lines that it had taken (see accounts.administration)."""
    count = Assignment.objects.filter(assignee=user).count()
    if not count:
        return ""
    return (
        f"Lignes de travail qui lui restent affectées\u00a0: {count}. Un référent peut les reprendre dans les listes."
    )
