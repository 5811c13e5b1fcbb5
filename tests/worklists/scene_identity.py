"""A stay of somebody who is not known yet."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from admissions.enums import Incomplete
from tests.worklists import scene


def an_unknown() -> Any:
    stay = scene.a_stay()
    stay.patient.incomplete, stay.patient.incomplete_since = Incomplete.UNKNOWN, timezone.now()
    stay.patient.save()
    return stay
