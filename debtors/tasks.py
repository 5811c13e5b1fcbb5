from celery import shared_task

from debtors import duplicates
from debtors.imports import runs


@shared_task
def look_for_duplicates() -> None:
    duplicates.look()


@shared_task
def run_import(import_id: int) -> None:
    runs.run(import_id)


@shared_task
def sweep_imports() -> None:
    runs.sweep()
