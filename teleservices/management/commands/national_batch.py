"""Launch the national batches of tonight now, once a night however often it is asked."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from teleservices import batches


class Command(BaseCommand):
    help = "Lance les lots nationaux de cette nuit (droits AMO, INS), s’ils ne l’ont pas été."

    def handle(self, *args: Any, **options: Any) -> None:
        made = batches.start_by_night(timezone.localdate())
        for batch in made:
            self.stdout.write(f"{batch.get_kind_display()}, {batch.establishment.name}\u00a0: lot {batch.pk}")
        if not made:
            self.stdout.write("Aucun lot à lancer\u00a0: déjà fait cette nuit, en cours, ou service non raccordé.")
