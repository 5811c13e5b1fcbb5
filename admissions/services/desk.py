"""What the desk does beside the stay itself: a demand taken back."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from admissions.enums import EventKind, RequestCode, StayStatus
from admissions.errors import Refused
from admissions.events import Actor, record_event
from admissions.models import Stay


def stop_request(stay_id: int, code: RequestCode, actor: Actor, last_day: date | None = None) -> None:
    """The patient no longer wants it. What has not begun never was; else it ends on `last_day` (today by default)."""
    with transaction.atomic():
        stay = Stay.objects.select_for_update().get(pk=stay_id)
        if not stay.is_open:
            raise Refused("Ce séjour est terminé : ses demandes ne se modifient plus.")
        request = stay.requests.filter(code=code, ends_on__isnull=True).first()
        if request is None:
            return
        day = last_day or timezone.localdate()
        # Asked and taken back the same day, or before the patient came: no night was spent on it.
        if stay.status == StayStatus.PREADMITTED or day <= request.starts_on:
            request.delete()
        else:
            request.ends_on = day
            request.save(update_fields=["ends_on"])
        stay.version += 1
        stay.updated_by = actor.user
        stay.save()
        record_event(stay, EventKind.REQUEST_ENDED, actor, detail={"code": str(code)})
