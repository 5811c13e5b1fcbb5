"""Lists of dossiers: those that look like one person's."""

from __future__ import annotations

from accounts.enums import Action, Role
from admissions.masked import listed_name
from admissions.models import PatientPair
from worklists import querysets, querysets_identity
from worklists.enums import Step
from worklists.registry import Column, Kind, Worklist

PAIRS = Kind(
    model=PatientPair,
    rows="worklists/patient_pair.html",
    columns=(
        Column("Dossier", lambda pair: listed_name(pair.second), "patient"),
        Column("Ressemble à", lambda pair: listed_name(pair.first)),
        Column("Parce que", lambda pair: "" if _masked(pair) else ", ".join(pair.reasons)),
        Column("Sur 100", lambda pair: pair.score, "score", numeric=True),
    ),
    adorn=lambda rows: rows.select_related("first", "second").only(
        *("score", "reasons", "found_at"), *querysets.named("first"), *querysets.named("second")
    ),
    label=lambda pair: f"{listed_name(pair.second)}, {listed_name(pair.first)}",
    sorts={"patient": "second__birth_name", "score": "score"},
)


def _masked(pair: PatientPair) -> bool:
    return bool(pair.first.protection or pair.second.protection)


WORKLISTS = (
    Worklist(
        slug="doublons-de-patients",
        title="Doublons de patients",
        step=Step.ARRIVAL,
        roles=frozenset({Role.REFERENT}),
        # Its lines open on the comparison.
        action=Action.DECIDE_IDENTITY,
        kind=PAIRS,
        select=querysets_identity.patient_pairs,
        since="found_at",
        happened="Deux dossiers se ressemblent\u00a0: noms, prénoms, date de naissance ou NIR. Les jumeaux n’y sont pas.",
        system="Un dossier créé ou corrigé est comparé aussitôt, et tous la nuit. Rien n’est fusionné tout seul.",
        you="Comparez-les et fusionnez, cela se défait\u00a0; ou dites pourquoi ce sont deux personnes.",
        first="-score",
    ),
)
