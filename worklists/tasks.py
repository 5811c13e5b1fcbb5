from celery import shared_task

from worklists import palmares


@shared_task
def count_amounts_of_cards() -> None:
    for month in palmares.months()[:2]:
        palmares.count_amounts(month)
