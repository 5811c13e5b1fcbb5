"""Work of the accounts' floor."""

from __future__ import annotations

from celery import shared_task

from accounts.journal import sealing


@shared_task
def seal_journal() -> None:
    """Close what was written in the journal since the last time."""
    sealing.seal()
