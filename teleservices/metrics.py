"""The figures of the supervision for a scraper (text format of Prometheus). No name, no number of a person."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gap import health as dependencies
from teleservices import expiry, health


class _Dependencies:
    """What the product needs of others: first, since the other figures are read in the database."""

    def __init__(self, seen: dependencies.Health) -> None:
        self._seen = seen

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily(
            "gap_dependency_up", "1 while what the product needs of others is well.", labels=["name"]
        )
        seen = self._seen
        for name, well in seen.parts.items():
            up.add_metric([name], int(well))
        free = GaugeMetricFamily("gap_files_free_bytes", "Room left where files are kept.", value=seen.free_bytes)
        late = GaugeMetricFamily("gap_clock_late_seconds", "Our clock less the database's.", value=seen.late_s or 0)
        yield from (up, free, late)


class _Calls:
    """Read when it is scraped: every web process gives the same figures, those of the ledger."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        by = ["channel", "operation"]
        times = GaugeMetricFamily("roc_answer_seconds", "Answer times of the last 24 hours.", labels=[*by, "quantile"])
        tries = GaugeMetricFamily("roc_tries", "Tries of the last 24 hours.", labels=by)
        answers = GaugeMetricFamily("roc_answers", "Answered tries of the last 24 hours.", labels=by)
        waiting = GaugeMetricFamily("roc_calls_waiting", "Calls that wait to leave.", labels=by)
        suspended = GaugeMetricFamily("roc_circuit_open", "1 while a channel is suspended.", labels=by)
        for line in health.measures():
            labels = [line.channel, line.operation]
            for quantile, value in (("0.5", line.median_ms), ("0.95", line.p95_ms)):
                if value is not None:
                    times.add_metric([*labels, quantile], value / 1000)
            tries.add_metric(labels, line.tries)
            answers.add_metric(labels, line.answers)
            waiting.add_metric(labels, line.waiting)
            suspended.add_metric(labels, int(line.suspended))
        refusals = GaugeMetricFamily("roc_refusals", "Refusals of the last 24 hours.", labels=["family"])
        for family, count in health.refusals().items():
            refusals.add_metric([family], count)
        expiries = GaugeMetricFamily(
            "roc_certificate_expiry_timestamp_seconds", "When a certificate that the calls need expires.", labels=["of"]
        )
        for key, ends in _first_to_expire().items():
            expiries.add_metric([key], ends)
        yield from (times, tries, answers, waiting, suspended, refusals, expiries)


def _first_to_expire() -> dict[str, float]:
    """directory, services, authority → seconds since 1970; 0 for one that is missing or unreadable."""
    found: dict[str, float] = {}
    for one in expiry.watched():
        found.setdefault(one.key, one.expires_at.timestamp() if one.expires_at else 0)
    return found


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For a scraper that knows the token of the settings (METRICS_TOKEN); without one, the address does not exist."""
    expected = str(settings.METRICS_TOKEN)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Http404
    registry = CollectorRegistry()
    seen = dependencies.look()
    collectors: list[Any] = [_Dependencies(seen), *([_Calls()] if seen.database else [])]
    for one in collectors:
        registry.register(one)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
