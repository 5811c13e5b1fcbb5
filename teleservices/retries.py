"""When to try again: the rules are rows (RetryPolicy), one a family of causes."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from teleservices.models import RetryPolicy
from teleservices.rules.backoff import Backoff, delay
from teleservices.ruling import in_force


def retry_policy(cause: str) -> RetryPolicy:
    return in_force(RetryPolicy).get(cause=cause)


def pause(cause: str, attempt: int) -> timedelta:
    """How long to wait after the `attempt`-th failure of this cause (1 the first), spread by chance."""
    policy = retry_policy(cause)
    backoff = Backoff(policy.first_delay_s, float(policy.factor), policy.cap_s, policy.jitter_percent / 100)
    return delay(backoff, attempt, secrets.randbelow(1000) / 1000)


def next_try(cause: str, attempt: int, now: datetime) -> datetime:
    return now + pause(cause, attempt)
