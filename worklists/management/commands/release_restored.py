"""`manage.py release_restored`: what a restore has held leaves, once somebody has asked the payers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from billing.restored import release_lots
from gap.templatetags.gap_format import counted
from teleservices.restored import release_calls


class Command(BaseCommand):
    help = (
        "Laisse partir les engagements, annulations, factures et lots retenus après une restauration. À lancer quand on a "
        "vérifié auprès des organismes ce qu’ils ont déjà reçu."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        calls, (invoices, lots) = release_calls(), release_lots()
        self.stdout.write(
            f"Libérés\u00a0: {counted(calls, 'appel')}, {counted(invoices, 'facture')}, {counted(lots, 'lot')}."
        )
