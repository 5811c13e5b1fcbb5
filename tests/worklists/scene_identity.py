"""A stay of somebody who is not known yet."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.utils import timezone

from admissions.enums import Incomplete
from tests.worklists import scene

_NUMBERS = count()


def an_unknown() -> Any:
    stay = scene.a_stay()
    stay.patient.incomplete, stay.patient.incomplete_since = Incomplete.UNKNOWN, timezone.now()
    stay.patient.save()
    return stay


def a_double() -> Any:
    """Two dossiers, one letter apart."""
    from admissions.services import pairs
    from tests.factories import PatientFactory

    number = next(_NUMBERS)
    name = f"KERMOAL{chr(65 + number % 26)}{chr(65 + number // 26)}"
    here = scene.a_stay().establishment
    for written in (name, name.replace("OA", "AO")):
        patient = PatientFactory(birth_name=written, first_names="Solenn", nir="")
        patient.establishment = here
        patient.save()
        pairs.look_for(patient.pk)
    return patient
