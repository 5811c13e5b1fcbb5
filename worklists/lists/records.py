"""Lists of payers' records: proposed differences, doubles, those that serve nobody."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import F

from accounts.enums import Action, Role
from accounts.models import User
from debtors import merging, upkeep
from debtors.models import Debtor, DebtorChange, DebtorPair
from worklists import querysets
from worklists.enums import Step
from worklists.registry import Column, Deed, Kind, Worklist

_REFERENT = frozenset({Role.REFERENT})

CHANGES = Kind(
    model=DebtorChange,
    rows="worklists/debtor_change.html",
    columns=(
        Column("Débiteur", lambda change: change.debtor.name, "organisme"),
        Column("Champ", lambda change: change.label),
        Column("Dans la fiche", lambda change: change.now),
        Column("Ce qui est dit", lambda change: change.after),
        Column("Par", lambda change: change.get_source_display()),
        Column("Fois", lambda change: change.said_count, "fois", numeric=True),
    ),
    adorn=lambda rows: rows.select_related("debtor"),
    label=lambda change: f"{change.debtor.name}, {change.label}",
    sorts={"organisme": "debtor__name", "fois": "said_count"},
    debtor="debtor",
)

PAIRS = Kind(
    model=DebtorPair,
    rows="worklists/debtor_pair.html",
    columns=(
        Column("Fiche", lambda pair: pair.second.name, "organisme"),
        Column("Ressemble à", lambda pair: pair.first.name),
        Column("Parce que", lambda pair: ", ".join(pair.reasons)),
        Column("Sur 100", lambda pair: pair.score, "score", numeric=True),
    ),
    adorn=lambda rows: rows.select_related("first", "second"),
    label=lambda pair: f"{pair.second.name}, {pair.first.name}",
    sorts={"organisme": "second__name", "score": "score"},
)

IDLE = Kind(
    model=Debtor,
    rows="worklists/debtor_idle.html",
    columns=(
        Column("Débiteur", lambda debtor: debtor.name, "organisme"),
        Column("N° AMC", lambda debtor: debtor.amc_number),
        Column("Ville", lambda debtor: debtor.town),
        Column("Sans usage depuis", lambda debtor: debtor.idle_since),
    ),
    adorn=lambda rows: rows,
    label=lambda debtor: debtor.name,
    sorts={"organisme": "name"},
)


def _taken(ids: list[int], user: User, *, accepted: bool) -> list[tuple[int, bool, str]]:
    outcomes = []
    for pk in ids:
        try:
            upkeep.decide(pk, user, accepted=accepted)
        except upkeep.UpkeepConflict as conflict:
            outcomes.append((pk, False, conflict.message))
        else:
            outcomes.append((pk, True, ""))
    return outcomes


def _kept_apart(ids: list[int], user: User) -> list[tuple[int, bool, str]]:
    outcomes = []
    for pk in ids:
        try:
            merging.keep_apart(pk, user)
        except merging.MergeRefused as refused:
            outcomes.append((pk, False, refused.message))
        else:
            outcomes.append((pk, True, ""))
    return outcomes


def _put_to_sleep(ids: list[int], _user: User) -> list[tuple[int, bool, str]]:
    idle = querysets.idle_debtors().filter(pk__in=ids)
    asleep = set(idle.values_list("pk", flat=True))
    idle.update(active=False, version=F("version") + 1)
    return [(pk, pk in asleep, "" if pk in asleep else "Elle sert de nouveau : rien n’a changé.") for pk in ids]


def _deed(name: str, verb: str, done: str, icon: str, carry_out: Any, key: str) -> Deed:
    return Deed(name, verb, done, icon, Action.EDIT_DEBTOR, carry_out, key)


WORKLISTS = (
    Worklist(
        slug="changements-de-fiches",
        title="Fiches débiteurs : changements proposés",
        step=Step.REFERENCE,
        roles=_REFERENT,
        action=Action.SEE_DEBTORS,
        kind=CHANGES,
        select=lambda _here: querysets.proposed_changes(),
        since="said_at",
        happened="Un organisme ou l’annuaire dit autre chose que ce qu’une personne a écrit dans la fiche.",
        system="La fiche reste telle : ce qui est écrit à la main n’est pas écrasé.",
        you="Prenez ce qui est dit, ou écartez-le : la même valeur ne sera plus proposée.",
        deeds=(
            _deed("prendre", "Prendre", "pris", "check", partial(_taken, accepted=True), "v"),
            _deed("ecarter", "Garder la fiche", "écartés", "ban", partial(_taken, accepted=False), "r"),
        ),
        first="-fois",
    ),
    Worklist(
        slug="doublons-de-debiteurs",
        title="Doublons de débiteurs",
        step=Step.REFERENCE,
        roles=_REFERENT,
        # Its lines open on the merge.
        action=Action.EDIT_DEBTOR,
        kind=PAIRS,
        select=lambda _here: querysets.proposed_pairs(),
        since="found_at",
        happened="Deux fiches se ressemblent : numéro, nom, adresse ou destination des DRE.",
        system="Chaque nuit, les fiches sont comparées. Rien n’est fusionné tout seul.",
        you="Comparez-les et fusionnez, c’est réversible 30 jours ; ou dites que ce sont deux organismes.",
        deeds=(_deed("distincts", "Deux organismes", "gardées distinctes", "ban", _kept_apart, "r"),),
        first="-score",
    ),
    Worklist(
        slug="debiteurs-sans-usage",
        title="Débiteurs sans usage",
        step=Step.REFERENCE,
        roles=_REFERENT,
        action=Action.SEE_DEBTORS,
        kind=IDLE,
        select=lambda _here: querysets.idle_debtors(),
        since="created_at",
        happened="Depuis un an, personne n’est couvert par cette fiche, et elle n’a répondu à aucun appel.",
        system="Elle se choisit toujours, et peut tromper un agent.",
        you="Mettez-la en sommeil : elle ne se choisit plus, et se réveille d’un geste sur sa fiche.",
        deeds=(_deed("endormir", "Mettre en sommeil", "mis en sommeil", "player-pause", _put_to_sleep, "v"),),
    ),
)
