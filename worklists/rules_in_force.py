"""The rules of the calls as they stand on a day: what each code asks for, the delays, the caps, who wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from admissions.presenters import french
from teleservices.enums import Family
from teleservices.models import CallLimit, RetryPolicy, ReturnCode
from teleservices.models.catalogue import Dated
from teleservices.ruling import in_force
from teleservices.sentences import retry_words


@dataclass(frozen=True, slots=True)
class Written:
    """Who wrote a version and when it rules. `by` is empty for what came with the product."""

    since: date
    until: date | None
    by: str
    at: datetime | None

    @classmethod
    def of(cls, rule: Dated) -> Written:
        who = rule.changed_by
        return cls(rule.valid_from, rule.valid_until, who.short_name if who else "", rule.changed_at if who else None)


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One code: the treatment is the same for each of its operations."""

    code: str
    label: str
    operations: str
    disposition: str
    rearm: str
    written: Written


@dataclass(frozen=True, slots=True)
class FamilyRules:
    label: str
    codes: list[CodeLine]


_REARMED_BY = {
    "vendor_fix": "l’anomalie résolue",
    "setting_changed": "le réglage changé",
    "coverage_changed": "une autre carte, une couverture corrigée",
    "amo_rights_changed": "les droits AMO changés",
    "member_number_entered": "le n° saisi",
}


def families(day: date) -> list[FamilyRules]:
    """Every code in force, by family, in the order of the programme. One query."""
    found: dict[str, list[CodeLine]] = {}
    for row in in_force(ReturnCode, day).select_related("changed_by").order_by("code"):
        found.setdefault(row.family, []).append(
            CodeLine(
                row.code,
                french(row.label),
                ", ".join(row.operations),
                row.get_disposition_display(),
                _REARMED_BY.get(row.rearm_on, row.rearm_on),
                Written.of(row),
            )
        )
    return [FamilyRules(str(family.label), found[family]) for family in Family if family in found]


@dataclass(frozen=True, slots=True)
class RetryLine:
    cause: str
    words: str
    first_s: int
    factor: Any
    cap_s: int
    jitter: int
    show_after_s: int
    written: Written


def retries(day: date) -> list[RetryLine]:
    return [
        RetryLine(
            row.cause,
            retry_words(row.cause),
            row.first_delay_s,
            row.factor,
            row.cap_s,
            row.jitter_percent,
            row.show_after_s,
            Written.of(row),
        )
        for row in in_force(RetryPolicy, day).select_related("changed_by").order_by("cause")
    ]


@dataclass(frozen=True, slots=True)
class LimitLine:
    name: str
    words: str
    value: int
    written: Written


def limits(day: date) -> list[LimitLine]:
    rows = in_force(CallLimit, day).select_related("changed_by").order_by("name")
    return [LimitLine(row.name, row.get_name_display(), row.value, Written.of(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One version that somebody wrote, past, present or to come."""

    what: str
    written: Written


def history(most: int = 20) -> list[ChangeLine]:
    """The last versions that people wrote, the latest first."""
    lines: list[tuple[datetime, ChangeLine]] = []
    models: tuple[tuple[type[Dated], Any], ...] = (
        (RetryPolicy, lambda row: f"Nouvel essai, {retry_words(row.cause)}"),
        (CallLimit, lambda row: f"{row.get_name_display()} : {row.value}".capitalize()),
        (ReturnCode, lambda row: f"Code {row.code} : {row.get_disposition_display()}"),
    )
    for model, named in models:
        written = model._default_manager.filter(changed_by__isnull=False).select_related("changed_by")
        for row in written.order_by("-changed_at", "-pk")[:most]:
            lines.append((row.changed_at, ChangeLine(named(row), Written.of(row))))
    return [line for _, line in sorted(lines, key=lambda one: one[0], reverse=True)][:most]
