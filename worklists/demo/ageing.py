"""Gives each trace the date it would have had: the loading lives two months in a minute.

Only instants move. What was asked, answered, priced and paid stays as the chain wrote it, with its measured durations.
The anchor of everything is the business event: a call follows the event that planned it, an answer follows its call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from admissions.enums import EventKind
from admissions.models import (
    AdmissionEvent,
    AmoAnswer,
    Card,
    Coverage,
    EventDelivery,
    Movement,
    ParticularRequest,
    Patient,
    Rights,
    Stay,
)
from billing.models import Activity, Engagement, Estimate
from debtors.models import DatamatrixAssociation
from teleservices.anomalies import refusals_of
from teleservices.enums import OPEN, CallStatus, Disposition
from teleservices.messages import Operation
from teleservices.models import Anomaly, TeleserviceAttempt, TeleserviceCall
from worklists.demo.plots import Script

RIGHTS_LAST = timedelta(days=7)
ENGAGEMENTS_LAST = timedelta(days=90)
_RETRIES = timedelta(seconds=12)


def move(model: type[models.Model], field: str, values: Mapping[int, datetime | date]) -> None:
    """Write one instant (or day) column of many rows, in one statement; nothing else of a row changes."""
    if not values:
        return
    column: models.Field[Any, Any] = model._meta.get_field(field)  # type: ignore[assignment]
    kind = "date" if column.get_internal_type() == "DateField" else "timestamptz"
    table, name = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(str(column.column))
    with connection.cursor() as cursor:
        cursor.execute(
            f"update {table} as t set {name} = v.at from unnest(%s::bigint[], %s::{kind}[]) as v(pk, at) where t.id = v.pk",  # noqa: S608
            [list(values), list(values.values())],
        )


class Ageing:
    """Instants of the stays: events, calls, answers. `closed_at` comes from the money, see `ageing_money`."""

    def __init__(self, scripts: list[Script], rng: Random, now: datetime) -> None:
        self._scripts = {script.stay_id: script for script in scripts}
        self._rng = rng
        self._now = now
        self.events: dict[int, datetime] = {}
        self.calls: dict[int, datetime] = {}
        self.last_of_stay: dict[int, datetime] = {}

    def run(self) -> None:
        self._age_events()
        self._age_calls()
        self._age_answers()
        self._age_anomalies()
        self._age_stays()
        self._age_people()

    # ---- events ----

    def _age_events(self) -> None:
        occurred: dict[int, datetime] = {}
        previous: dict[int, datetime] = {}
        for event in AdmissionEvent.objects.filter(stay__in=self._scripts).order_by("stay_id", "pk"):
            script = self._scripts[event.stay_id]
            wanted = self._instant(event, script)
            floor = previous.get(event.stay_id)
            at = min(max(wanted, floor + timedelta(seconds=1)) if floor else wanted, self._now)
            self.events[event.pk] = previous[event.stay_id] = at
            if event.kind not in (EventKind.STAY_ADMITTED, EventKind.STAY_DISCHARGED, EventKind.MOVEMENT_ADDED):
                occurred[event.pk] = at
        self.last_of_stay = previous
        move(AdmissionEvent, "created_at", self.events)
        move(AdmissionEvent, "occurred_at", occurred)
        delivered = EventDelivery.objects.filter(event__in=self.events).values_list("pk", "event_id")
        done = {pk: self.events[event_id] for pk, event_id in delivered}
        move(EventDelivery, "not_before", done)
        move(EventDelivery, "done_at", {pk: at + timedelta(milliseconds=180) for pk, at in done.items()})

    def _instant(self, event: AdmissionEvent, script: Script) -> datetime:
        typing = timedelta(seconds=self._rng.randrange(40, 400))
        match event.kind:
            case EventKind.STAY_PREADMITTED:
                return script.preadmitted_at
            case EventKind.COVERAGE_CHANGED:
                return script.carded_at
            case EventKind.STAY_ADMITTED | EventKind.STAY_DISCHARGED | EventKind.MOVEMENT_ADDED:
                # They say when it happened; somebody typed it a little later.
                return event.occurred_at + typing
            case EventKind.REQUEST_ADDED if script.single_room_from:
                day = timezone.make_aware(datetime.combine(script.single_room_from, datetime.min.time()))
                return max(day + timedelta(hours=10), script.arrival) + typing
            case EventKind.ACTIVITY_ENTERED if script.exit:
                return max(script.exit - timedelta(minutes=6), script.arrival)
            case EventKind.STAY_CORRECTED if script.corrected_at:
                return script.corrected_at
            case EventKind.STAY_CANCELLED if script.cancelled_at:
                return script.cancelled_at
        return script.preadmitted_at  # the floor of the events before it decides

    # ---- calls ----

    def _age_calls(self) -> None:
        planned: dict[int, datetime] = {}
        sent: dict[int, datetime] = {}
        attempts: dict[int, datetime] = {}
        superseded: dict[int, datetime] = {}
        cursor: dict[int, datetime] = {}
        last_alike: dict[tuple[int, str, int | None], int] = {}
        tries = _grouped(TeleserviceAttempt.objects.only("pk", "call_id", "number", "started_at"), "call_id")
        for call in TeleserviceCall.objects.filter(stay__in=self._scripts).order_by("stay_id", "pk"):
            start = max(self.events[call.event_id], cursor.get(call.event_id, self.events[call.event_id]))
            planned[call.pk] = start + timedelta(milliseconds=self._rng.randrange(40, 200))
            first = planned[call.pk] + timedelta(milliseconds=self._rng.randrange(60, 300))
            if call.first_sent_at:
                sent[call.pk] = first
            instants = self._tries(first, sorted(tries[call.pk], key=lambda t: t.number), call.status in OPEN)
            attempts.update(instants)
            last = max([first, *instants.values()])
            ended = last + timedelta(milliseconds=(call.duration_ms or 5) + 12)
            cursor[call.event_id] = self.calls[call.pk] = min(ended, self._now)
            alike = (call.stay_id, call.operation, call.coverage_id)
            if (before := last_alike.get(alike)) is not None:
                superseded[before] = planned[call.pk]
            last_alike[alike] = call.pk
        move(TeleserviceCall, "planned_at", planned)
        move(TeleserviceCall, "first_sent_at", sent)
        move(TeleserviceAttempt, "started_at", attempts)
        finished = TeleserviceCall.objects.filter(pk__in=self.calls, finished_at__isnull=False)
        move(TeleserviceCall, "finished_at", {pk: self.calls[pk] for pk in finished.values_list("pk", flat=True)})
        replaced = TeleserviceCall.objects.filter(pk__in=self.calls, superseded_at__isnull=False)
        ids = replaced.values_list("pk", flat=True)
        move(TeleserviceCall, "superseded_at", {pk: superseded.get(pk, self.calls[pk]) for pk in ids})
        self._age_answers_of_the_amo()

    def _age_answers_of_the_amo(self) -> None:
        """When their calls ended; each holds as long as it did."""
        asked = TeleserviceCall.objects.filter(operation=Operation.CDRI, pk__in=self.calls)
        messages = {message: self.calls[pk] for pk, message in asked.values_list("pk", "message_id")}
        answers = list(AmoAnswer.objects.filter(message_id__in=messages).defer("content", "insured"))
        move(AmoAnswer, "answered_at", {one.pk: messages[one.message_id] for one in answers})
        held = {one.pk: one.expires_at - one.answered_at for one in answers if one.expires_at}
        move(
            AmoAnswer,
            "expires_at",
            {one.pk: messages[one.message_id] + held[one.pk] for one in answers if one.pk in held},
        )

    def _tries(self, first: datetime, tries: list[TeleserviceAttempt], still_open: bool) -> dict[int, datetime]:
        """When each attempt left: each later than the one before; of a call still open, the last one just now."""
        if not tries:
            return {}
        instants = {attempt.pk: first + _RETRIES * (2 ** (attempt.number - 1) - 1) for attempt in tries}
        if still_open:
            last = tries[-1]
            span = max(last.started_at - first, timedelta(0))
            for attempt in tries[1:]:
                share = (2 ** (attempt.number - 1) - 1) / (2 ** (last.number - 1) - 1)
                instants[attempt.pk] = first + span * share
        return {pk: min(at, self._now) for pk, at in instants.items()}

    # ---- answers ----

    def _age_answers(self) -> None:
        answered: dict[int, datetime] = {}
        # A SIM or a CLC that refuses the third-party payment closes the rights too.
        closing = Q(status=CallStatus.REFUSED, disposition=Disposition.INFORM_PATIENT)
        asking = Q(status__in=[CallStatus.SUCCEEDED, CallStatus.REFUSED, CallStatus.CANCELLED], operation=Operation.IDB)
        calls = TeleserviceCall.objects.filter(closing | asking, stay__in=self._scripts)
        by_stay = _grouped(calls.order_by("pk").only("pk", "stay_id", "event_id"), "stay_id")
        first_event: dict[int, datetime] = {}
        for event_id, stay_id in AdmissionEvent.objects.order_by("-pk").values_list("pk", "stay_id"):
            if event_id in self.events:
                first_event[stay_id] = self.events[event_id]
        for stay_id, answers in _grouped(
            Rights.objects.filter(stay__in=self._scripts).order_by("pk"), "stay_id"
        ).items():
            asked = list(by_stay[stay_id])
            for rights in answers:
                # Off ROC, the directory's answer is enough: nothing was asked of the AMC itself.
                call = asked.pop(0) if asked and rights.code != "HORS_ROC" else None
                answered[rights.pk] = self.calls[call.pk] if call else first_event[stay_id] + timedelta(seconds=2)
        move(Rights, "answered_at", answered)
        timed = Rights.objects.filter(pk__in=answered, valid_until__isnull=False).values_list("pk", flat=True)
        move(Rights, "valid_until", {pk: timezone.localdate(answered[pk] + RIGHTS_LAST) for pk in timed})
        estimates = Estimate.objects.filter(call__in=self.calls).values_list("pk", "call_id")
        move(Estimate, "answered_at", {pk: self.calls[call] for pk, call in estimates})
        engagements = dict(Engagement.objects.filter(call__in=self.calls).values_list("pk", "call_id"))
        engaged = {pk: self.calls[call] for pk, call in engagements.items()}
        move(Engagement, "engaged_at", engaged)
        move(
            Engagement,
            "valid_until",
            {pk: timezone.localdate(at + ENGAGEMENTS_LAST) for pk, at in engaged.items()},
        )
        cancels = TeleserviceCall.objects.filter(operation=Operation.DEL, status=CallStatus.SUCCEEDED)
        cancelled = {call.parameters["engagement"]: self.calls[call.pk] for call in cancels if call.pk in self.calls}
        move(Engagement, "cancelled_at", cancelled)

    def _age_anomalies(self) -> None:
        """Each was seen when its first refusal came."""
        opened: dict[int, datetime] = {}
        for anomaly in Anomaly.objects.all():
            seen = [self.calls[pk] for pk in refusals_of(anomaly).values_list("pk", flat=True) if pk in self.calls]
            if seen:
                opened[anomaly.pk] = min(seen)
        move(Anomaly, "opened_at", opened)
        move(Anomaly, "state_at", opened)

    # ---- the rest ----

    def _age_stays(self) -> None:
        move(Stay, "created_at", {pk: script.preadmitted_at for pk, script in self._scripts.items()})
        move(Stay, "updated_at", self.last_of_stay)
        soon = timedelta(minutes=2)
        movements = Movement.objects.filter(stay__in=self._scripts).values_list("pk", "started_at")
        move(Movement, "created_at", {pk: at + soon for pk, at in movements})
        requests = ParticularRequest.objects.filter(stay__in=self._scripts).values_list("pk", "stay_id")
        move(ParticularRequest, "created_at", {pk: self._scripts[stay].arrival + soon for pk, stay in requests})
        acts = Activity.objects.filter(stay__in=self._scripts).values_list("pk", "stay_id")
        left = {pk: self._scripts[stay].exit or self._scripts[stay].arrival for pk, stay in acts}
        move(Activity, "created_at", {pk: at - timedelta(minutes=6) for pk, at in left.items()})

    def _age_people(self) -> None:
        first: dict[int, Script] = {}
        for script in self._scripts.values():
            known = first.get(script.person.patient_id)
            if known is None or script.preadmitted_at < known.preadmitted_at:
                first[script.person.patient_id] = script
        # Two in five were known here for years.
        known_for = {pk: timedelta(days=self._rng.choice([0, 0, 0, 210, 900])) for pk in first}
        move(Patient, "created_at", {pk: script.preadmitted_at - known_for[pk] for pk, script in first.items()})
        carded = {pk: script.carded_at for pk, script in first.items()}
        cards = Card.objects.filter(patient__in=first).values_list("pk", "patient_id")
        move(Card, "read_at", {pk: carded[patient] for pk, patient in cards})
        covers = list(Coverage.objects.filter(patient__in=first).values_list("pk", "patient_id", "association_id"))
        for field in ("created_at", "updated_at"):
            move(Coverage, field, {pk: carded[patient] for pk, patient, _ in covers})
        uses: dict[int, list[datetime]] = defaultdict(list)
        for _, patient, association in covers:
            if association is not None:
                uses[association].append(carded[patient])
        self._age_associations(uses)

    def _age_associations(self, uses: dict[int, list[datetime]]) -> None:
        created = {pk: min(instants) for pk, instants in uses.items()}
        move(DatamatrixAssociation, "created_at", created)
        move(DatamatrixAssociation, "valid_from", {pk: timezone.localdate(at) for pk, at in created.items()})
        move(DatamatrixAssociation, "last_used_at", {pk: max(instants) for pk, instants in uses.items()})
        decided = DatamatrixAssociation.objects.filter(pk__in=uses, decided_at__isnull=False)
        instants = {}
        for pk in decided.values_list("pk", flat=True):
            instants[pk] = min(created[pk] + timedelta(hours=self._rng.randrange(3, 90)), self._now)
        move(DatamatrixAssociation, "decided_at", instants)


def _grouped(rows: Iterable[Any], name: str) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, name)].append(row)
    return groups
