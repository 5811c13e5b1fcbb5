"""Doubles of a file of records, each beside what it looks like: chosen line by line, kept, and told to whoever comes second."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from debtors.enums import Doubles, ImportKind
from debtors.imports import runs
from debtors.models import Debtor, FileImport, ImportRecord
from tests.factories import DebtorFactory

pytestmark = pytest.mark.django_db

HEADER = "Code;Nom;N° AMC;Adresse;CP;Ville"


@pytest.fixture
def estuaires() -> Debtor:
    return DebtorFactory(
        code="AMC1", name="Mutuelle des Estuaires", amc_number="0099000104", address="3 rue Neuve", postcode="29200",
        town="Brest",
    )  # fmt: skip


def given(*lines: str) -> FileImport:
    row = runs.give(ImportKind.DEBTORS, "fiches.csv", "\n".join([HEADER, *lines]).encode(), None)
    runs.run(row.pk)
    row.refresh_from_db()
    return row


def three_doubles() -> FileImport:
    return given(*(f"X{n};MUT. DES ESTUAIRES;99000104;{n} quai;29200;Brest" for n in (1, 2, 3)))


def posted(client, row: FileImport, line: ImportRecord, choice: str, version: int = 0, **follow: bool):
    body = {"ligne": line.pk, "version": version, "choix": choice}
    return client.post(f"/debiteurs/imports/{row.pk}/doublons/", body, **follow)


def fates(row: FileImport) -> dict[str, str]:
    return {record.values["code"]: record.fate for record in row.records.all()}


def test_a_line_is_shown_beside_its_records_with_score_reasons_and_what_would_change(estuaires, signed_in) -> None:
    other = DebtorFactory(code="AMC2", name="Mutuelle Estuaires", amc_number="0099000205", town="Brest")
    row = given("X1;MUT. DES ESTUAIRES;99000104;3 rue Neuve;29200;Quimper", "X2;ESTUAIRES;1;;;Brest")
    [first, second] = row.records.order_by("line")
    assert first.nears == [[estuaires.pk, 100, ["même n° AMC", "même nom", "même adresse"]]]
    assert [near[0] for near in second.nears] == [estuaires.pk, other.pk]
    client = signed_in(Role.REFERENT)
    page = client.get(f"/debiteurs/imports/{row.pk}/doublons/").text
    assert "même n° AMC, même nom, même adresse" in page and '<b class="num">100</b>' in page
    assert page.count("changerait") == 2, "its name and its town"


def test_each_line_has_its_own_choice_and_the_rest_follows_the_file(estuaires, signed_in) -> None:
    row, client = three_doubles(), signed_in(Role.REFERENT)
    one, two, three = row.records.order_by("line")
    answer = posted(client, row, one, f"update:{estuaires.pk}")
    assert answer["Location"].endswith(f"?ligne={two.pk}"), "the next one opens"
    answer = posted(client, row, three, "leave")
    assert answer["Location"].endswith(f"?ligne={two.pk}"), "the one that was passed over"
    assert "1" in client.get(f"/debiteurs/imports/{row.pk}/").text
    runs.start(row.pk, doubles=Doubles.CREATE)
    runs.run(row.pk)
    assert fates(row) == {"X1": "updated", "X2": "created", "X3": "double"}
    estuaires.refresh_from_db()
    assert estuaires.address == "1 quai"


def test_a_choice_wins_over_a_file_left_alone_and_goes_to_the_record_that_was_chosen(estuaires, signed_in) -> None:
    other = DebtorFactory(code="AMC2", name="Mutuelle Estuaires", amc_number="0099000205", town="Brest")
    row, client = given("X1;ESTUAIRES;1;9 quai;;Brest", "X2;ESTUAIRES;2;8 quai;;Brest"), signed_in(Role.REFERENT)
    one, two = row.records.order_by("line")
    posted(client, row, one, f"update:{other.pk}")
    told = posted(client, row, two, "file", follow=True)
    assert "Chaque doublon a son choix" in told.text
    runs.start(row.pk)
    runs.run(row.pk)
    assert fates(row) == {"X1": "updated", "X2": "double"}
    assert list(Debtor.objects.order_by("code").values_list("address", flat=True)) == ["3 rue Neuve", "9 quai"]


def test_whoever_chooses_second_is_told_and_overwrites_nothing(estuaires, signed_in, person, client) -> None:
    row = three_doubles()
    line = row.records.order_by("line").first()
    camille = person(Role.REFERENT)
    client.force_login(camille)
    posted(client, row, line, "create")
    late = posted(signed_in(Role.REFERENT), row, line, "leave")
    assert late.status_code == 409
    assert camille.short_name in late.text and "créer quand même" in late.text
    line.refresh_from_db()
    assert (line.choice, line.chosen_by) == (Doubles.CREATE, camille)


def test_once_the_file_is_decided_nothing_more_is_chosen(estuaires, signed_in) -> None:
    row, client = three_doubles(), signed_in(Role.REFERENT)
    runs.start(row.pk)
    told = posted(client, row, row.records.first(), "create", follow=True)
    assert "ne se choisissent plus" in told.text
    runs.run(row.pk)
    assert "ne se choisissent plus" in client.get(f"/debiteurs/imports/{row.pk}/doublons/").text


@pytest.mark.parametrize(
    ("choice", "version", "status"),
    [("zzz", 0, 422), ("create", "x", 422), ("update:abc", 0, 302), ("update:999999", 0, 302)],
    ids=["unknown", "no version", "no key", "not near"],
)
def test_what_is_badly_asked_changes_no_record(choice, version, status, estuaires, signed_in) -> None:
    row = three_doubles()
    line = row.records.first()
    assert posted(signed_in(Role.REFERENT), row, line, choice, version).status_code == status
    line.refresh_from_db()
    assert line.near == estuaires, "a record that it does not look like is never chosen"
    assert posted(signed_in(Role.REFERENT), row, ImportRecord(pk=0), "create").status_code == 404


def test_the_doubles_cost_the_same_queries_for_one_and_for_sixty(estuaires, signed_in) -> None:
    client = signed_in(Role.REFERENT)
    few = given("X1;MUT. DES ESTUAIRES;99000104;;;Brest")
    many = given(*(f"Y{n};MUT. DES ESTUAIRES;99000104;{n} quai;;Brest" for n in range(60)))
    costs = []
    for row in (few, many):
        client.get(f"/debiteurs/imports/{row.pk}/doublons/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/debiteurs/imports/{row.pk}/doublons/")
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 12
    last = many.records.order_by("-line").first()
    page = client.get(f"/debiteurs/imports/{many.pk}/doublons/?ligne={last.pk}").text
    assert f'ligne={last.pk}" aria-current' in page, "on its own page of the list"


def test_a_file_without_doubles_says_so(signed_in) -> None:
    row = given("X1;Solivie;99000104;;;Brest")
    assert (
        "Aucun doublon dans ce fichier" in signed_in(Role.REFERENT).get(f"/debiteurs/imports/{row.pk}/doublons/").text
    )
