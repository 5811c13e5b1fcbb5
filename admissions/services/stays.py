"""Pre-admit, admit, move, discharge, cancel: the life of a stay. Each verb writes its event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Establishment
from admissions.enums import DischargeMode, EventKind, Requalification, RequestCode, StayKind, StayStatus
from admissions.errors import Conflict, Refused
from admissions.events import Actor, check_allowed, record_event
from admissions.models import Movement, ParticularRequest, Patient, Stay, Unit
from admissions.querysets import third_party_payment_refused
from admissions.services import context
from admissions.services.patients import next_number
from gap.locks import hold_for_transaction

# A clock a little ahead at a desk is no error; a day ahead is one.
CLOCK_TOLERANCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class StayPlan:
    """What is asked of a stay. Instants are aware."""

    kind: StayKind
    unit: Unit
    planned_start_at: datetime
    planned_end_at: datetime | None = None
    prescription_date: date | None = None


@contextmanager
def explained() -> Iterator[None]:
    """Turn what PostgreSQL refuses into what a person reads. The constraint is the rule; this is its sentence."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as problem:
        text = str(problem)
        if "no_overlapping_full_stays" in text:
            raise Refused(
                "Ce patient a déjà une hospitalisation complète sur cette période.",
                todo="Ouvrez le séjour en cours, ou corrigez les dates.",
                field="planned_start_at",
            ) from problem
        if "one_place_at_a_time" in text:
            raise Refused(
                "Ce mouvement recouvre un autre mouvement du séjour.", todo="Corrigez l’heure.", field="started_at"
            ) from problem
        if "one_preadmission_a_time" in text:
            raise Refused("Cette pré-admission existe déjà.", todo="Ouvrez le séjour déjà créé.") from problem
        if "one_open_request_a_code" in text:
            raise Refused("Cette demande est déjà en cours.") from problem
        if "request_ends_after_it_starts" in text:
            raise Refused("La fin de la demande précède son début.", todo="Corrigez la date.") from problem
        raise


def next_iep() -> str:
    """The number of a stay that nobody has had, nor will have."""
    return f"{timezone.localdate():%y}{next_number('stay_iep'):07d}"


def preadmit(
    patient: Patient,
    establishment: Establishment,
    plan: StayPlan,
    actor: Actor,
    *,
    creation_key: UUID | None = None,
    iep: str = "",
    occurred_at: datetime | None = None,
) -> Stay:
    """Plan a stay. The same `creation_key` gives the same stay again, and writes no second event. Raises Refused.

    `iep`, `occurred_at`: the number that a sheet of the downtime kit already bears, and when it was filled in.
    """
    if creation_key and (already := Stay.objects.filter(creation_key=creation_key).first()):
        return already
    _check_plan(plan)
    try:
        with explained():
            stay = Stay.objects.create(
                iep=iep or next_iep(),
                patient=patient,
                establishment=establishment,
                kind=plan.kind,
                domain=plan.unit.domain,
                status=StayStatus.PREADMITTED,
                unit=plan.unit,
                planned_start_at=plan.planned_start_at,
                planned_end_at=plan.planned_end_at,
                prescription_date=plan.prescription_date,
                created_by=actor.user,
                updated_by=actor.user,
                creation_key=creation_key,
            )
            # A card of another stay is read for this one: same patient, another convention perhaps.
            context.fit_coverage(stay, actor)
            record_event(stay, EventKind.STAY_PREADMITTED, actor, occurred_at=occurred_at)
    except IntegrityError:
        if creation_key and (already := Stay.objects.filter(creation_key=creation_key).first()):
            return already
        raise
    return stay


def change_plan(stay_id: int, plan: StayPlan, actor: Actor, *, version: int) -> Stay:
    """Correct a pre-admission, or the planned end of a stay. Raises Conflict, Refused."""
    _check_plan(plan)
    with explained():
        stay = locked(stay_id, version)
        if not stay.is_open:
            raise Refused("Ce séjour est terminé : ses prévisions ne se modifient plus.")
        before = dict(stay.roc_context, kind=stay.kind)
        if stay.status == StayStatus.PREADMITTED:
            stay.kind, stay.unit, stay.domain = plan.kind, plan.unit, plan.unit.domain
            stay.planned_start_at = plan.planned_start_at
        stay.planned_end_at = plan.planned_end_at
        stay.prescription_date = plan.prescription_date
        save(stay, actor)
        record_event(stay, EventKind.STAY_CORRECTED, actor)
        if stay.roc_context.items() - before.items():
            context.follow_context(stay, before, Requalification.MISTAKE, actor)
    return stay


