"""Lists for who keeps the machine: events that a consumer could not take, calls that nobody takes, imports that stopped."""

from __future__ import annotations

from typing import Any

from accounts.enums import Action, Role
from accounts.models import User
from admissions.models import EventDelivery
from debtors.enums import ImportState
from debtors.imports import runs
from debtors.models import FileImport
from gap.constants import Constant
from worklists import querysets
from worklists.enums import Step
from worklists.lists.calls import CALLS
from worklists.registry import Column, Deed, Grouping, Kind, Worklist

_DOING = {
    ImportState.WAITING: "à la lecture",
    ImportState.APPLYING: "à l’application",
    ImportState.TAKING_BACK: "à la reprise",
    ImportState.GIVING: "à la restitution",
}
_CONSUMERS = {"teleservices": "appels", "billing": "facturation", "webhooks": "logiciels à prévenir"}


def consumer_words(consumer: str) -> tuple[str, str]:
    return (_CONSUMERS.get(consumer, consumer), "")


def _event(delivery: Any) -> str:
    return str(delivery.event.get_kind_display())


DELIVERIES = Kind(
    model=EventDelivery,
    rows="worklists/delivery.html",
    columns=(
        Column("Événement", _event),
        Column("IEP", lambda delivery: delivery.event.stay.iep),
        Column("Destinataire", lambda delivery: consumer_words(delivery.consumer)[0]),
        Column("Incident", lambda delivery: delivery.problem),
        Column("Essais", lambda delivery: delivery.attempts, numeric=True),
    ),
    adorn=lambda rows: rows.select_related("event__stay"),
    label=lambda delivery: f"{_event(delivery)} {delivery.event.stay.iep}",
    iep="event__stay__iep",
    stay="event__stay",
)


def _restarted(ids: list[int], _user: User) -> list[tuple[int, bool, str]]:
    outcomes = []
    for pk in ids:
        try:
            runs.restart(pk)
        except runs.ImportRefused as refused:
            outcomes.append((pk, False, refused.message))
        else:
            outcomes.append((pk, True, ""))
    return outcomes


def _doing(row: Any) -> str:
    return _DOING.get(row.resumes, "")


IMPORTS = Kind(
    model=FileImport,
    rows="worklists/import.html",
    columns=(
        Column("Fichier", lambda row: row.name),
        Column("Contenu", lambda row: row.get_kind_display()),
        Column("S’est arrêté", _doing),
        Column("Cause", lambda row: row.cause),
        Column("Lignes", lambda row: row.lines_count, numeric=True),
    ),
    adorn=lambda rows: rows,
    label=lambda row: row.name,
)

WORKLISTS = (
    Worklist(
        slug="appels-immobiles",
        title="Appels immobiles",
        step=Step.TECHNICAL,
        # It names patients: not for who keeps the machine.
        roles=frozenset({Role.REFERENT}),
        action=Action.SEE_DOSSIER,
        kind=CALLS,
        select=querysets.at_a_standstill,
        since="not_before",
        happened="Leur heure est passée et personne ne les prend : les travailleurs sont arrêtés, ou trop peu nombreux.",
        system="Rien n’est perdu : ils partiront seuls dès qu’un travailleur sera là.",
        you="Relancez les travailleurs ; s’ils tournent, donnez-leur plus de fils ou une autre machine.",
        after="Pris par un travailleur",
        grouping=Grouping("amc", "debtor", "Par organisme", label_path="debtor__name", next_path="not_before"),
    ),
    Worklist(
        slug="evenements-en-echec",
        title="Événements en échec",
        step=Step.TECHNICAL,
        roles=frozenset({Role.ADMINISTRATOR, Role.REFERENT}),
        action=Action.SEE_TECHNICAL,
        kind=DELIVERIES,
        select=querysets.failed_deliveries,
        since="event__created_at",
        happened="Un événement du dossier n’a pas pu être pris en compte, trois fois ou plus.",
        system="Il est réessayé seul, de plus en plus espacé. Aucun événement n’est perdu.",
        you="Signalez-le à l’éditeur avec l’incident écrit sur la ligne.",
        after="Réessayé seul",
        grouping=Grouping("cause", "problem", "Par incident", words=lambda problem: (problem or "Inconnu", "")),
    ),
    Worklist(
        slug="imports-arretes",
        title="Imports arrêtés",
        step=Step.TECHNICAL,
        roles=frozenset({Role.ADMINISTRATOR, Role.REFERENT}),
        action=Action.SEE_TECHNICAL,
        kind=IMPORTS,
        select=lambda _here: FileImport.objects.filter(state=Constant(ImportState.STOPPED)),
        steady=True,
        since="ended_at",
        happened="La lecture ou l’application d’un fichier a rencontré un incident de notre côté à chacun de ses essais.",
        system="Rien n’est perdu : le fichier, et ce qui en était pris, sont gardés. Il n’est plus réessayé seul.",
        you="Administrateur : corrigez la cause écrite sur la ligne. Référent : relancez-le ensuite.",
        deeds=(
            Deed(
                "relancer",
                "Relancer",
                "relancés",
                "refresh",
                Action.VALIDATE_ASSOCIATION,
                _restarted,
                "r",
            ),
        ),
    ),
)
