from celery import shared_task

from admissions import events
from admissions.services import glass


@shared_task
def deliver_event(event_id: int) -> None:
    events.deliver(event_id)


@shared_task
def sweep_events() -> None:
    events.sweep()


@shared_task
def tell_broken_glass(broken_id: int) -> None:
    glass.tell(broken_id)
