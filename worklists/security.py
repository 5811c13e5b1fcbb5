"""What the running installation says of its own safety: one line a subject, with what to do when it is not well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.conf import settings
from django.core import checks
from django.db.models import Count, Q
from django.utils import timezone

from accounts import controls
from accounts.administration import people_of, unvisited
from accounts.enums import Controlled, JournalKind
from accounts.models import Control, Establishment, JournalEntry, JournalSeal, Session
from admissions.services import glass
from gap import health, incidents
from gap.templatetags.gap_format import counted
from gap.text import NBSP
from teleservices import expiry

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """`tone`: that of a chip (`ok`, `wait`, `stop`). `todo` is empty when there is nothing to do."""

    subject: str
    tone: str
    found: str
    todo: str = ""
    at: datetime | None = None


def lines(establishment: Establishment) -> list[Line]:
    """Every subject, the worst first. A dozen queries, whatever the size of the hospital."""
    found = [*_accounts(establishment), *_refusals(establishment), _openings(establishment), _chain()]
    found += [*_controls(), *_certificates(), *_dependencies(), _settings()]
    return sorted(found, key=lambda line: ("stop", "wait", "ok").index(line.tone))


def _accounts(establishment: Establishment) -> Iterator[Line]:
    now = timezone.now()
    count = (
        people_of(establishment)
        .filter(is_active=True)
        .aggregate(
            people=Count("pk"),
            proved=Count("pk", filter=Q(second_factor__confirmed_at__isnull=False)),
            dormant=Count("pk", filter=unvisited()),
        )
    )
    without = count["people"] - count["proved"]
    required = settings.SECOND_FACTOR == "required"
    yield Line(
        "Second facteur",
        "ok" if not without else ("wait" if required else "stop"),
        f"{count['proved']} sur {counted(count['people'], 'personne')}.",
        (
            ""
            if not without
            else "Les autres le mettront en place à leur prochaine connexion."
            if required
            else f"Rendez-le obligatoire{NBSP}: réglage SECOND_FACTOR."
        ),
    )
    yield Line(
        "Comptes sans visite depuis 90 jours",
        "wait" if count["dormant"] else "ok",
        f"{counted(count['dormant'], 'compte')}.",
        "Fermez ceux de personnes parties." if count["dormant"] else "",
    )
    sessions = Session.objects.filter(expire_date__gt=now, user__establishment=establishment).count()
    yield Line("Sessions ouvertes", "ok", f"{counted(sessions, 'session')}.")


def _refusals(establishment: Establishment) -> Iterator[Line]:
    lately = JournalEntry.objects.filter(at__gte=timezone.now() - _DAY)
    count = lately.aggregate(
        passwords=Count("pk", filter=Q(kind=JournalKind.SESSION, action__endswith="refusé")),
        accesses=Count("pk", filter=Q(kind=JournalKind.REFUSED, establishment_id=establishment.pk)),
    )
    yield Line(
        "Mots de passe et codes refusés depuis 24 heures",
        "wait" if count["passwords"] > 100 else "ok",
        f"{count['passwords']} refus.",
        f"Lisez le journal, nature «{NBSP}connexion{NBSP}»." if count["passwords"] > 100 else "",
    )
    yield Line("Accès refusés depuis 24 heures", "ok", f"{count['accesses']} refus.")


def _openings(establishment: Establishment) -> Line:
    count = glass.to_review(establishment.pk)
    todo = "Le contrôle des accès les relit." if count else ""
    return Line(
        "Dossiers protégés ouverts, à relire", "wait" if count else "ok", f"{counted(count, 'ouverture')}.", todo
    )


def _chain() -> Line:
    """What is written is closed every few seconds: a seal that is late says that nobody does it any more."""
    last = JournalSeal.objects.order_by("-number").values("number", "sealed_at", "last_entry").first()
    waiting = JournalEntry.objects.filter(pk__gt=last["last_entry"] if last else 0).order_by("pk")
    oldest = waiting.values_list("at", flat=True).first()
    late = oldest is not None and timezone.now() - oldest > timedelta(minutes=10)
    return Line(
        "Chaîne du journal",
        "stop" if late else "ok",
        f"{counted(last['number'], 'sceau,sceaux')}." if last else "Aucun sceau encore.",
        "Le journal n’est plus scellé : relancez le planificateur et les travailleurs." if late else "",
        last["sealed_at"] if last else None,
    )


_TODO: Final = {
    Controlled.JOURNAL: "manage.py verify_journal, chaque nuit",
    Controlled.BACKUP: "manage.py backup, chaque nuit",
    Controlled.RESTORE: "manage.py restore, sur une base vide, chaque trimestre",
    Controlled.PURGE: "manage.py purge, ou la tâche du planificateur",
    Controlled.KEYS: "manage.py rotate_keys, chaque année et après chaque départ",
    Controlled.KIT: "manage.py downtime_kit, chaque heure",
}


def _controls() -> Iterator[Line]:
    known = {one.name: one for one in Control.objects.all()}
    for name in Controlled:
        last = known.get(name)
        subject = str(name.label).capitalize()
        if last is None:
            yield Line(subject, "wait", "Jamais fait ici.", _TODO[name])
        elif not last.sound:
            yield Line(subject, "stop", last.sentence, _TODO[name], last.at)
        else:
            overdue = controls.late(name, last)
            yield Line(subject, "wait" if overdue else "ok", last.sentence, _TODO[name] if overdue else "", last.at)


def _certificates() -> Iterator[Line]:
    for one in expiry.watched():
        tone = {None: "ok", 60: "wait", 30: "wait", 7: "stop"}[one.threshold]
        days = f"{counted(one.days_left, 'jour')} avant la fin." if one.days_left >= 0 else one.problem or "Expiré."
        yield Line(
            f"Certificat «{NBSP}{one.label}{NBSP}»", tone, days, "" if tone == "ok" else "Voyez « Certificats »."
        )


def _dependencies() -> Iterator[Line]:
    seen = health.look()
    yield Line(
        "Redis",
        "ok" if seen.redis else "stop",
        "Répond."
        if seen.redis
        else "Ne répond pas\u00a0: les appels partent au rythme des travailleurs une fois revenu.",
        "" if seen.redis else incidents.SAID["redis"][1],
    )
    room = f"{seen.free_bytes // 1024**3} Gio libres."
    yield Line(
        "Disque des fichiers", "ok" if seen.disk else "stop", room, "" if seen.disk else incidents.SAID["disk"][1]
    )
    late = seen.late_s or 0.0
    told = "La même que celle de la base." if abs(late) < 1 else f"{abs(late):.0f} s d’écart avec celle de la base."
    if "clock_heard" in incidents.current():
        told = f"{incidents.SAID['clock_heard'][0]}."
    yield Line("Horloge", "ok" if seen.clock else "stop", told, "" if seen.clock else incidents.SAID["clock"][1])


def _settings() -> Line:
    """What Django itself thinks of the settings that this server runs under."""
    serious = _remarks()
    todo = f"manage.py check --deploy ({', '.join(serious)})" if serious else ""
    return Line(
        "Réglages du serveur", "stop" if serious else "ok", f"{counted(len(serious), 'remarque')} de Django.", todo
    )


@cache
def _remarks() -> tuple[str, ...]:
    """Their names. Settings do not change under a process."""
    found = checks.run_checks(include_deployment_checks=True)
    return tuple(sorted({str(one.id) for one in found if one.level >= checks.WARNING and not one.is_silenced()}))
