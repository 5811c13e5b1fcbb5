"""Dossiers that look like one person's: found when one changes and by night, until a référent says what they are."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from admissions.candidates import Candidate, candidates, person_of
from admissions.errors import Refused
from admissions.events import Actor
from admissions.models import PairSweep, Patient, PatientPair
from admissions.querysets import patients_of
from admissions.rules.matching import Level
from admissions.services.identity import strict_traits
from gap.crypto import blind_index

#: Alike enough for somebody to compare. Twins are told apart when one is created, and are no pair.
_ALIKE: Final = (Level.SAME, Level.NEAR)
_PIECE: Final = 200
_TURN_S: Final = 20.0


@transaction.atomic
def look_for(patient_id: int) -> int:
    """Compare a dossier with those that resemble it. Returns how many pairs are open. Run twice, it comes to the same."""
    patient = Patient.objects.select_related("establishment").filter(pk=patient_id).first()
    if patient is None:
        return 0
    known = PatientPair.objects.select_for_update().filter(Q(first=patient) | Q(second=patient))
    pairs = {(pair.first_id, pair.second_id): pair for pair in known.select_related("first", "second").order_by("pk")}
    alike = [] if patient.merged_into_id else _alike(patient)
    now, kept = timezone.now(), set()
    for one in alike:
        first, second = sorted((patient, one.patient), key=lambda row: row.pk)
        kept.add((first.pk, second.pk))
        digest = _about(first, second)
        pair = pairs.get((first.pk, second.pk))
        if pair is None:
            PatientPair.objects.get_or_create(
                first=first,
                second=second,
                defaults={
                    "score": one.likeness.score,
                    "reasons": list(one.likeness.reasons),
                    "about": digest,
                    "found_at": now,
                },
            )
        elif pair.about != digest:
            # A strict trait has changed: what was said of the pair was said of others.
            pair.score, pair.reasons, pair.about = one.likeness.score, list(one.likeness.reasons), digest
            pair.decided_at, pair.decided_by, pair.reason, pair.found_at = None, None, "", now
            pair.save()
    gone = [pair.pk for key, pair in pairs.items() if key not in kept and pair.decided_at is None]
    PatientPair.objects.filter(pk__in=gone).delete()
    return len(kept)


def sweep() -> bool:
    """A turn of the night: go on from where the last one was. Whether another should follow at once."""
    until = time.monotonic() + _TURN_S
    sweep, _ = PairSweep.objects.get_or_create(pk=1)
    while time.monotonic() < until:
        people = Patient.objects.filter(pk__gt=sweep.cursor, merged_into__isnull=True).order_by("pk")
        piece = list(people.values_list("pk", flat=True)[:_PIECE])
        for pk in piece:
            look_for(pk)
        if len(piece) < _PIECE:
            sweep.cursor, sweep.rounds = 0, sweep.rounds + 1
            sweep.save()
            return False
        sweep.cursor = piece[-1]
        sweep.save()
    return True


@transaction.atomic
def two_people(one: Patient, other: Patient, reason: str, actor: Actor) -> PatientPair:
    """A référent says that these are two people. Raises Refused without a reason."""
    reason = " ".join(reason.split())
    if not reason:
        raise Refused("Dites pourquoi ce sont deux personnes.", kept="Rien n’a changé.", field="reason")
    first, second = sorted((one, other), key=lambda row: row.pk)
    now = timezone.now()
    pair, _ = PatientPair.objects.update_or_create(
        first=first,
        second=second,
        defaults={
            "about": _about(first, second),
            "decided_at": now,
            "decided_by": actor.user,
            "reason": reason[:200],
        },
        create_defaults={
            "score": 0,
            "found_at": now,
            "about": _about(first, second),
            "decided_at": now,
            "decided_by": actor.user,
            "reason": reason[:200],
        },
    )
    return pair


def _alike(patient: Patient) -> list[Candidate]:
    among = patients_of(patient.establishment).exclude(pk=patient.pk)
    indexes = [patient.nir_index] if patient.nir_index else []
    found = candidates(person_of(patient), among, nir_indexes=indexes)
    return [one for one in found if one.likeness.level in _ALIKE]


def _about(first: Patient, second: Patient) -> str:
    said = [[asdict(strict_traits(one)), one.birth_rank] for one in (first, second)]
    return blind_index(json.dumps(said, default=str), "patient.pair")
