"""A stay turns out to be something else: HDJ → external care, external care → hospitalisation, MCO → SMR or PSY."""

from __future__ import annotations

from admissions.enums import EventKind, Requalification, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import Actor, check_allowed
from admissions.models import Stay, Unit
from admissions.services.context import follow_context
from admissions.services.stays import explained, locked, save


def requalify(
    stay_id: int, kind: StayKind, unit: Unit, reason: Requalification, actor: Actor, *, version: int | None = None
) -> Stay:
    """What the stay has turned out to be, and where. Raises Conflict, Refused: an invoice has left, nothing changes."""
    with explained():
        stay = locked(stay_id, version)
        if stay.status not in (StayStatus.ADMITTED, StayStatus.DISCHARGED):
            raise Refused(
                f"Ce séjour est {stay.get_status_display()} : il ne se requalifie pas.",
                todo="Une pré-admission se corrige par ses prévisions.",
            )
        if unit.establishment_id != stay.establishment_id:
            raise Refused("Ce service est d’un autre établissement.", todo="Créez-y un séjour.", field="unit")
        if (stay.kind, stay.unit_id) == (kind, unit.pk):
            raise Refused("Rien ne change : même type, même service.", todo="Choisissez ce qui change.", field="kind")
        check_allowed(stay, EventKind.STAY_REQUALIFIED)
        before = dict(stay.roc_context, kind=stay.kind)
        if unit.pk != stay.unit_id:
            last = stay.movements.last()
            if last is not None:
                last.unit = unit
                last.save(update_fields=["unit"])
        stay.kind, stay.unit, stay.domain = kind, unit, unit.domain
        save(stay, actor)
        follow_context(stay, before, reason, actor)
    return stay
