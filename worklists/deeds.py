"""What may be done to several lines at once, one outcome a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from accounts.enums import Action
from accounts.models import User
from accounts.sight import seen
from admissions.enums import EventKind
from admissions.errors import Refused
from admissions.events import Actor
from admissions.models import AdmissionEvent
from admissions.services import stays
from billing import restored
from billing.models import ExchangeFile, Invoice
from teleservices import anomalies
from teleservices.enums import Recipient
from teleservices.models import TeleserviceCall
from teleservices.services import mark_handled
from worklists.registry import Deed

# Asked again less than this ago: the answer is on its way.
JUST_ASKED = timedelta(minutes=1)


def _mark(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    return [(line.call_id, line.done, line.message) for line in mark_handled(ids, user)]


def handled(verb: str, done: str, key: str = "p") -> Deed:
    """«Patient prévenu», «Anomalie signalée»: a person did what the refusal asked of people."""
    return Deed("traite", verb, done, "check", Action.ASSIGN_WORK, _mark, key)


def each(ids: list[int], act: Callable[[int], object]) -> list[tuple[int, bool, str]]:
    """Each line by itself: what one refuses does not stop the others."""
    outcomes = []
    for pk in ids:
        try:
            act(pk)
        except Refused as refusal:
            outcomes.append((pk, False, refusal.sentence))
        else:
            outcomes.append((pk, True, ""))
    return outcomes


def reported(name: str, recipient: Recipient, verb: str, key: str) -> Deed:
    """The cause was told to whom may mend it."""

    def carry_out(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
        return each(ids, lambda pk: anomalies.report(pk, user, recipient=recipient))

    return Deed(name, verb, "signalées", "send", Action.TREAT_ANOMALY, carry_out, key)


def solved() -> Deed:
    """The cause is mended: its dossiers are called again."""

    def carry_out(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
        return each(ids, lambda pk: anomalies.solve(pk, user))

    return Deed("resolue", "Résolue, tout relancer", "résolues", "refresh", Action.TREAT_ANOMALY, carry_out, "r")


def after_a_return(held: type[Invoice] | type[ExchangeFile]) -> tuple[Deed, Deed]:
    """What a return to a backup holds: the payer was asked whether it has had it."""

    def had(ids: list[int], _user: User) -> list[tuple[int, bool, str]]:
        return each(ids, lambda pk: restored.had_already(held, pk))

    def let_go(ids: list[int], _user: User) -> list[tuple[int, bool, str]]:
        return each(ids, lambda pk: restored.let_go(held, pk))

    return (
        Deed("deja-recue", "L’organisme l’a déjà", "notées comme reçues", "check", Action.CORRECT_INVOICE, had, "p"),
        Deed("laisser-partir", "Laisser partir", "libérées", "send", Action.CORRECT_INVOICE, let_go, "r"),
    )


def _ask_again(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    """Ask each stay's rights afresh. Calls of one stay are one demand."""
    calls = {
        call.pk: call
        for call in TeleserviceCall.objects.filter(seen(user.sight(Action.ASK_AGAIN), "stay__"), pk__in=ids).only(
            "pk", "stay_id"
        )
    }
    results: list[tuple[int, bool, str]] = []
    asked: dict[int, str] = {}
    for call_id in ids:
        if call_id not in calls:
            results.append((call_id, False, "Cet appel n’existe pas dans votre établissement."))
            continue
        stay_id = calls[call_id].stay_id
        if stay_id not in asked:
            asked[stay_id] = _ask_stay(stay_id, user)
        results.append((call_id, not asked[stay_id], asked[stay_id]))
    return results


def _ask_stay(stay_id: int, user: User) -> str:
    """Empty when it was asked, else why not."""
    recent = timezone.now() - JUST_ASKED
    asked_again = AdmissionEvent.objects.filter(stay=stay_id, kind=EventKind.RIGHTS_ASKED_AGAIN)
    if asked_again.filter(occurred_at__gt=recent).exists():
        return "Les droits de ce séjour viennent d’être redemandés : la réponse arrive."
    try:
        stays.ask_rights_again(stay_id, Actor(user))
    except Refused as refusal:
        return refusal.sentence
    return ""


ASK_AGAIN = Deed("redemander", "Redemander", "redemandés", "refresh", Action.ASK_AGAIN, _ask_again, "r")
