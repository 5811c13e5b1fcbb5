from celery import shared_task

from admissions import events


@shared_task
def deliver_event(event_id: int) -> None:
    events.deliver(event_id)


@shared_task
def sweep_events() -> None:
    events.sweep()
