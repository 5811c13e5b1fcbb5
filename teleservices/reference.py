"""Reference data of the calls: return codes, retry policies, limits and channels, from the project's own files."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

from teleservices.models import CallLimit, ChannelRule, RetentionRule, RetryPolicy, ReturnCode

DATA = Path(__file__).parent / "data"
SINCE = date(2020, 1, 1)
SOURCE = "catalogue provisoire : familles et traitements du programme SIMPHONIE, codes et libellés à nous"


def load_missing(**_signal: Any) -> None:
    """Fill the catalogues of an empty database; a catalogue that was imported since is left alone."""
    if not ReturnCode.objects.exists():
        ReturnCode.objects.bulk_create(_return_codes())
    known = set(RetryPolicy.objects.values_list("cause", flat=True))
    RetryPolicy.objects.bulk_create(policy for policy in _retry_policies() if policy.cause not in known)
    limited = set(CallLimit.objects.values_list("name", flat=True))
    CallLimit.objects.bulk_create(limit for limit in _call_limits() if limit.name not in limited)
    timed = set(RetentionRule.objects.values_list("name", flat=True))
    RetentionRule.objects.bulk_create(rule for rule in _retention_rules() if rule.name not in timed)
    if not ChannelRule.objects.exists():
        ChannelRule.objects.bulk_create(_channel_rules())


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _return_codes() -> list[ReturnCode]:
    return [
        ReturnCode(
            code=row["code"],
            operations=row["operations"].split("|"),
            family=row["family"],
            automatic=row["treatment"] == "automatic",
            agent_can_act=row["agent_can_act"] == "yes",
            disposition=row["disposition"],
            rearm_on=row["rearm_on"],
            label=row["label_fr"],
            agent_message=row["agent_message_fr"],
            valid_from=SINCE,
            source=SOURCE,
        )
        for row in _rows("return_codes.csv")
    ]


def _retry_policies() -> list[RetryPolicy]:
    return [
        RetryPolicy(
            cause=row["cause"],
            first_delay_s=int(row["first_delay_s"]),
            factor=row["factor"],
            cap_s=int(row["cap_s"]),
            jitter_percent=int(row["jitter_percent"]),
            show_after_s=int(row["show_after_s"]),
            valid_from=SINCE,
        )
        for row in _rows("retry_policies.csv")
    ]


def _call_limits() -> list[CallLimit]:
    return [CallLimit(name=row["name"], value=int(row["value"]), valid_from=SINCE) for row in _rows("call_limits.csv")]


def _retention_rules() -> list[RetentionRule]:
    return [
        RetentionRule(**row | {"days": int(row["days"])}, valid_from=SINCE)  # type: ignore[misc, arg-type]
        for row in _rows("retention.csv")
    ]


def _channel_rules() -> list[ChannelRule]:
    return [
        ChannelRule(
            channel=row["channel"],
            in_flight=int(row["in_flight"]),
            kept_for_interactive=int(row["kept_for_interactive"]),
            failures_to_open=int(row["failures_to_open"]),
        )
        for row in _rows("channel_rules.csv")
    ]
