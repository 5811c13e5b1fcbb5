from celery import shared_task

from admissions import events
from admissions.services import following, glass


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
