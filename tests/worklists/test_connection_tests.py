"""The screens of the test d'accrochage: started from the plan, seen live, stopped, listed, printed."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pypdfium2
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.services import stays
from teleservices import connection_record, connection_test
from teleservices.enums import HandshakeState
from teleservices.models import ConnectionTest, TeleserviceAttempt, TeleserviceCall
from tests.chain import hasten, settle
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
    PatientFactory,
    UnitFactory,
)
from tests.worklists import scene

pytestmark = pytest.mark.django_db
AMC = "0099000104"
PLAN, TESTS = "/raccordement/", "/raccordement/tests/"
START = f"{TESTS}lancer/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def client(signed_in):
    return signed_in(Role.REFERENT)


@pytest.fixture
def administrator(signed_in):
    return signed_in(Role.ADMINISTRATOR)


@pytest.fixture
def stay(simulator, establishment):
    patient = PatientFactory(birth_name="OUEDRAOGO", first_names="Issa")
    AmoCoverageFactory(patient=patient)
    CoverageFactory(
        patient=patient,
        convention="RO",
        member_number="08441927",
        debtor=DebtorFactory(amc_number=AMC, name="Mutuelle Malakoff Humanis"),
    )
    plan = stays.StayPlan(kind=StayKind.FULL, unit=UnitFactory(), planned_start_at=timezone.now())
    stay = stays.preadmit(patient, establishment, plan, SYSTEM)
    settle()
    return stay


def page(client, test: ConnectionTest) -> str:
    return unescape(client.get(f"{TESTS}{test.pk}/").content.decode()).replace("\u00a0", " ")


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1, "one page, to be signed"
    return document[0].get_textpage().get_text_range().replace("\u00a0", " ").replace("\r\n", " ")


def fields_of(html: str) -> dict[str, str]:
    return {"key": re.search(r'name="key" value="([^"]+)"', html)[1]}


# ---- starting ----


def test_a_referent_starts_a_test_from_the_plan_and_sees_it_succeed(client, stay) -> None:
    form = fields_of(client.get(PLAN).content.decode())
    answer = client.post(START, form | {"iep": f" {stay.iep[:3]} {stay.iep[3:]}"})
    test = ConnectionTest.objects.get()
    assert answer["Location"] == f"{TESTS}{test.pk}/"
    html = page(client, test)
    assert "pas encore prouvé" in html and 'hx-trigger="every 1s"' in html
    settle()
    html = page(client, test)
    assert "Raccordement technique prouvé" in html and "hx-trigger" not in html.split('id="test"')[1].split(">")[0]
    for said in ("350000014", "350000022", "0099 000 104", str(test.directory_call.message_id), "mini-GAP 0.1.0"):
        assert said in html
    assert f"fait le {timezone.localdate():%d/%m/%Y}" in html
    assert "1 sur 26" in client.get(PLAN).content.decode()


def test_the_form_sent_twice_leads_twice_to_the_same_test(client, stay) -> None:
    form = fields_of(client.get(PLAN).content.decode()) | {"iep": stay.iep}
    first = client.post(START, form)
    settle()
    assert client.post(START, form)["Location"] == first["Location"]
    assert ConnectionTest.objects.count() == 1


def test_the_second_of_two_people_is_told_who_began(client, stay, referent) -> None:
    test, _ = connection_test.start(stay.establishment, referent, stay.iep)
    answer = client.post(START, {"iep": stay.iep, "key": str(uuid4())}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{TESTS}{test.pk}/"
    assert f"{referent.short_name} a déjà lancé ce test" in answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"iep": ""}, "Ce champ est nécessaire."),
        ({"iep": "123456789"}, "Aucun séjour de votre établissement n’a cet IEP."),
        ({"iep": "bonjour"}, "Aucun séjour de votre établissement n’a cet IEP."),
        ({"amc_number": "12A"}, "Ce n’est pas un n° AMC."),
        ({"amc_number": "99000101"}, "n’est pas couvert par cet organisme"),
    ],
)
def test_what_cannot_be_tested_is_said_and_what_was_typed_is_kept(typed, sentence, client, stay) -> None:
    sent = {"iep": stay.iep, "amc_number": "", "key": str(uuid4())} | typed
    answer = client.post(START, sent)
    html = answer.content.decode().replace("\u00a0", " ")
    assert answer.status_code == 422
    assert sentence in html
    for name in ("iep", "amc_number"):
        assert not sent[name] or f'value="{sent[name]}"' in html
    assert "0 sur 26" in html and not ConnectionTest.objects.exists()


def test_a_dossier_of_another_hospital_does_not_exist_here(client, simulator) -> None:
    there = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    other = scene.a_stay(unit=UnitFactory(establishment=there))
    scene.a_coverage(other)
    answer = client.post(START, {"iep": other.iep, "key": str(uuid4())})
    assert answer.status_code == 422
    assert "Aucun séjour de votre établissement" in answer.content.decode()


def test_a_dossier_without_an_amc_is_said(client) -> None:
    answer = client.post(START, {"iep": scene.a_stay().iep, "key": str(uuid4())})
    assert "n’a pas de complémentaire à la date des soins" in answer.content.decode()


def test_a_key_that_is_not_ours_blocks_nobody(client, stay) -> None:
    for key in ("rien", ""):
        assert client.post(START, {"iep": stay.iep, "key": key}).status_code == 302
    assert ConnectionTest.objects.count() == 1, "the first still runs"


# ---- who may ----


def test_who_keeps_the_machine_sees_the_test_and_neither_starts_nor_opens_the_dossier(administrator) -> None:
    test = scene.a_connection_test()
    html = page(administrator, test)
    assert "Raccordement technique prouvé" in html
    assert test.stay.iep not in html and test.stay.patient.birth_name not in html
    assert "Lancer un test" not in administrator.get(PLAN).content.decode()
    assert administrator.post(START, {"iep": test.stay.iep}).status_code == 403
    assert administrator.post(f"{TESTS}{test.pk}/arreter/").status_code == 403
    assert administrator.get(f"{TESTS}{test.pk}/pv.pdf").status_code == 200


def test_who_may_open_the_dossier_has_its_link(client) -> None:
    test = scene.a_connection_test()
    assert reverse("admissions:stay", args=[test.stay.iep]) in page(client, test)


def test_the_test_of_another_hospital_is_not_found(client) -> None:
    there = EstablishmentFactory(finess_legal="990000018", finess_site="990000026")
    test = scene.a_connection_test(scene.a_stay(unit=UnitFactory(establishment=there)))
    for address in (f"{TESTS}{test.pk}/", f"{TESTS}{test.pk}/pv.pdf"):
        assert client.get(address).status_code == 404
    assert client.post(f"{TESTS}{test.pk}/arreter/").status_code == 404
    assert f"{TESTS}{test.pk}/" not in client.get(TESTS).content.decode()


# ---- live ----


def test_the_live_part_is_silent_while_nothing_moves_and_says_the_end_once(client, stay) -> None:
    client.post(START, {"iep": stay.iep, "key": str(uuid4())})
    test = ConnectionTest.objects.get()
    poll = re.search(r'hx-get="([^"]+)"', page(client, test).split('id="test"')[1])[1].replace("&amp;", "&")
    assert client.get(poll, **HTMX).status_code == 204
    settle()
    part = client.get(poll, **HTMX)
    html = part.content.decode()
    assert part.status_code == 200 and "<html" not in html
    assert 'data-announce="Test réussi. Raccordement technique prouvé."' in html
    assert "every" not in html


def test_a_test_that_waits_shows_its_next_try_and_may_be_stopped(client, stay, simulator) -> None:
    simulator.scenario(AMC, "code:RC24", "IDB")
    client.post(START, {"iep": stay.iep, "key": str(uuid4())})
    settle()
    test = ConnectionTest.objects.get()
    html = page(client, test)
    assert "Test en cours" in html and "Prochain essai" in html and "RC24" in html
    answer = client.post(f"{TESTS}{test.pk}/arreter/", follow=True).content.decode()
    assert "Test arrêté. Ses appels restent comme ils sont." in answer
    assert "Arrêter le test" not in answer
    again = client.post(f"{TESTS}{test.pk}/arreter/", follow=True).content.decode().replace("\u00a0", " ")
    assert "Ce test était déjà terminé : rien n’a changé." in again
    simulator.clear_scenarios()
    hasten()
    assert TeleserviceCall.objects.get(pk=ConnectionTest.objects.get().idb_call_id).status == "succeeded"


def test_a_failure_says_what_to_do(client) -> None:
    test = scene.a_connection_test(state=HandshakeState.FAILED, cause="client_certificate_refused")
    html = page(client, test)
    assert "l’organisme refuse le certificat de l’établissement" in html
    assert "faites-le déclarer" in html


def test_a_certificate_that_cannot_be_read_is_said(client, stay, settings) -> None:
    settings.TELESERVICES = settings.TELESERVICES | {"services_certificate": "/nulle/part.pem"}
    client.post(START, {"iep": stay.iep, "key": str(uuid4())})
    assert "Fichier absent ou fermé à la lecture" in page(client, ConnectionTest.objects.get())


# ---- lists ----


def test_the_plan_shows_the_last_ten_tests_and_leads_to_the_others(client) -> None:
    for number in range(10):
        scene.a_connection_test(asked_at=timezone.now() - timedelta(days=number))
    html = client.get(PLAN).content.decode()
    assert html.count('class="dt-row-link"') == 10 and "Tous les tests" not in html
    oldest = scene.a_connection_test(asked_at=timezone.now() - timedelta(days=30))
    html = client.get(PLAN).content.decode()
    assert html.count('class="dt-row-link"') == 10 and "Tous les tests" in html
    assert f"{TESTS}{oldest.pk}/" not in html
    assert f"{TESTS}{oldest.pk}/" in client.get(TESTS).content.decode()


def test_the_list_of_tests_has_pages(client) -> None:
    for _ in range(26):
        scene.a_connection_test()
    first = client.get(TESTS).content.decode()
    assert first.count('class="dt-row-link"') == 25 and "Page suivante" in first
    assert client.get(f"{TESTS}?page=2").content.decode().count('class="dt-row-link"') == 1


# ---- the record ----


@pytest.fixture
def succeeded(client, stay):
    client.post(START, {"iep": stay.iep, "key": str(uuid4())})
    settle()
    return ConnectionTest.objects.get()


def test_the_record_says_who_when_how_and_what_is_proved(client, succeeded) -> None:
    answer = client.get(f"{TESTS}{succeeded.pk}/pv.pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="pv-accrochage-{succeeded.pk}.pdf"'
    assert answer["Cache-Control"] == "no-store"
    text = text_of(answer.content)
    said = [
        "Procès-verbal du test d’accrochage technique", "CH de Valmont", "350000014", "350000022", "mini-GAP 0.1.0",
        "Mutuelle Malakoff Humanis", "0099 000 104", "Raccordement technique prouvé", "code OK", "ROC-ANNUAIRE",
        str(succeeded.directory_call.message_id), str(succeeded.idb_call.message_id), "Signature", "Éditeur",
        f"{timezone.localdate(succeeded.asked_at):%d/%m/%Y}",
    ]  # fmt: skip
    assert [words for words in said if words not in text] == []
    for shown in succeeded.certificates:
        assert shown["serial"] in text


def test_the_record_names_no_patient(client, succeeded) -> None:
    text = text_of(client.get(f"{TESTS}{succeeded.pk}/pv.pdf").content)
    stay, patient = succeeded.stay, succeeded.stay.patient
    person = [
        patient.birth_name, "Issa", patient.nir, patient.nir[:13], patient.ipp, stay.iep, "08441927",
        f"{patient.birth_date:%d/%m/%Y}", f"{patient.birth_date:%Y-%m-%d}",
    ]  # fmt: skip
    assert [words for words in person if words in text] == []


def test_what_an_amc_writes_beside_its_code_is_not_in_the_record(client, succeeded) -> None:
    label = "Monsieur OUEDRAOGO Issa inconnu"
    TeleserviceCall.objects.filter(pk=succeeded.idb_call_id).update(
        status="refused", return_code="RC14", return_label=label, family="no_third_party_payment"
    )
    for shown in (
        text_of(client.get(f"{TESTS}{succeeded.pk}/pv.pdf").content),
        page(client, ConnectionTest.objects.get()),
    ):
        assert "RC14" in shown and "Bénéficiaire inconnu de l’organisme" in shown
        assert "OUEDRAOGO" not in shown


def test_the_same_test_makes_the_same_bytes(client, succeeded) -> None:
    address = f"{TESTS}{succeeded.pk}/pv.pdf"
    first = client.get(address).content
    # Tried again, renewed, or printed another day: what was proved that day does not change.
    TeleserviceAttempt.objects.create(
        call=succeeded.idb_call, number=2, started_at=timezone.now(), duration_ms=9, outcome="answered"
    )
    assert client.get(address).content == first


def test_a_record_outlives_the_certificates(succeeded, settings) -> None:
    test = connection_test.with_calls(ConnectionTest.objects.all()).get()
    first = connection_record.record_pdf(test)
    settings.TELESERVICES = settings.TELESERVICES | {"services_certificate": "/nulle/part.pem"}
    settings.SOFTWARE_VERSION = "9.9.9"
    assert connection_record.record_pdf(test) == first


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": HandshakeState.FAILED, "cause": "client_certificate_refused"}, "Raccordement technique non prouvé"),
        ({"state": HandshakeState.STOPPED}, "Le test a été arrêté avant sa fin"),
        ({"state": HandshakeState.RUNNING, "finished_at": None}, "document provisoire"),
    ],
)
def test_a_test_that_did_not_succeed_is_printed_and_says_so(changes, words, client) -> None:
    test = scene.a_connection_test(**changes)
    text = text_of(client.get(f"{TESTS}{test.pk}/pv.pdf").content)
    assert words in text and "technique prouvé" not in text


def test_long_names_keep_the_record_on_one_page(client) -> None:
    here = EstablishmentFactory(name="Groupe hospitalier intercommunal " * 3)
    here.name = "Groupe hospitalier intercommunal du Pays de Caux et du Val de Seine, site de Valmont-sur-Mer"
    here.save()
    test = scene.a_connection_test()
    test.debtor.name = "Mutuelle nationale interprofessionnelle des personnels hospitaliers et territoriaux"
    test.debtor.save()
    TeleserviceAttempt.objects.update(url=f"https://{'services.' * 8}organisme-complementaire.exemple.fr:8443/idb")
    text = text_of(client.get(f"{TESTS}{test.pk}/pv.pdf").content)
    assert "Valmont-sur-Mer" in text


# ---- what it costs ----


def test_the_screens_cost_a_known_number_of_queries(client, django_assert_max_num_queries) -> None:
    test = scene.a_connection_test()
    for _ in range(3):
        scene.a_connection_test()
    client.get(PLAN)
    with django_assert_max_num_queries(10):
        client.get(PLAN)
    with django_assert_max_num_queries(8):
        client.get(f"{TESTS}{test.pk}/")
    with django_assert_max_num_queries(6):
        client.get(f"{TESTS}{test.pk}/pv.pdf")
    with django_assert_max_num_queries(6):
        client.get(TESTS)


def test_more_tests_cost_no_more_queries(client, django_assert_num_queries) -> None:
    scene.a_connection_test()
    client.get(TESTS)
    with CaptureQueriesContext(connection) as one:
        client.get(TESTS)
    for _ in range(5):
        scene.a_connection_test()
    with django_assert_num_queries(len(one)):
        client.get(TESTS)
