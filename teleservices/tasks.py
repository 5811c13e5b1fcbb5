from celery import shared_task
from django.utils import timezone

from admissions.events import wake
from teleservices import (
    addresses,
    anomalies,
    batches,
    certificates,
    connection_test,
    directory,
    engine,
    expiry,
    perimeter,
    retention,
)
from teleservices.webhooks import sending


@shared_task
def run_call(call_id: int) -> None:
    engine.run(call_id)


@shared_task
def drain_calls(call_id: int) -> None:
    engine.run(call_id, drain=True)


@shared_task
def sweep_calls() -> None:
    engine.sweep()
    connection_test.sweep()


@shared_task
def send_webhook(message_id: int) -> None:
    sending.send(message_id)


@shared_task
def sweep_webhooks() -> None:
    sending.sweep()


@shared_task
def forget_webhooks() -> None:
    sending.forget()


@shared_task
def reconsider_unknown_codes() -> None:
    engine.reconsider_unknown()


@shared_task
def rearm_solved_anomalies() -> None:
    """One turn; another follows at once while there is something to call again."""
    if anomalies.rearm_solved() + anomalies.notice_forgotten():
        wake("teleservices.tasks.rearm_solved_anomalies", queue="batch")


@shared_task
def apply_perimeters() -> None:
    """One turn; another follows at once while there are stays to tell."""
    if perimeter.apply_due():
        wake("teleservices.tasks.apply_perimeters", queue="batch")


@shared_task
def rearm_addresses() -> None:
    addresses.rearm()


@shared_task
def watch_certificates() -> None:
    """Every hour: say what will expire, once a threshold; forget the keys that can no longer serve."""
    expiry.report()
    expiry.warn()
    certificates.erase_expired_keys()


@shared_task
def purge() -> None:
    """One turn; another follows at once while there is much to erase."""
    if retention.turn():
        wake("teleservices.tasks.purge", queue="batch")


@shared_task
def refresh_directory() -> None:
    directory.refresh_old()


@shared_task
def bring_back_to_roc() -> None:
    directory.bring_back()


@shared_task
def feed_batch(batch_id: int) -> None:
    batches.feed(batch_id)


@shared_task
def sweep_batches() -> None:
    batches.sweep()


@shared_task
def start_batches_of_the_night() -> None:
    batches.start_by_night(timezone.localdate())
