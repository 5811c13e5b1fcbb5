"""Work of the accounts' floor."""

from __future__ import annotations

from celery import shared_task

from accounts import tokens, tries
from accounts.journal import sealing


@shared_task
def seal_journal() -> None:
    """Close what was written in the journal since the last time."""
    sealing.seal()


@shared_task
def sweep_credentials() -> None:
    """Take away what opens nothing any more, and makes nobody wait."""
    tokens.sweep()
    tries.sweep()
