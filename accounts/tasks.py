"""Work of the accounts' floor."""

from __future__ import annotations

from celery import shared_task

from accounts import quick_access, sessions, tokens, tries
from accounts.journal import sealing
from gap import health


@shared_task
def seal_journal() -> None:
    """Close what was written in the journal since the last time."""
    sealing.seal()


@shared_task
def look_at_health() -> None:
    """Look at what the product needs of others; whoever keeps the machine is told of what has changed."""
    health.look()


@shared_task
def sweep_signing_in() -> None:
    """Take away what opens nothing any more: sessions, quick accesses and tries that are over."""
    sessions.sweep()
    quick_access.sweep()
    tokens.sweep()
    tries.sweep()
