from celery import shared_task

from teleservices import engine


@shared_task
def run_call(call_id: int) -> None:
    engine.run(call_id)


@shared_task
def drain_calls(call_id: int) -> None:
    engine.run(call_id, drain=True)


@shared_task
def sweep_calls() -> None:
    engine.sweep()


@shared_task
def reconsider_unknown_codes() -> None:
    engine.reconsider_unknown()
