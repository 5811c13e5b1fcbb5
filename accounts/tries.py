"""Wrong tries, counted where nothing is forgotten: passwords, codes. A count makes wait; it never closes an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.models import Tries
from gap.crypto import blind_index


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong tries of `what` within `wait`, then none is looked at until it has passed."""

    what: str
    tries: int
    wait: timedelta

    @property
    def minutes(self) -> int:
        return int(self.wait.total_seconds() // 60)


#: One name from one place: a colleague elsewhere is not kept out by somebody who types their name.
PASSWORD: Final = Limit("password", 10, timedelta(minutes=15))
#: One name from everywhere: a machine that changes its address at each try.
NAME: Final = Limit("name", 100, timedelta(minutes=15))
#: Six digits, three periods of which are accepted: five tries find one in 66 000 times.
CODE: Final = Limit("code", 5, timedelta(minutes=15))

_COUNT: Final = """
insert into accounts_tries (subject, count, since) values (%s, 1, %s)
on conflict (subject) do update set
  count = case when accounts_tries.since < %s then 1 else accounts_tries.count + 1 end,
  since = case when accounts_tries.since < %s then excluded.since else accounts_tries.since end
"""


def _subject(limit: Limit, subject: str) -> str:
    return blind_index(f"{limit.what}|{subject}", "accounts.tries")


def must_wait(limit: Limit, subject: str) -> bool:
    """Whether this was wrong too often lately."""
    lately = timezone.now() - limit.wait
    found = Tries.objects.filter(subject=_subject(limit, subject), since__gte=lately, count__gte=limit.tries)
    return found.exists()


def count(limit: Limit, subject: str) -> None:
    """One more wrong try. In one statement: two at once are two."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [_subject(limit, subject), now, now - limit.wait, now - limit.wait])


def forget(limit: Limit, subject: str) -> None:
    """It was right at last."""
    Tries.objects.filter(subject=_subject(limit, subject)).delete()


def sweep() -> int:
    """Take away what makes nobody wait any more."""
    return Tries.objects.filter(since__lt=timezone.now() - timedelta(days=1)).delete()[0]
