"""What becomes of an answer on AMO rights: kept whole, compared with what we had, taken by a rule or by a person."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from admissions.enums import AmoOutcome, DifferenceState
from admissions.errors import Refused
from admissions.events import SYSTEM, Actor
from admissions.models import AmoAcceptance, AmoAnswer, AmoDifference, AmoPeriod, Patient, Stay
from admissions.rules.amo import Period
from admissions.services.amo_side import BILLED, UNKNOWN_FUND, Side, fund_text

_TOLD: Final = (AmoOutcome.FOUND, AmoOutcome.PARTIAL)


@dataclass(frozen=True, slots=True)
class AmoSaid:
    """An answer in the words of this floor. `organisation`: régime, caisse, centre; `insured`: NIR and key, 15 characters."""

    outcome: AmoOutcome
    message_id: UUID
    about: str
    care_date: date
    answered_at: datetime
    code: str = ""
    label: str = ""
    expires_at: datetime | None = None
    content: dict[str, Any] | None = None
    missing: tuple[str, ...] = ()
    organisation: tuple[str, str, str] | None = None
    insured: str = ""
    quality: str = ""
    piece: str = ""
    rights_from: date | None = None
    rights_until: date | None = None
    periods: tuple[Period, ...] = ()


def received(stay: Stay, said: AmoSaid) -> AmoAnswer:
    """Keep an answer, and take of it what the rules take. Needs the stay's lock. Told twice, it is kept once."""
    told = said.outcome in _TOLD
    answer, _ = AmoAnswer.objects.update_or_create(
        message_id=said.message_id,
        defaults={
            "patient_id": stay.patient_id,
            "stay": stay,
            "care_date": said.care_date,
            "outcome": said.outcome,
            "code": said.code[:20],
            "label": said.label[:200],
            "about": said.about,
            "answered_at": said.answered_at,
            "expires_at": said.expires_at if told else None,
            "content": json.dumps(said.content, ensure_ascii=False) if told else None,
            "missing": list(said.missing) if said.outcome == AmoOutcome.PARTIAL else [],
            "fund": fund_text(*said.organisation) if told and said.organisation else "",
            "insured": (said.insured or None) if told else None,
            "quality": said.quality if told else "",
            "piece": said.piece if told else "",
            "rights_from": said.rights_from if told else None,
            "rights_until": said.rights_until if told else None,
        },
    )
    if not told:
        return answer
    answer.periods.all().delete()
    AmoPeriod.objects.bulk_create(
        [
            AmoPeriod(
                answer=answer, list=one.list, code=one.code, starts_on=one.starts_on or date.min, ends_on=one.ends_on
            )
            for one in said.periods
        ],
        batch_size=100,
    )
    compare(stay, answer)
    return answer


def beside(stay: Stay) -> None:
    """Somebody has just said the AMO's rights: an answer that still holds confirms them, or says what differs.

    No rule undoes what a person has typed. Needs the stay's lock.
    """
    answer = AmoAnswer.objects.filter(patient=stay.patient_id).first()
    if answer is not None and answer.expires_at is not None and timezone.now() < answer.expires_at:
        compare(stay, answer, by_rule=False)


def compare(stay: Stay, answer: AmoAnswer, *, by_rule: bool = True) -> list[AmoDifference]:
    """What the AMO says otherwise; what a rule takes is in force at once, the rest waits. Needs the stay's lock."""
    side = Side.of(stay, answer)
    now = timezone.now()
    waiting = AmoDifference.objects.select_for_update().filter(patient=stay.patient_id, state=DifferenceState.WAITING)
    waiting.update(state=DifferenceState.REPLACED, decided_at=now)
    refused = _refused_before(stay.patient_id)
    found: list[AmoDifference] = []
    for name in side.fields:
        ours, theirs = side.shown(name)
        if (name, theirs) in refused:
            continue
        cause = side.stopped_by(name)
        automatic = by_rule and not cause and _automatic(name, side.source)
        found.append(
            AmoDifference(
                patient_id=stay.patient_id,
                answer=answer,
                field=name,
                ours=ours,
                theirs=theirs,
                state=DifferenceState.ACCEPTED if automatic else DifferenceState.WAITING,
                cause=cause,
                decided_at=now if automatic else None,
            )
        )
    AmoDifference.objects.bulk_create(found, batch_size=20)
    taken = {one.field for one in found if one.state == DifferenceState.ACCEPTED}
    if not side.fields:
        side.agree()
    elif taken:
        side.take(taken, SYSTEM)
    return found


@transaction.atomic
def decide(stay_id: int, accepted: bool, actor: Actor) -> list[AmoDifference]:
    """A person takes what waits, or keeps what we had. Raises Refused: nothing waits, or something stops it."""
    stay = Stay.objects.select_for_update().select_related("patient").get(pk=stay_id)
    waiting = list(
        AmoDifference.objects.select_for_update(of=("self",))
        .select_related("answer")
        .filter(patient=stay.patient_id, state=DifferenceState.WAITING)
        .order_by("pk")
    )
    if not waiting:
        raise Refused("Ces différences sont déjà décidées.", kept="Rien n’a changé.")
    answer = waiting[0].answer
    if accepted:
        side = Side.of(stay, answer)
        taken = {one.field for one in waiting if one.field in side.fields}
        for name in sorted(taken):
            if cause := side.stopped_by(name):
                raise Refused(_STOPPED[cause].format(fund=answer.fund), kept="Rien n’a changé.", todo=_TODO[cause])
        if taken:
            side.take(taken, actor)
    now = timezone.now()
    for one in waiting:
        one.state = DifferenceState.ACCEPTED if accepted else DifferenceState.REFUSED
        one.decided_at, one.decided_by, one.cause = now, actor.user, ""
        one.save(update_fields=["state", "decided_at", "decided_by", "cause"])
    return waiting


_STOPPED: Final = {
    UNKNOWN_FUND: "Aucune fiche débiteur n’a le n° de caisse {fund}.",
    BILLED: "Une facture est partie pour ce séjour\u00a0: ses droits ne changent plus.",
}
_TODO: Final = {
    UNKNOWN_FUND: "Demandez à la finance de créer la fiche, puis reprenez.",
    BILLED: "Annulez d’abord la facture.",
}


def _refused_before(patient_id: int) -> set[tuple[str, str]]:
    """What a person has already kept as we had it: the same is not shown again."""
    rows = AmoDifference.objects.filter(patient=patient_id, state=DifferenceState.REFUSED).order_by("-pk")
    return {(one.field, one.theirs) for one in rows[:50]}


def _automatic(field: str, source: str) -> bool:
    """What the rules in force say; the one of this source before the one of any."""
    today = timezone.localdate()
    rules: Iterable[AmoAcceptance] = AmoAcceptance.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=today),
        field=field,
        source__in=["", source],
        valid_from__lte=today,
    )
    for rule in sorted(rules, key=lambda one: one.source == ""):
        return rule.automatic
    return False


def latest_answer(patient: Patient | int) -> AmoAnswer | None:
    """What the AMO last said of a patient."""
    return AmoAnswer.objects.filter(patient=patient).first()
