"""Builds the demonstration hospital from an empty database, in order, saying where it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import groupby
from random import Random

from django.db import transaction
from django.utils import timezone

from accounts.enums import Role
from admissions.models import EventDelivery
from teleservices import anomalies
from teleservices.enums import Recipient
from teleservices.models import Anomaly, AnomalyStep
from worklists.demo import at_once, connected, discretion, logins, outside, places, reference
from worklists.demo.acts import Acts, Hospital
from worklists.demo.ageing import Ageing, move
from worklists.demo.ageing_money import MoneyAgeing
from worklists.demo.plots import FULL_SIZE, Casting, Script, read_plots
from worklists.demo.recovery import Recovery

# The same people on every machine; their passwords, never.
_SEED = "valmont"
_REJECTED_KEPT = 5


def build(size: int, say: Callable[[str], None]) -> list[Script]:
    """Build a hospital of about `size` stays (500: the full one; 0: nobody) and return what was planned for each.

    Needs an empty migrated database, and the simulator running with its exchange folder. Raises RuntimeError when the
    chain does not come to rest.
    """
    started = time.monotonic()
    now = timezone.now().replace(microsecond=0)
    rng = Random(f"{_SEED}-{size}")  # noqa: S311

    def step(text: str) -> None:
        say(f"  {time.monotonic() - started:5.1f} s  {text}")

    establishment = places.build()
    logins.issue(establishment)
    connected.keep_certificates(establishment)
    scripts = Casting(rng, now).stays(read_plots(size)) if size else []
    step(f"{places.NAME} : {len(scripts)} séjours à faire vivre")
    if not scripts:
        return scripts
    hospital = Hospital(establishment, rng, now)
    recovery = Recovery(hospital, rng, size)
    acts = Acts(hospital, scripts)
    with acts.chain:
        _live(acts, recovery, scripts, max(1, round(_REJECTED_KEPT * size / FULL_SIZE)), step)
        _problems()
        step(f"{acts.chain.calls} appels aux organismes, paiements et rejets reçus")
    with transaction.atomic():
        ageing = Ageing(scripts, rng, now)
        ageing.run()
        MoneyAgeing(ageing, recovery.paid_at, rng, now).run()
        _report_the_oldest_anomaly(hospital, now)
    step("dates remises à leur place")
    outside.agree(hospital)
    connected.prove_connection(establishment)
    discretion.keep_secrets(establishment)
    reference.fill(hospital, now)
    at_once.somebody_unknown(hospital, establishment)
    at_once.a_double(establishment)
    return scripts


def _live(
    acts: Acts, recovery: Recovery, scripts: list[Script], rejected_kept: int, step: Callable[[str], None]
) -> None:
    acts.create_patients()
    step(f"{len(acts.people)} patients")
    acts.preadmit()
    acts.cancel()
    acts.decide_associations()
    step("pré-admissions, cartes lues, droits demandés")
    acts.admit()
    step("admissions et simulations")
    acts.live()
    acts.outlive_rights_before_exit()
    step("mouvements et chambres particulières")
    leaving = sorted((script for script in scripts if script.exit), key=_exit_day)
    sent_until = _exit_day(leaving[-1]) if leaving else date.max
    for day, those in groupby(leaving, key=_exit_day):
        gone = list(those)
        acts.discharge(gone)
        acts.correct(gone)
        acts.withdraw_identities(gone)
        if day < sent_until:
            recovery.send(day)
    step("sorties, engagements, factures envoyées")
    recovery.resend_rejected(rejected_kept)
    recovery.collect(scripts)
    recovery.finish()
    acts.chain.settle()
    acts.chain.try_again()


def _report_the_oldest_anomaly(hospital: Hospital, now: datetime) -> None:
    """A référent has told the AMC of one cause; the others are still to report."""
    oldest = Anomaly.objects.order_by("opened_at", "pk").first()
    referent = hospital.someone(Role.REFERENT, 0).user
    if oldest is None or referent is None or Anomaly.objects.count() < 2:
        return
    anomalies.report(
        oldest.pk, referent, recipient=Recipient.AMC, reference="INC-2041", note="Dossier de preuve joint."
    )
    told = min(oldest.opened_at + timedelta(hours=5), now)
    move(Anomaly, "state_at", {oldest.pk: told})
    move(AnomalyStep, "at", dict.fromkeys(AnomalyStep.objects.values_list("pk", flat=True), told))


def _exit_day(script: Script) -> date:
    assert script.exit is not None
    return timezone.localdate(script.exit)


def _problems() -> None:
    failed = EventDelivery.objects.filter(attempts__gt=0, done_at__isnull=True)
    if problems := sorted(set(failed.values_list("consumer", "problem"))):
        raise RuntimeError(f"Des événements n’ont pas pu être traités : {problems}")
