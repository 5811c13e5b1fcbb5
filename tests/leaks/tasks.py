"""A task that fails on what it was given."""

from __future__ import annotations

from celery import shared_task

from tests.leaks import faults


@shared_task
def fail(canary: str) -> None:
    """`canary`: what a task must never be given, here to be found where it passes."""
    faults.fail()
