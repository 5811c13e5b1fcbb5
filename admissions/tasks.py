from celery import shared_task
from django.utils import timezone

from admissions import events
from admissions.events import wake
from admissions.services import following, glass, pairs

#: Local hour at which the comparison of every dossier gives way to the day's work.
_MORNING = 6


@shared_task
def deliver_event(event_id: int) -> None:
    events.deliver(event_id)


@shared_task
def sweep_events() -> None:
    events.sweep()
    following.sweep()


@shared_task
def follow_association(association_id: int) -> None:
    following.follow(association_id)


@shared_task
def tell_broken_glass(broken_id: int) -> None:
    glass.tell(broken_id)


@shared_task
def look_for_pairs_of(patient_id: int) -> None:
    pairs.look_for(patient_id)


@shared_task
def look_for_pairs() -> None:
    """One turn; another follows at once while the night lasts and has dossiers to compare. The next night goes on."""
    if pairs.sweep() and timezone.localtime().hour < _MORNING:
        wake("admissions.tasks.look_for_pairs", queue="batch")
