"""The installation's own controls: what a command or a task found, kept for the « Sécurité » page and for alerts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts.enums import Controlled
from accounts.models import Control

#: After how long nobody should be content with the last one. House rules, written in docs/exploitation.md.
EVERY: Final[dict[str, timedelta]] = {
    Controlled.JOURNAL: timedelta(days=2),
    Controlled.BACKUP: timedelta(days=2),
    Controlled.RESTORE: timedelta(days=100),
    Controlled.PURGE: timedelta(days=2),
    Controlled.KEYS: timedelta(days=400),
    # Made each hour: of a paper older than that, nobody knows who has come since.
    Controlled.KIT: timedelta(hours=3),
}


def note(name: Controlled, *, sound: bool, sentence: str) -> None:
    """This was looked at now, and this was found. The last one stands; the journal has the others."""
    found = {"at": timezone.now(), "sound": sound, "sentence": sentence[:300]}
    Control.objects.update_or_create(name=name, defaults=found)


def late(name: str, last: Control | None) -> bool:
    """Whether it should have been looked at since."""
    return last is None or timezone.now() - last.at > EVERY[name]
