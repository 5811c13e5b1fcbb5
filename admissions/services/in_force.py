"""Which coverage is in force: one at a time for a kind and a rank, and the stays that are told when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import date, timedelta
from typing import Any, Final

from admissions.enums import CoverageKind, EventKind, Nature, StayStatus
from admissions.events import Actor, record_event
from admissions.models import Coverage, Stay
from admissions.querysets import care_date

#: Stays whose payer may still change: nothing is settled yet.
CONCERNED: Final = (StayStatus.PREADMITTED, StayStatus.ADMITTED, StayStatus.DISCHARGED)
_FACTS = ("debtor_id", "convention", "csr", "member_number", "nature", "exemption", "situations")
_PROOF = ("source", "piece", "insured", "quality", "answer")
_UNSAID: dict[str, Any] = {
    "convention": "", "csr": "", "member_number": None, "nature": Nature.ILLNESS, "exemption": "", "situations": [],
}  # fmt: skip


def covers(coverage: Coverage, day: date) -> bool:
    """Both ends of its period included."""
    return coverage.valid_from <= day and (coverage.valid_until is None or day <= coverage.valid_until)


def replace_coverage(
    stay: Stay, kind: CoverageKind, rank: int, values: dict[str, Any], actor: Actor
) -> tuple[Coverage, bool]:
    """Put a coverage in force in place of those it overlaps. Returns it, and whether it was already so."""
    covered, unchanged = put_in_force(stay, kind, rank, [values], actor)
    return covered[0], unchanged


def put_in_force(
    stay: Stay, kind: CoverageKind, rank: int, rows: list[dict[str, Any]], actor: Actor, *, changes_only: bool = False
) -> tuple[list[Coverage], bool]:
    """Put coverages that follow one another in force in place of those they overlap; the stays that they cover are told.

    `changes_only`: those alone whose payers would now be asked something else. Returns the coverages, and whether all
    were already so.
    """
    present = list(
        Coverage.objects.select_for_update().filter(patient=stay.patient_id, kind=kind, rank=rank, active=True)
    )
    start, end = rows[0]["valid_from"], rows[-1]["valid_until"]
    overlapping = [
        coverage
        for coverage in present
        if (end is None or coverage.valid_from <= end)
        and (coverage.valid_until is None or coverage.valid_until >= start)
    ]
    wanted = [Coverage(patient_id=stay.patient_id, kind=kind, rank=rank, **(_UNSAID | values)) for values in rows]
    found = [next((one for one in overlapping if _same(one, asked)), None) for asked in wanted]
    same = [coverage for coverage in found if coverage is not None]
    for before, asked in zip(found, wanted, strict=True):
        if before is not None:
            _note_proof(before, asked)
    if len(same) == len(wanted):
        return same, True
    were = [copy(coverage) for coverage in overlapping] if changes_only else []
    for coverage in overlapping:
        if coverage in same:
            continue
        if coverage.valid_from < start:
            # It did cover the stays of before: only its end moves.
            coverage.valid_until = start - timedelta(days=1)
        else:
            coverage.active = False
        coverage.version += 1
        coverage.save(update_fields=["active", "valid_until", "version", "updated_at"])
    made = [before or asked for before, asked in zip(found, wanted, strict=True)]
    for coverage in made:
        if coverage not in same:
            coverage.created_by = actor.user
            coverage.save()
            announce(coverage, actor, were)
    return made, False


def _note_proof(coverage: Coverage, asked: Coverage) -> None:
    """Nothing that a payer is asked by has changed: how it is known may be better known."""
    if coverage.kind != CoverageKind.AMO or not (asked.piece or asked.answer_id):
        return
    for name in _PROOF:
        setattr(coverage, name, getattr(asked, name) or getattr(coverage, name))
    coverage.version += 1
    coverage.save(update_fields=[*_PROOF, "version", "updated_at"])


def _same(one: Coverage, other: Coverage) -> bool:
    return facts_of(one) == facts_of(other) and (one.valid_from, one.valid_until) == (
        other.valid_from,
        other.valid_until,
    )


def facts_of(coverage: Coverage) -> list[Any]:
    """What a payer is asked by, whatever the days and however it is known."""
    return [getattr(coverage, name) for name in _FACTS]


def announce(coverage: Coverage, actor: Actor, were: Sequence[Coverage] = ()) -> None:
    """Each stay that this coverage may pay for is told, unless one of those that were said the same of its day."""
    stays = Stay.objects.filter(patient=coverage.patient_id, status__in=CONCERNED)
    for stay in stays:
        day = care_date(stay)
        alike = any(covers(one, day) and facts_of(one) == facts_of(coverage) for one in were)
        if covers(coverage, day) and not alike:
            record_event(
                stay,
                EventKind.COVERAGE_CHANGED,
                actor,
                detail={"coverage": coverage.pk, "kind": coverage.kind, "rank": coverage.rank},
            )


def end_coverage(coverage_id: int, last_day: date, actor: Actor) -> None:
    """Its rights ended, or never were: it covers nothing after that day. The stays that lose it are told."""
    coverage = Coverage.objects.select_for_update().get(pk=coverage_id)
    lost = copy(coverage)
    if coverage.valid_from <= last_day:
        coverage.valid_until = last_day
    else:
        coverage.active = False
    coverage.version += 1
    coverage.save(update_fields=["active", "valid_until", "version", "updated_at"])
    announce(lost, actor, [coverage] if coverage.active else [])