def admit(stay_id: int, at: datetime, actor: Actor, *, room: str = "", bed: str = "") -> Stay:
    """The patient is here. Admitting an admitted stay again changes nothing. Raises Refused."""
    with explained():
        stay = locked(stay_id)
        if stay.status == StayStatus.ADMITTED:
            return stay
        if stay.status != StayStatus.PREADMITTED:
            raise Refused(f"Ce séjour est {stay.get_status_display()} : il ne peut plus être admis.")
        _check_not_ahead(at, "started_at")
        # Two desks on two stays of a patient pass one by one: else each could wait for the other in the constraint.
        hold_for_transaction(f"admission-{stay.patient_id}")
        stay.status, stay.started_at = StayStatus.ADMITTED, at
        if stay.planned_end_at and stay.planned_end_at < at:
            stay.planned_end_at = None
        save(stay, actor)
        Movement.objects.create(stay=stay, unit=stay.unit, room=room, bed=bed, started_at=at, created_by=actor.user)
        record_event(stay, EventKind.STAY_ADMITTED, actor, occurred_at=at)
    return stay


def move(stay_id: int, unit: Unit, at: datetime, actor: Actor, *, room: str = "", bed: str = "") -> Movement:
    """Change of unit, room or bed. Repeating the same movement changes nothing. Raises Refused."""
    with explained():
        stay = locked(stay_id)
        if stay.status != StayStatus.ADMITTED:
            raise Refused("Seul un patient présent change de service.")
        _check_not_ahead(at, "started_at")
        current = stay.movements.filter(ended_at__isnull=True).first()
        if current and (current.unit_id, current.room, current.bed) == (unit.pk, room, bed):
            return current
        if current:
            if at < current.started_at:
                raise Refused(
                    f"Ce mouvement précède le précédent, du {timezone.localtime(current.started_at):%d/%m/%Y à %H:%M}.",
                    todo="Corrigez l’heure.",
                    field="started_at",
                )
            current.ended_at = at
            current.save(update_fields=["ended_at"])
        movement = Movement.objects.create(
            stay=stay, unit=unit, room=room, bed=bed, started_at=at, created_by=actor.user
        )
        before = dict(stay.roc_context, kind=stay.kind)
        stay.unit, stay.domain = unit, unit.domain
        save(stay, actor)
        record_event(stay, EventKind.MOVEMENT_ADDED, actor, occurred_at=at, detail={"unit": unit.code})
        if stay.domain != before["domain"]:
            context.follow_context(stay, before, Requalification.TRANSFER, actor)
    return movement


def add_request(
    stay_id: int, code: RequestCode, starts_on: date, actor: Actor, *, signed_on: date | None = None
) -> ParticularRequest:
    """The patient asks for something on top of care, in writing. Raises Refused."""
    with explained():
        stay = locked(stay_id)
        if not stay.is_open:
            raise Refused("Ce séjour est terminé : la demande ne peut plus commencer.")
        first = timezone.localdate(stay.start_at)
        if starts_on < first:
            raise Refused(
                f"La demande commence avant le séjour ({first:%d/%m/%Y}).", todo="Corrigez la date.", field="starts_on"
            )
        if already := stay.requests.filter(code=code, ends_on__isnull=True).first():
            return already
        request = ParticularRequest.objects.create(
            stay=stay, code=code, starts_on=starts_on, signed_on=signed_on, created_by=actor.user
        )
        save(stay, actor)
        record_event(stay, EventKind.REQUEST_ADDED, actor, detail={"code": str(code)})
    return request


def end_request(request_id: int, ends_on: date, actor: Actor) -> ParticularRequest:
    """The last day of a request, included. Raises Refused."""
    with explained():
        request = ParticularRequest.objects.get(pk=request_id)
        stay = locked(request.stay_id)
        request.refresh_from_db()
        if request.ends_on == ends_on:
            return request
        request.ends_on = ends_on
        request.save(update_fields=["ends_on"])
        save(stay, actor)
        record_event(stay, EventKind.REQUEST_ENDED, actor, detail={"code": request.code})
    return request


def discharge(stay_id: int, at: datetime, mode: DischargeMode, actor: Actor) -> Stay:
    """The patient leaves. Discharging twice changes nothing. Raises Refused."""
    with explained():
        stay = locked(stay_id)
        if stay.status in (StayStatus.DISCHARGED, StayStatus.CLOSED):
            return stay
        if stay.status != StayStatus.ADMITTED or stay.started_at is None:
            raise Refused("Seul un patient présent peut sortir.")
        _check_exit(stay, at)
        _check_not_ahead(at, "ended_at")
        stay.status, stay.ended_at, stay.discharge_mode = StayStatus.DISCHARGED, at, mode
        stay.movements.filter(ended_at__isnull=True).update(ended_at=at)
        _end_requests(stay, timezone.localdate(at))
        save(stay, actor)
        record_event(stay, EventKind.STAY_DISCHARGED, actor, occurred_at=at, detail={"mode": str(mode)})
    return stay


