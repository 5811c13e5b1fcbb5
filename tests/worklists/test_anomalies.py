"""The screen of one anomaly: who may, what is said, what becomes of it, what is handed out."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.urls import reverse

from accounts.enums import Role
from teleservices.anomalies import refusals_of
from teleservices.enums import AnomalyState, Disposition, Family
from teleservices.models import Anomaly
from tests.factories import EstablishmentFactory
from tests.worklists import scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(signed_in):
    return signed_in(Role.REFERENT)


def page(anomaly: Anomaly) -> str:
    return reverse("worklists:anomaly", args=[anomaly.pk])


def said(anomaly: Anomaly, decision: str, **fields: str) -> dict[str, str]:
    return {"decision": decision, "version": str(anomaly.version), **fields}


def test_it_says_what_the_code_means_whose_dossiers_wait_and_what_was_done(client) -> None:
    anomaly = scene.an_anomaly()
    call = refusals_of(anomaly).get()
    html = client.get(page(anomaly)).content.decode()
    assert "Montants incohérents entre lignes et total" in html
    assert anomaly.debtor.name in html
    assert call.stay.iep in html and call.stay.patient.birth_name in html
    assert "Rien encore : elle vient d’être vue." in html


def test_reported_it_leaves_the_first_list_for_the_second(client) -> None:
    anomaly = scene.an_anomaly()
    answer = client.post(page(anomaly), said(anomaly, "organisme", reference="INC-7"), follow=True)
    assert "Anomalie signalée." in answer.content.decode()
    anomaly.refresh_from_db()
    assert (anomaly.state, anomaly.recipient, anomaly.reference) == (AnomalyState.REPORTED, "amc", "INC-7")
    assert anomaly.debtor.name not in client.get("/listes/anomalies-a-signaler/").content.decode()
    assert anomaly.debtor.name in client.get("/listes/anomalies-signalees/").content.decode()


def test_a_follow_up_that_lacks_its_reason_keeps_what_was_typed(client) -> None:
    anomaly = scene.an_anomaly()
    answer = client.post(page(anomaly), said(anomaly, "sans-suite", reference="INC-9"))
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Le motif est vide." in html and 'value="INC-9"' in html
    anomaly.refresh_from_db()
    assert anomaly.state == AnomalyState.TO_REPORT


def test_nothing_chosen_is_said_in_words(client) -> None:
    anomaly = scene.an_anomaly()
    answer = client.post(page(anomaly), {"version": "1"})
    assert answer.status_code == 422
    assert "Choisissez ce qui a été fait" in answer.content.decode()


def test_a_page_read_before_a_colleague_s_decision_is_told(client) -> None:
    anomaly = scene.an_anomaly()
    client.post(page(anomaly), said(anomaly, "editeur"))
    answer = client.post(page(anomaly), said(anomaly, "resolue"))
    assert answer.status_code == 409
    assert "pendant votre saisie" in answer.content.decode()
    anomaly.refresh_from_db()
    assert anomaly.state == AnomalyState.REPORTED


def test_several_causes_are_reported_at_once_from_the_list(client) -> None:
    found = [scene.an_anomaly(), scene.an_anomaly()]
    client.post("/listes/anomalies-a-signaler/actions/", {"deed": "editeur", "ids": [one.pk for one in found]})
    assert set(Anomaly.objects.values_list("state", "recipient")) == {("reported", "vendor")}


def test_the_list_shows_the_heaviest_cause_first(client) -> None:
    light = scene.an_anomaly()
    first = scene.a_refusal(Disposition.ESCALATE, Family.ANOMALY, "RC11")
    scene.a_refusal(Disposition.ESCALATE, Family.ANOMALY, "RC11", coverage=first.coverage)
    html = client.get("/listes/anomalies-a-signaler/").content.decode()
    rows = html[html.index('id="lines"') :]
    assert rows.index("RC11") < rows.index(light.code)
    assert "RC11 Réponse interne incohérente" in html


def test_the_pack_is_a_file_with_a_name_that_names_nobody(client) -> None:
    anomaly = scene.an_anomaly()
    answer = client.get(reverse("worklists:anomaly-evidence", args=[anomaly.pk]))
    assert answer["Content-Disposition"] == f'attachment; filename="preuve-RC06-IDB-{anomaly.pk}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        assert {"LISEZMOI.txt", "anomalie.json", "appels.csv"} <= set(pack.namelist())


def test_the_anomaly_of_another_hospital_does_not_exist_here(client) -> None:
    anomaly = scene.an_anomaly()
    other = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    Anomaly.objects.update(establishment=other)
    assert client.get(page(anomaly)).status_code == 404
    assert client.get(reverse("worklists:anomaly-evidence", args=[anomaly.pk])).status_code == 404


def test_the_screen_costs_the_same_queries_for_one_dossier_and_for_many(client, django_assert_max_num_queries) -> None:
    anomaly = scene.an_anomaly()
    for _ in range(30):
        scene.a_refusal(Disposition.ESCALATE, Family.ANOMALY, "RC06", coverage=refusals_of(anomaly)[0].coverage)
    with django_assert_max_num_queries(13):
        client.get(page(anomaly))
