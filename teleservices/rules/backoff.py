"""How long to wait before the next try. Pure: the randomness is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds; `jitter` is a share (0.2 spreads the delay by ± 20 %)."""

    first_s: float
    factor: float
    cap_s: float
    jitter: float


def delay(policy: Backoff, attempt: int, chance: float) -> timedelta:
    """The wait after the `attempt`-th failure (1 the first). `chance` in [0, 1) spreads the callers."""
    # The exponent is bounded: beyond the cap a larger one only overflows.
    raw = min(policy.first_s * policy.factor ** min(attempt - 1, 32), policy.cap_s)
    return timedelta(seconds=raw * (1 + policy.jitter * (2 * chance - 1)))