def correct_discharge(stay_id: int, at: datetime, mode: DischargeMode, actor: Actor, *, version: int) -> Stay:
    """Correct the exit of a stay that has left. What was engaged is cancelled and asked again by the event."""
    with explained():
        stay = locked(stay_id, version)
        if stay.status != StayStatus.DISCHARGED:
            raise Refused("Seule la sortie d’un séjour sorti et non soldé se corrige.")
        check_allowed(stay, EventKind.STAY_CORRECTED)
        _check_exit(stay, at)
        _check_not_ahead(at, "ended_at")
        last = stay.movements.last()
        if last and at < last.started_at:
            raise Refused("La sortie précède le dernier mouvement.", todo="Corrigez l’heure.", field="ended_at")
        if last:
            last.ended_at = at
            last.save(update_fields=["ended_at"])
        _end_requests(stay, timezone.localdate(at))
        stay.ended_at, stay.discharge_mode = at, mode
        save(stay, actor)
        record_event(stay, EventKind.STAY_CORRECTED, actor)
    return stay


def cancel(stay_id: int, reason: str, actor: Actor) -> Stay:
    """The patient will not come, or the stay was opened by mistake. Raises Refused once the patient has left."""
    with explained():
        stay = locked(stay_id)
        if stay.status == StayStatus.CANCELLED:
            return stay
        if not stay.is_open:
            raise Refused("Un séjour sorti ne s’annule pas.", todo="Corrigez la sortie, ou voyez le référent.")
        if not reason.strip():
            raise Refused("Le motif d’annulation est vide.", todo="Écrivez pourquoi.", field="reason")
        stay.status, stay.cancel_reason = StayStatus.CANCELLED, reason.strip()[:200]
        save(stay, actor)
        record_event(stay, EventKind.STAY_CANCELLED, actor)
    return stay


def close(stay: Stay, actor: Actor) -> None:
    """All that was owed is paid: the stay is settled. Called by the floor that knows the money."""
    if stay.status == StayStatus.DISCHARGED:
        stay.status = StayStatus.CLOSED
        save(stay, actor)
        record_event(stay, EventKind.STAY_CLOSED, actor)


def ask_rights_again(stay_id: int, actor: Actor) -> None:
    """A person wants fresh rights, however recent the last answer. Raises Refused: the stay is over, or the AMC said no.

    A refusal of third-party payment is not asked again as it is: only a new card, or a coverage that is corrected, is
    another question.
    """
    with transaction.atomic():
        stay = locked(stay_id)
        if stay.status in (StayStatus.CANCELLED, StayStatus.CLOSED):
            raise Refused("Ce séjour est terminé : il n’y a plus de droits à demander.")
        if refusal := third_party_payment_refused(stay):
            raise Refused(
                f"L’organisme a refusé le tiers payant : {refusal.reason or refusal.code}.",
                todo="Scannez une autre carte, ou corrigez la couverture : la demande repart seule.",
            )
        record_event(stay, EventKind.RIGHTS_ASKED_AGAIN, actor)


def locked(stay_id: int, version: int | None = None) -> Stay:
    stay = Stay.objects.select_for_update().get(pk=stay_id)
    if version is not None and stay.version != version:
        raise Conflict(
            "Ce séjour a été enregistré par quelqu’un d’autre pendant votre saisie.",
            kept="Votre saisie est gardée à l’écran ; rien n’a été écrasé.",
            todo="Comparez les deux valeurs, puis enregistrez de nouveau.",
        )
    return stay


def save(stay: Stay, actor: Actor) -> None:
    stay.version += 1
    stay.updated_by = actor.user
    stay.save()


def _end_requests(stay: Stay, last_day: date) -> None:
    """What was asked ends with the stay; what would have begun after it never was."""
    stay.requests.filter(starts_on__gt=last_day).delete()
    stay.requests.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=last_day)).update(ends_on=last_day)


def _check_plan(plan: StayPlan) -> None:
    if plan.planned_end_at and plan.planned_end_at < plan.planned_start_at:
        raise Refused("La sortie prévue précède l’entrée.", todo="Corrigez les dates.", field="planned_end_at")


def _check_exit(stay: Stay, at: datetime) -> None:
    assert stay.started_at is not None
    if at < stay.started_at:
        raise Refused(
            f"La sortie précède l’entrée du {timezone.localtime(stay.started_at):%d/%m/%Y à %H:%M}.",
            todo="Corrigez l’heure de sortie.",
            field="ended_at",
        )


def _check_not_ahead(at: datetime, field: str) -> None:
    if at > timezone.now() + CLOCK_TOLERANCE:
        raise Refused("Cette heure est dans le futur.", todo="Corrigez l’heure.", field=field)
