"""Anomalies: what a refusal opens, what a référent says of it, and its dossiers called again once it is solved.

A dossier is never treated alone here: the cause is reported once, and the answer is worth for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from admissions.enums import EventKind, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor, record_event, wake
from admissions.models import Stay
from gap.constants import Constant
from teleservices.enums import ANOMALY_OVER, AnomalyState, CallStatus, Disposition, Recipient
from teleservices.models import Anomaly, AnomalyStep, TeleserviceCall

#: Stays called again by one turn of the task; the next turn follows at once.
REARMED_AT_ONCE: Final = 100


def live_refusals() -> QuerySet[TeleserviceCall]:
    """Refusals that wait for the end of an anomaly."""
    return TeleserviceCall.objects.filter(
        status=Constant(CallStatus.REFUSED),
        disposition=Constant(Disposition.ESCALATE),
        superseded_at__isnull=True,
        handled_at__isnull=True,
    )


def refusals_of(anomaly: Anomaly) -> QuerySet[TeleserviceCall]:
    """The dossiers of one anomaly, as they stand now."""
    return live_refusals().filter(
        debtor=anomaly.debtor_id,
        return_code=anomaly.code,
        operation=anomaly.operation,
        stay__establishment=anomaly.establishment_id,
    )


def with_dossiers(anomalies: QuerySet[Anomaly]) -> QuerySet[Anomaly]:
    """Adds `dossiers`: how many stays each one holds back."""
    counted = (
        live_refusals()
        .filter(
            debtor=OuterRef("debtor"),
            return_code=OuterRef("code"),
            operation=OuterRef("operation"),
            stay__establishment=OuterRef("establishment"),
        )
        .order_by()
        .values("debtor")
        .annotate(many=Count("stay", distinct=True))
        .values("many")
    )
    return anomalies.annotate(dossiers=Coalesce(Subquery(counted, output_field=IntegerField()), 0))


def notice(call: TeleserviceCall) -> Anomaly:
    """The anomaly that this refusal belongs to, opened by the first. In the transaction that records the refusal."""
    anomaly, _ = Anomaly.objects.exclude(state__in=ANOMALY_OVER).get_or_create(
        establishment_id=call.stay.establishment_id,
        code=call.return_code,
        operation=call.operation,
        debtor_id=call.payer_id,
    )
    return anomaly


def report(
    anomaly_id: int,
    user: User,
    *,
    recipient: Recipient,
    reference: str = "",
    note: str = "",
    version: int | None = None,
) -> Anomaly:
    """It was told to whom may mend it; told again, to another or with more, it is one more step. Raises Refused."""

    def change(anomaly: Anomaly) -> None:
        anomaly.state, anomaly.recipient = AnomalyState.REPORTED, recipient
        anomaly.reference = reference.strip()[:60] or anomaly.reference

    return _step(anomaly_id, user, change, note, version)


def answered(anomaly_id: int, user: User, *, note: str, version: int | None = None) -> Anomaly:
    """The vendor or the AMC answered, and nothing is mended yet. Raises Refused."""

    def change(anomaly: Anomaly) -> None:
        if anomaly.state == AnomalyState.TO_REPORT:
            raise Refused("Cette anomalie n’a été signalée à personne.", todo="Signalez-la d’abord.")
        if not note.strip():
            raise Refused("La réponse est vide.", todo="Écrivez ce qui a été répondu.", field="note")
        anomaly.state = AnomalyState.ANSWERED

    return _step(anomaly_id, user, change, note, version)


def solve(anomaly_id: int, user: User, *, note: str = "", version: int | None = None) -> Anomaly:
    """It is mended: all its dossiers are called again, by themselves. Raises Refused."""

    def change(anomaly: Anomaly) -> None:
        anomaly.state = AnomalyState.SOLVED

    return _step(anomaly_id, user, change, note, version)


def dismiss(anomaly_id: int, user: User, *, note: str, version: int | None = None) -> Anomaly:
    """Nobody will mend it: its dossiers go on without the AMC, and stop waiting. Raises Refused."""

    def change(anomaly: Anomaly) -> None:
        if not note.strip():
            raise Refused("Le motif est vide.", todo="Écrivez pourquoi elle est classée.", field="note")
        anomaly.state = AnomalyState.DISMISSED
        refusals_of(anomaly).update(handled_at=timezone.now(), handled_by=user)

    return _step(anomaly_id, user, change, note, version)


@transaction.atomic
def _step(anomaly_id: int, user: User, change: Callable[[Anomaly], None], note: str, version: int | None) -> Anomaly:
    """`version`: the one that was read; None for whatever stands now."""
    found = Anomaly.objects.select_for_update().filter(pk=anomaly_id, establishment=user.establishment_id).first()
    if found is None:
        raise Refused("Cette anomalie n’existe pas dans votre établissement.")
    if found.is_over:
        raise Conflict(
            f"Cette anomalie est déjà {found.get_state_display()}.", todo="Revue depuis, elle en ouvrirait une autre."
        )
    if version is not None and version != found.version:
        last = found.steps.last()
        who = f" par {last.by.short_name}" if last else ""
        raise Conflict(
            f"Cette anomalie est passée à « {found.get_state_display()} »{who} pendant votre saisie.",
            todo="Relisez-la, puis recommencez.",
        )
    dossiers = refusals_of(found).values("stay").distinct().count()
    change(found)
    found.state_at = timezone.now()
    found.version += 1
    found.save()
    AnomalyStep.objects.create(
        anomaly=found,
        state=found.state,
        recipient=found.recipient if found.state == AnomalyState.REPORTED else "",
        note=note.strip()[:500],
        dossiers=dossiers,
        by=user,
    )
    if found.state == AnomalyState.SOLVED:
        transaction.on_commit(lambda: wake("teleservices.tasks.rearm_solved_anomalies", queue="batch"))
    return found


def rearm_solved(limit: int = REARMED_AT_ONCE) -> int:
    """Call again the dossiers of the anomalies solved since their refusal. Returns how many stays.

    Each stay by itself, in a transaction of its own: stopped anywhere, the next turn goes on from there.
    """
    solved = Anomaly.objects.filter(
        state=AnomalyState.SOLVED,
        establishment=OuterRef("stay__establishment"),
        code=OuterRef("return_code"),
        operation=OuterRef("operation"),
        debtor=OuterRef("debtor"),
        state_at__gte=OuterRef("finished_at"),
    )
    waiting = live_refusals().filter(Exists(solved)).order_by("finished_at", "pk").values_list("pk", "stay_id")[:limit]
    by_stay: dict[int, list[int]] = {}
    for call_id, stay_id in waiting:
        by_stay.setdefault(stay_id, []).append(call_id)
    for stay_id in sorted(by_stay):
        _rearm(stay_id, by_stay[stay_id])
    return len(by_stay)


@transaction.atomic
def _rearm(stay_id: int, call_ids: list[int]) -> None:
    stay = Stay.objects.select_for_update().get(pk=stay_id)
    calls = list(live_refusals().select_for_update(of=("self",)).filter(pk__in=call_ids))
    if not calls:
        return  # another turn, or another event, was faster
    TeleserviceCall.objects.filter(pk__in=[call.pk for call in calls]).update(superseded_at=timezone.now())
    if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED):
        return
    for call in calls:
        record_event(
            stay,
            EventKind.ANOMALY_SOLVED,
            Actor(),
            detail={"call": call.pk, "code": call.return_code, "coverage": call.coverage_id},
        )


def notice_forgotten(limit: int = REARMED_AT_ONCE) -> int:
    """Refusals recorded at the very moment their anomaly was closed: they open another. Returns how many."""
    same = Anomaly.objects.filter(
        establishment=OuterRef("stay__establishment"),
        code=OuterRef("return_code"),
        operation=OuterRef("operation"),
        debtor=OuterRef("debtor"),
    )
    forgotten = live_refusals().filter(
        ~Exists(same.exclude(state__in=ANOMALY_OVER)),
        ~Exists(same.filter(state=AnomalyState.SOLVED, state_at__gte=OuterRef("finished_at"))),
    )
    found = list(forgotten.select_related("stay").order_by("finished_at", "pk")[:limit])
    for call in found:
        notice(call)
    return len(found)


def seen_before(anomaly: Anomaly) -> Anomaly | None:
    """The last anomaly of the same cause that was over before this one began."""
    return (
        Anomaly.objects.filter(
            establishment=anomaly.establishment_id,
            code=anomaly.code,
            operation=anomaly.operation,
            debtor=anomaly.debtor_id,
            state__in=ANOMALY_OVER,
            state_at__lte=anomaly.opened_at + timedelta(seconds=1),
        )
        .order_by("-state_at")
        .first()
    )
