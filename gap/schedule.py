"""What the scheduler wakes, and how often. Read by `gap.settings`: nothing of Django is imported here."""

from __future__ import annotations

from typing import Any, Final

from celery.schedules import crontab

#: Nobody waits for these: the night's workers do them.
_NIGHT: Final = {"queue": "batch"}


def of(*, sweep_s: float, journal_s: float, exchange_s: float) -> dict[str, dict[str, Any]]:
    """The schedule of Celery beat. Seconds between two sweeps, two seals of the journal, two looks at the exchanges."""
    return {
        "events": {"task": "admissions.tasks.sweep_events", "schedule": sweep_s},
        "calls": {"task": "teleservices.tasks.sweep_calls", "schedule": sweep_s},
        "anomalies": {"task": "teleservices.tasks.rearm_solved_anomalies", "schedule": 60, "options": _NIGHT},
        "perimeters": {"task": "teleservices.tasks.apply_perimeters", "schedule": 60, "options": _NIGHT},
        "certificates": {"task": "teleservices.tasks.watch_certificates", "schedule": 3600, "options": _NIGHT},
        "purge": {"task": "teleservices.tasks.purge", "schedule": 3600, "options": _NIGHT},
        "addresses": {"task": "teleservices.tasks.rearm_addresses", "schedule": 60, "options": _NIGHT},
        "unknown codes": {"task": "teleservices.tasks.reconsider_unknown_codes", "schedule": 3600},
        "journal": {"task": "accounts.tasks.seal_journal", "schedule": journal_s},
        "signing in": {"task": "accounts.tasks.sweep_signing_in", "schedule": 3600, "options": _NIGHT},
        "webhooks": {"task": "teleservices.tasks.sweep_webhooks", "schedule": sweep_s, "options": _NIGHT},
        "webhooks kept": {"task": "teleservices.tasks.forget_webhooks", "schedule": 3600, "options": _NIGHT},
        # What people who keep the machine are told of where no balancer asks whether we are ready; but for Redis, which
        # wakes this too.
        "health": {"task": "accounts.tasks.look_at_health", "schedule": 30, "options": _NIGHT},
        "directory": {
            "task": "teleservices.tasks.refresh_directory",
            "schedule": crontab(hour="1-5", minute="7,27,47"),
            "options": _NIGHT,
        },
        "national batches": {"task": "teleservices.tasks.sweep_batches", "schedule": 10, "options": _NIGHT},
        "national batches of the night": {
            "task": "teleservices.tasks.start_batches_of_the_night",
            "schedule": crontab(hour=1, minute=42),
            "options": _NIGHT,
        },
        "back to ROC": {"task": "teleservices.tasks.bring_back_to_roc", "schedule": 600, "options": _NIGHT},
        "imports": {"task": "debtors.tasks.sweep_imports", "schedule": 60, "options": _NIGHT},
        "amounts of cards": {"task": "worklists.tasks.count_amounts_of_cards", "schedule": 600, "options": _NIGHT},
        "duplicates": {
            "task": "debtors.tasks.look_for_duplicates",
            "schedule": crontab(hour=2, minute=12),
            "options": _NIGHT,
        },
        "doubles of patients": {
            "task": "admissions.tasks.look_for_pairs",
            "schedule": crontab(hour=3, minute=5),
            "options": _NIGHT,
        },
        "idle debtors": {
            "task": "billing.tasks.mark_idle_debtors",
            "schedule": crontab(hour=2, minute=22),
            "options": _NIGHT,
        },
        "agreements": {"task": "billing.tasks.presume_agreements", "schedule": 3600, "options": _NIGHT},
        "lots": {"task": "billing.tasks.send_lots", "schedule": exchange_s},
        "returns": {"task": "billing.tasks.import_returns", "schedule": exchange_s},
    }
