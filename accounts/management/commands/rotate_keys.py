"""`manage.py rotate_keys [--check]`: pass everything to the first key of each ring; then the older keys may go."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import controls
from accounts.enums import Controlled
from gap.crypto import DecryptionError
from gap.rotation import BATCH, everything
from gap.templatetags.gap_format import counted


class Command(BaseCommand):
    help = (
        "Chiffre de nouveau colonnes et fichiers sous la première clé de FIELD_ENCRYPTION_KEY, et recalcule les index "
        "sous la première de BLIND_INDEX_KEY. Peut être interrompue et relancée, pendant que l’hôpital travaille."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="ne change rien ; échoue s’il reste à faire")
        parser.add_argument("--batch", type=int, default=BATCH, help=f"valeurs par transaction ({BATCH})")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch"] <= 100_000:
            raise CommandError("Un lot compte 1 à 100 000 valeurs. Rien n’a changé.")
        unreadable = [] if options["check"] else self._rotate(options["batch"])
        left = {kind.name: count for kind in everything() if (count := kind.left())}
        for name, count in left.items():
            self.stdout.write(f"{name}\u00a0: {count} à passer sous la première clé")
        for kind in everything():
            if remark := getattr(kind, "remark", str)():
                self.stdout.write(remark)
        controls.note(
            Controlled.KEYS,
            sound=not (unreadable or left),
            sentence=f"{counted(sum(left.values()), 'valeur')} à passer sous la première clé, "
            f"{counted(len(unreadable), 'sorte illisible,sortes illisibles')}.",
        )
        if unreadable or left:
            raise CommandError(
                "Gardez toutes les clés. "
                + "".join(f"Illisible sous les clés données\u00a0: {name}. " for name in unreadable)
                + "Relancez la commande quand la cause est levée\u00a0; ce qui est déjà passé le reste."
            )
        self.stdout.write(
            "Rien n’a plus besoin des anciennes clés\u00a0: retirez-les de FIELD_ENCRYPTION_KEY. Retirez-les de "
            "BLIND_INDEX_KEY 24\u00a0heures après que tous les processus ont reçu la nouvelle, pas avant\u00a0: une "
            "demande rejouée se reconnaît encore à l’ancienne. Gardez-les au coffre aussi longtemps que des "
            "sauvegardes en dépendent."
        )

    def _rotate(self, batch: int) -> list[str]:
        done: Counter[str] = Counter()

        def told(name: str, count: int) -> None:
            if count:
                done[name] += count
                self.stdout.write(f"{name}\u00a0: {done[name]}")
                self.stdout.flush()

        unreadable = []
        for kind in everything():
            try:
                kind.rotate(batch, told)
            except DecryptionError:
                unreadable.append(kind.name)
        return unreadable
