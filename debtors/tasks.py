from celery import shared_task

from debtors import duplicates


@shared_task
def look_for_duplicates() -> None:
    duplicates.look()
