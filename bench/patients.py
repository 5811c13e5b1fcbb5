"""Finding a patient again among two million, whatever the error of typing: time, and share of those who are found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from random import Random

from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from admissions.candidates import candidates
from admissions.events import SYSTEM
from admissions.models import Patient
from admissions.querysets import patients_of
from admissions.rules.matching import Person, match_keys
from admissions.services.patients import Traits, create_patient
from bench import people
from bench.ground import gather_statistics
from bench.measure import Row, Sample, at_most, in_turns, rate, within
from bench.typing_errors import Human, mistyped
from bench.typing_errors import people as invented

PATIENTS, TYPED = 2_000_000, 2_000
SEARCH_MS, RECALL_PERCENT, REGISTRATION_MS, SHOWN = 100, 99, 60, 10
#: A LIKE reads the whole table: a few of them say enough.
_LIKES = 60
_FIRST_IPP = 300_000_000
_BATCH = 100_000

_COLUMNS = (
    "ipp, birth_name, used_name, first_names, used_first_name, birth_date, sex, birth_place, birth_rank, identity_status,"
    " protection, phone, email, establishment_id, created_at, version"
)


def rows(rounds: int, size: float = 1.0) -> list[Row]:
    """A hundredth of the file first, then the file: what grows is said."""
    agent = people.colleague(Role.AGENT)
    assert agent.establishment is not None
    here = agent.establishment.pk
    client = Client(SERVER_NAME="localhost")
    client.force_login(agent)
    count = max(int(PATIENTS * size), 200)
    few, _ = _searches(here, _load(here, 0, count // 100, TYPED // 10))
    start = time.perf_counter()
    typed = _load(here, count // 100, count, TYPED)
    seconds = time.perf_counter() - start
    many, missed = _searches(here, typed)
    like, like_missed = _likes(typed[:_LIKES])
    screen, registration = in_turns(rounds, [_screen(client, typed), _registration(typed)])
    recall = 100 * (1 - len(missed) / len(typed))
    like_recall = 100 * (1 - like_missed / min(len(typed), _LIKES))
    found = within("patient cherché, erreur de frappe", many, SEARCH_MS)
    return [
        Row(
            found.name, found.n, found.median, found.p95, baseline="LIKE '%…%'", baseline_median=like.median,
            ratio=found.median / like.median, goal=found.goal, held=found.held,
            note=f"à 1 % : {few.median:.1f} ms",
        ),
        replace(
            rate("retrouvés parmi les dix premiers", len(typed), recall, "%", RECALL_PERCENT),
            note=f"{len(missed)} manqués" + _worst(missed),
        ),
        Row("retrouvés par LIKE '%…%'", min(len(typed), _LIKES), like_recall, like_recall, "%"),
        within("écran de création, doublons proposés", screen, SEARCH_MS),
        within("patient enregistré, clés comprises", registration, REGISTRATION_MS),
        at_most("chargement des patients et de leurs clés", count, seconds, "s", 240),
    ]  # fmt: skip


def _worst(missed: list[str]) -> str:
    return " : " + ", ".join(f"{name} {n}" for name, n in Counter(missed).most_common(4)) if missed else ""


def _load(here: int, least: int, most: int, wanted: int) -> list[tuple[int, Human, str]]:
    """People `least` to `most`, with the keys that the product's rule gives them; some of them, mistyped."""
    chance = Random(7)
    places = set(chance.sample(range(least, most), min(wanted, most - least)))
    chosen: list[tuple[int, Human, str]] = []
    with connection.cursor() as cursor:
        # A bulk of the bench: no journal.
        cursor.execute("set session_replication_role = replica")
        cursor.execute("select coalesce(max(id), 0) + 1 from admissions_patient")
        first = cursor.fetchone()[0]
        everybody = enumerate(islice(invented(most), least, None), least)
        while batch := list(islice(everybody, _BATCH)):
            with cursor.copy(f"copy admissions_patient (id, {_COLUMNS}) from stdin") as copied:
                for place, human in batch:
                    copied.write_row((
                        first + place - least, f"{_FIRST_IPP + place:09d}", human.birth_name, human.used_name,
                        human.first_names, "", human.birth_date, human.sex, "", 1, "PROV", "", "", "", here,
                        "2026-01-01", 0,
                    ))  # fmt: skip
            with cursor.copy("copy admissions_patientmatchkey (patient_id, key) from stdin") as copied:
                for place, human in batch:
                    for key in match_keys(human.birth_name, human.used_name, human.first_names, ""):
                        copied.write_row((first + place - least, key))
            chosen += [(first + place - least, *mistyped(human, chance)) for place, human in batch if place in places]
        cursor.execute(
            "select setval(pg_get_serial_sequence('admissions_patient', 'id'), max(id)) from admissions_patient"
        )
        cursor.execute("set session_replication_role = origin")
        cursor.execute("vacuum admissions_patientmatchkey")
    gather_statistics()
    chance.shuffle(chosen)
    return chosen


def _person(human: Human) -> Person:
    return Person(human.birth_name, human.first_names, human.birth_date, human.sex, human.used_name)


def _searches(here: int, typed: list[tuple[int, Human, str]]) -> tuple[Sample, list[str]]:
    among = patients_of(people.colleague(Role.AGENT).establishment)
    taken, missed = [], []
    for _, human, _ in typed[:20]:
        candidates(_person(human), among, limit=SHOWN)
    for pk, human, error in typed:
        start = time.perf_counter()
        found = candidates(_person(human), among, limit=SHOWN)
        taken.append((time.perf_counter() - start) * 1000)
        if pk not in [one.patient.pk for one in found]:
            missed.append(error)
    return Sample(tuple(taken)), missed


def _likes(typed: list[tuple[int, Human, str]]) -> tuple[Sample, int]:
    """The search that this one replaces elsewhere: each word somewhere in its column, on this birth date."""
    taken, missed = [], 0
    for pk, human, _ in typed:
        start = time.perf_counter()
        found = Patient.objects.filter(
            birth_name__icontains=human.birth_name, first_names__icontains=human.first_names.split(" ")[0]
        ).order_by("birth_name", "pk")[: SHOWN * 10]
        pks = [one for one, born in found.values_list("pk", "birth_date") if born == human.birth_date][:SHOWN]
        taken.append((time.perf_counter() - start) * 1000)
        missed += pk not in pks
    return Sample(tuple(taken)), missed


def _screen(client: Client, typed: list[tuple[int, Human, str]]) -> Callable[[int], object]:
    address = reverse("admissions:new")

    def ask(number: int) -> object:
        _, human, _ = typed[number % len(typed)]
        sent = {
            "birth_name": human.birth_name, "first_names": human.first_names, "used_name": human.used_name,
            "birth_date": f"{human.birth_date:%d/%m/%Y}", "sex": human.sex, "birth_rank": "1",
        }  # fmt: skip
        answer = client.post(address, sent)
        assert answer.status_code in (302, 422)
        return answer

    return ask


def _registration(typed: list[tuple[int, Human, str]]) -> Callable[[int], object]:
    def register(number: int) -> object:
        _, human, _ = typed[-1 - number % len(typed)]
        return create_patient(
            Traits(human.birth_name, human.first_names, human.birth_date, human.sex, human.used_name), SYSTEM
        )

    return register
