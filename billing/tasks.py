from celery import shared_task

from billing import debtors, lots, returns
from billing.pec import services as pec


@shared_task
def send_lots() -> None:
    lots.send_lots()


@shared_task
def import_returns() -> None:
    returns.import_returns()


@shared_task
def mark_idle_debtors() -> None:
    debtors.mark_idle()


@shared_task
def presume_agreements() -> None:
    pec.presume_due()
