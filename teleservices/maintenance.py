"""What a person decides about channels: its limits, a maintenance announced or ended, a try at once."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from teleservices import gates
from teleservices.models import ChannelRule, Circuit, MaintenanceWindow


def limit(user: User, channel: str, *, in_flight: int, kept_for_interactive: int, failures_to_open: int) -> ChannelRule:
    """From the next call on. Those under way end, even when they are more than the new limit."""
    rule, _ = ChannelRule.objects.update_or_create(
        channel=channel,
        defaults={
            "in_flight": in_flight,
            "kept_for_interactive": kept_for_interactive,
            "failures_to_open": failures_to_open,
            "updated_by": user,
        },
    )
    return rule


def announce(window: MaintenanceWindow, user: User) -> MaintenanceWindow:
    """Nothing leaves during it. What is under way ends."""
    window.created_by = user
    window.save()
    return window


def end(window_id: int) -> int:
    """Over sooner than announced, or never to begin. The calls that waited for it leave soon. Returns how many."""
    now = timezone.now()
    with transaction.atomic():
        window = MaintenanceWindow.objects.select_for_update().filter(pk=window_id, ends_at__gt=now).first()
        if window is None:
            return 0
        if window.starts_at >= now:
            window.delete()
            return 0
        window.ends_at = now
        window.save(update_fields=["ends_at"])
    return gates.release(gates.MAINTENANCE, window.channel, window.operation)


def try_now(circuit_id: int) -> bool:
    """Send the probe at once, with the oldest call that waits for it. False when the circuit has closed meanwhile."""
    circuit = Circuit.objects.filter(pk=circuit_id, retry_at__isnull=False).first()
    if circuit is None:
        return False
    Circuit.objects.filter(pk=circuit.pk, retry_at=circuit.retry_at).update(retry_at=timezone.now())
    gates.release(gates.CIRCUIT_OPEN, circuit.channel, circuit.operation, most=1)
    return True
