"""`manage.py connection_test IEP`: the test d'accrochage from a terminal, for who installs the software."""

from __future__ import annotations

import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from admissions.errors import Refused
from admissions.models import Stay
from teleservices import connection_record, connection_test, engine
from teleservices.connection_record import Step
from teleservices.enums import CLAIMABLE, HandshakeState
from teleservices.models import ConnectionTest

_BEAT_S: Final = 0.5


class Command(BaseCommand):
    help = "Fait un test d’accrochage sur un dossier et attend son résultat. Sort avec 0 s’il est réussi, 1 sinon."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("iep", help="IEP d’un séjour qui a une complémentaire")
        parser.add_argument("--amc", default="", help="n° AMC, si le dossier en a plusieurs")
        parser.add_argument("--timeout", type=float, default=60.0, help="secondes d’attente (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        stay = Stay.objects.select_related("establishment").filter(iep=options["iep"]).first()
        if stay is None:
            raise CommandError("Aucun séjour n’a cet IEP. Rien n’est parti.")
        number = options["amc"].strip()
        try:
            test, begun = connection_test.start(
                stay.establishment, None, stay.iep, amc_number=number.zfill(10) if number else ""
            )
        except Refused as refusal:
            raise CommandError(refusal.sentence) from None
        self.stdout.write(f"Test n° {test.pk} {'lancé' if begun else 'déjà en cours'}, {test.debtor.name}.")
        ended = self._wait(test.pk, options["timeout"])
        steps = connection_record.steps_of(ended, timezone.now())
        for step in steps:
            self.stdout.write(_line(step))
        result = connection_record.result_of(ended, steps)
        said = " ".join(part for part in (f"{result.title}.", result.detail, result.todo) if part)
        if ended.state == HandshakeState.SUCCEEDED:
            self.stdout.write(said)
            return
        if ended.is_running:
            said = f"{said} Le test continue seul : sa page dit la suite."
        raise CommandError(said)

    def _wait(self, test_id: int, timeout: float) -> ConnectionTest:
        """Carry the calls that are due, in case no worker runs yet; a worker that was faster has done the work."""
        until = time.monotonic() + timeout
        while True:
            connection_test.follow(test_id)
            test = connection_test.with_calls(ConnectionTest.objects.filter(pk=test_id)).get()
            if not test.is_running or time.monotonic() >= until:
                return test
            calls = [call for call in (test.directory_call, test.idb_call) if call and call.status in CLAIMABLE]
            due = [call for call in calls if call.not_before <= timezone.now()]
            for call in due:
                engine.run(call.pk)
            if not due:
                time.sleep(_BEAT_S)


def _line(step: Step) -> str:
    """« Annuaire AMC : Répondu, 43 ms, HTTP 200, OK, réponse positive, message … »."""
    measures = [
        step.chip,
        f"{step.duration_ms} ms" if step.duration_ms is not None else "",
        f"HTTP {step.http_status}" if step.http_status else "",
        f"{step.code}, {step.label}" if step.code else step.says,
        step.host,
        f"message {step.message_id}" if step.message_id else "",
    ]
    return f"  {step.title} : " + ", ".join(part for part in measures if part)
