"""Lists of anomalies: one line a cause, whatever its number of dossiers."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import OuterRef, QuerySet

from accounts.enums import Action, Role
from teleservices.enums import AnomalyState, Recipient
from teleservices.models import Anomaly
from worklists import querysets
from worklists.deeds import reported, solved
from worklists.enums import Step
from worklists.registry import Column, Grouping, Kind, Worklist

_REFERENT = frozenset({Role.REFERENT})


def _adorn(anomalies: QuerySet[Any]) -> QuerySet[Any]:
    return anomalies.select_related("debtor").annotate(meant=querysets.label_in_force(OuterRef("code")))


def _finish(anomalies: list[Any]) -> None:
    for anomaly in anomalies:
        anomaly.said = anomaly.meant or "Code sans libellé"


def _name(anomaly: Any) -> str:
    return f"{anomaly.code} {anomaly.operation}, {anomaly.debtor.name}"


ANOMALIES = Kind(
    model=Anomaly,
    rows="worklists/anomaly.html",
    columns=(
        Column("Anomalie", lambda anomaly: f"{anomaly.code} {anomaly.said}", "code"),
        Column("Service", lambda anomaly: anomaly.operation),
        Column("Organisme", lambda anomaly: anomaly.debtor.name, "organisme"),
        Column("État", lambda anomaly: anomaly.get_state_display()),
        Column("Dossiers", lambda anomaly: anomaly.dossiers, "dossiers", numeric=True),
    ),
    adorn=_adorn,
    finish=_finish,
    label=_name,
    sorts={"code": "code", "organisme": "debtor__name", "dossiers": "dossiers"},
    debtor="debtor",
    operation="operation",
)
_BY_CODE = Grouping("code", "code", "Par code", label=querysets.code_and_label("code"))


def _in(states: tuple[AnomalyState, ...], establishment_id: int) -> Any:
    return querysets.anomalies(establishment_id, *states)


WORKLISTS = (
    Worklist(
        slug="anomalies-a-signaler",
        title="Anomalies à signaler",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.TREAT_ANOMALY,
        kind=ANOMALIES,
        select=partial(_in, (AnomalyState.TO_REPORT,)),
        steady=True,
        since="opened_at",
        happened="L’organisme répond par une anomalie que personne ne peut corriger à l’accueil.",
        system="Les dossiers attendent, sans tiers payant garanti. Rien n’est redemandé pour rien.",
        you="Une ligne par cause : joignez le dossier de preuve, signalez-la à l’éditeur ou à l’organisme.",
        after="À signaler",
        first="-dossiers",
        deeds=(
            reported("editeur", Recipient.VENDOR, "Signalée à l’éditeur", "e"),
            reported("organisme", Recipient.AMC, "Signalée à l’organisme", "o"),
        ),
        grouping=_BY_CODE,
    ),
    Worklist(
        slug="anomalies-signalees",
        title="Anomalies signalées",
        step=Step.ARRIVAL,
        roles=_REFERENT,
        action=Action.TREAT_ANOMALY,
        kind=ANOMALIES,
        select=partial(_in, (AnomalyState.REPORTED, AnomalyState.ANSWERED)),
        steady=True,
        since="state_at",
        happened="L’anomalie est signalée : l’éditeur ou l’organisme doit la corriger.",
        system="Ses dossiers attendent. Dès qu’elle est dite résolue, ils repartent tous, seuls, la nuit s’il le faut.",
        you="Notez la réponse reçue. Quand la correction est en place : « Résolue ».",
        after="Chez eux",
        deeds=(solved(),),
        grouping=_BY_CODE,
        quiet=True,
    ),
)
