"""Each kind of card that a stay showed is noted, for the palmarès."""

from __future__ import annotations

from django.utils import timezone

from admissions.models import CardReading, Stay
from debtors.querysets import CardContext


def note(stay: Stay, context: CardContext) -> None:
    """Once a stay and kind of card. Needs the stay's lock: two scans of one card are one."""
    kind = {
        "amc_number": context.amc_number,
        "convention": context.convention,
        "csr": context.csr,
        "domain": context.domain,
    }
    known = CardReading.objects.filter(stay=stay, **kind)
    if not context.amc_number:
        known = known.filter(fingerprint__in=context.fingerprints)
    if known.exists():
        return
    CardReading.objects.create(
        stay=stay,
        establishment_id=stay.establishment_id,
        month=timezone.localdate().replace(day=1),
        # The same kind whoever holds it: a card that is parsed is known by its context alone.
        fingerprint="" if context.amc_number else context.fingerprint,
        **kind,
    )
