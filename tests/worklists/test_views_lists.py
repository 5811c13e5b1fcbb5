"""The screens of the lists: who opens them, what they ask of the database, what is done to several lines at once."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest
import tablib
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import Role
from admissions.models import AdmissionEvent
from billing.enums import InvoiceStatus, Payer
from billing.restored import RESTORED
from teleservices.enums import CallStatus, Disposition, Family
from teleservices.models import TeleserviceCall
from tests.factories import AssociationFactory, EstablishmentFactory, PatientFactory
from tests.worklists import scene, scene_amo, scene_identity, scene_pec, scene_reference
from worklists.models import Assignment
from worklists.registry import all_worklists

pytestmark = pytest.mark.django_db
PREVENIR = "/listes/patients-a-prevenir/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def to_inform(count: int = 1, **fields) -> list[TeleserviceCall]:
    return [
        scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, "RC15", **fields)
        for _ in range(count)
    ]


def part(html: str, name: str) -> str:
    """A part of a page as it is, without its token and the time."""
    found = re.search(rf'<section class="panel"[^>]*id="{name}".*?</section>', html, re.S)
    assert found, f"no part {name}"
    return re.sub(r"\s+", " ", found.group(0)).replace(" >", ">")


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_exactly_the_lists_that_its_actions_allow(role, person, client, settings) -> None:
    # More exports in a second than anybody asks for in a minute.
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 10**6)
    scene.everything()
    user = person(role)
    client.force_login(user)
    for worklist in all_worklists().values():
        expected = 200 if worklist.open_to(user) else 403
        assert client.get(f"/listes/{worklist.slug}/").status_code == expected, worklist.slug
        assert client.get(f"/listes/{worklist.slug}/export/csv/").status_code == expected


def test_an_administrator_sees_no_patient_on_any_screen_of_theirs(signed_in) -> None:
    scene.everything()
    client = signed_in(Role.ADMINISTRATOR)
    pages = ["/", "/listes/"] + [f"/listes/{one.slug}/" for one in all_worklists().values()]
    for page in pages:
        html = client.get(page).content.decode()
        assert not [name for name in scene.NAMES if f"{name}</a>" in html or f">{name}<" in html], page


def test_a_list_that_does_not_exist_is_not_found(signed_in) -> None:
    assert signed_in(Role.AGENT).get("/listes/rien/").status_code == 404


def test_the_index_shows_each_list_with_its_count(signed_in) -> None:
    to_inform(3)
    html = signed_in(Role.AGENT).get("/listes/").content.decode()
    row = re.search(r"Patients à prévenir</a></td><td class=\"n\">(\d+)", html)
    assert row and row.group(1) == "3"


@pytest.mark.parametrize("worklist", all_worklists().values(), ids=lambda one: one.slug)
def test_a_list_costs_the_same_queries_for_one_line_and_for_many(worklist, person, client) -> None:
    """Lines are added by whole scenes: every list grows."""
    role = next(role for role in (Role.REFERENT, Role.BILLING, Role.CASHIER) if worklist.action)
    user = person(role if worklist.action != "see_invoices" else Role.BILLING)
    client.force_login(user)
    scene.everything()
    page = f"/listes/{worklist.slug}/"
    client.get(page)
    with CaptureQueriesContext(connection) as few:
        client.get(page)
    for _ in range(3):
        _more(worklist.slug)
    with CaptureQueriesContext(connection) as many:
        html = client.get(page).content.decode()
    assert html.count("data-choose aria") >= 1 or user.may("assign_work")
    assert len(many) == len(few)
    assert len(many) <= 16


def _more(slug: str) -> None:
    from admissions.enums import RightsStatus, StayKind, StayStatus
    from admissions.models import Rights
    from billing.enums import FileStatus
    from debtors.enums import AssociationStatus

    makers = {
        "cartes-a-scanner": lambda: scene.a_stay(StayStatus.PREADMITTED, days_ago=0),
        "identites-a-completer": scene_identity.an_unknown,
        "droits-amo": scene_amo.an_unfound,
        "doublons-de-patients": scene_identity.a_double,
        "sorties-sans-droits-amo": lambda: scene.a_stay(StayStatus.DISCHARGED),
        "sejours-a-decider": lambda: scene.an_amo(scene.a_stay(StayStatus.DISCHARGED), exemption="1"),
        "actes-manquants": lambda: scene.a_stay(StayStatus.DISCHARGED, kind=StayKind.EXTERNAL, days_ago=0.5),
        "factures-bloquees": lambda: scene.an_invoice(blocked_reason="Le NIR manque."),
        "factures-retenues": lambda: scene.an_invoice(blocked_reason=RESTORED),
        "lots-retenus": scene.a_held_lot,
        "factures-rejetees": lambda: scene.an_invoice(status=InvoiceStatus.REJECTED),
        "factures-sans-acquittement": lambda: scene.an_invoice(status=InvoiceStatus.SENT),
        "parts-patients": lambda: scene.an_invoice(Payer.PATIENT),
        "parts-amo": lambda: scene.an_invoice(Payer.AMO),
        "enregistrements-a-rapprocher": scene.a_record,
        "fichiers-en-quarantaine": lambda: scene.a_file(status=FileStatus.QUARANTINED),
        "appels-immobiles": lambda: scene.a_call(not_before=scene.ago(hours=1)),
        "evenements-en-echec": scene.a_failed_delivery,
        "regimes-a-aligner": scene.regimes_long_apart,
        "anomalies-a-signaler": scene.an_anomaly,
        "anomalies-signalees": lambda: scene.an_anomaly("reported"),
        "associations-a-valider": lambda: AssociationFactory(status=AssociationStatus.TO_VALIDATE),
        "associations-a-verifier": lambda: AssociationFactory(status=AssociationStatus.TO_VERIFY),
        **scene_reference.MAKERS,
        "organismes-indisponibles": scene.a_waiting_call,
        "issues-inconnues": lambda: scene.a_call(
            status=CallStatus.UNKNOWN, cause="lost", attempts_count=1, in_doubt=True, at=scene.ago(hours=3)
        ),
        "appels-arretes": lambda: scene.a_call(status=CallStatus.NEEDS_REFERENT, cause="idb_url_missing"),
    }
    makers |= dict.fromkeys(
        ("pec-a-demander", "pec-sans-reponse", "pec-qui-expirent", "sorties-sans-reponse-pec", "factures-hors-roc"),
        scene_pec.one_of_each,
    )
    if slug in makers:
        makers[slug]()
        return
    if slug == "hors-roc":
        stay = scene.a_stay()
        Rights.objects.create(
            status=RightsStatus.UNDETERMINED, code="HORS_ROC", answered_at=timezone.now(), stay=stay,
            coverage=scene.a_coverage(stay), care_date=timezone.localdate(),
        )  # fmt: skip
        return
    if slug == "sorties-sans-engagement":
        stay = scene.a_stay(StayStatus.DISCHARGED)
        scene.an_amo(stay)
        scene.a_coverage(stay)
        return
    for family, (disposition, code) in scene.FAMILIES.items():
        scene.a_refusal(disposition, family, code)


# ---- filters, order, pages ----


def test_filters_stand_in_the_address_and_select(signed_in) -> None:
    first, second = to_inform(2)
    client = signed_in(Role.REFERENT)
    found = client.get(PREVENIR, {"q": first.stay.iep}).content.decode()
    assert first.stay.iep in found and second.stay.iep not in found
    found = client.get(PREVENIR, {"amc": second.debtor_id}).content.decode()
    assert second.stay.iep in found and first.stay.iep not in found
    found = client.get(PREVENIR, {"q": first.debtor.name}).content.decode()
    assert first.stay.iep in found
    assert "Aucune ligne ne répond" in client.get(PREVENIR, {"depuis": "7"}).content.decode()
    assert "Aucune ligne ne répond" in client.get(PREVENIR, {"code": "RC16"}).content.decode()
    assert "Aucune ligne ne répond" in client.get(PREVENIR, {"domaine": "PSY"}).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=abc",
        "page=99",
        "tri=;drop",
        "amc=x",
        "depuis=-3",
        "affecte=9999999999999",
        "q=%27%22%3E",
    ],
)
def test_an_address_written_by_hand_never_breaks_the_page(query, signed_in) -> None:
    to_inform()
    assert signed_in(Role.AGENT).get(f"{PREVENIR}?{query}").status_code == 200


def test_the_longest_wait_comes_first_and_can_be_turned(signed_in) -> None:
    recent = to_inform(finished_at=scene.ago(minutes=5))[0]
    old = to_inform(finished_at=scene.ago(days=3))[0]
    client = signed_in(Role.AGENT)
    html = client.get(PREVENIR).content.decode()
    assert html.index(old.stay.iep) < html.index(recent.stay.iep)
    assert 'aria-sort="descending"' in html
    html = client.get(PREVENIR, {"tri": "depuis"}).content.decode()
    assert html.index(recent.stay.iep) < html.index(old.stay.iep)


def test_pages_hold_fifty_lines_and_never_the_same_one_twice(signed_in) -> None:
    at = scene.ago(hours=1)
    calls = to_inform(53, finished_at=at)
    client = signed_in(Role.AGENT)
    seen = []
    for page in (1, 2):
        html = client.get(PREVENIR, {"page": page}).content.decode()
        seen += re.findall(r'name="ids"\s+value="(\d+)"', html)
    assert sorted(map(int, seen)) == sorted(call.pk for call in calls)
    assert "Page 2 sur 2" in html


def test_the_fragment_is_the_part_of_the_reloaded_page(signed_in) -> None:
    to_inform(3)
    client = signed_in(Role.AGENT)
    query = {"tri": "depuis"}
    whole = client.get(PREVENIR, query).content.decode()
    fragment = client.get(PREVENIR, query, **HTMX).content.decode()
    assert "<html" not in fragment
    assert part(fragment, "list-lines") == part(whole, "list-lines")


def test_after_an_action_the_fragment_equals_the_reloaded_page(signed_in) -> None:
    calls = to_inform(3)
    client = signed_in(Role.AGENT)
    data = {"deed": "affecter", "ids": [calls[0].pk], "query": "tri=-depuis"}
    fragment = client.post(f"{PREVENIR}actions/", data, **HTMX).content.decode()
    whole = client.get(f"{PREVENIR}?tri=-depuis").content.decode()
    fresh = part(fragment, "list-lines").replace(" data-list-fresh", "")
    assert fresh == part(whole, "list-lines")
    assert 'id="list-count" hx-swap-oob="true">3<' in fragment


# ---- what is done to several lines ----


def test_taking_lines_tells_who_holds_the_others(person, client) -> None:
    first, second = to_inform(2)
    colleague, me = person(Role.AGENT, last_name="Rivoal"), person(Role.AGENT)
    Assignment.objects.create(
        worklist="patients-a-prevenir", object_id=first.pk, assignee=colleague, assigned_by=colleague
    )
    client.force_login(me)
    data = {"deed": "affecter", "ids": [first.pk, second.pk, 999_999]}
    html = client.post(f"{PREVENIR}actions/", data, **HTMX).content.decode()
    assert "N. Rivoal l’a prise" in html
    assert "n’est plus dans la liste" in html
    held = dict(Assignment.objects.values_list("object_id", "assignee"))
    assert held == {first.pk: colleague.pk, second.pk: me.pk}


def test_a_line_is_taken_over_only_on_purpose(person, client) -> None:
    call = to_inform()[0]
    colleague, me = person(Role.AGENT), person(Role.AGENT)
    Assignment.objects.create(
        worklist="patients-a-prevenir", object_id=call.pk, assignee=colleague, assigned_by=colleague
    )
    client.force_login(me)
    client.post(f"{PREVENIR}actions/", {"deed": "reprendre", "ids": [call.pk]})
    assert Assignment.objects.get().assignee == me
    client.post(f"{PREVENIR}actions/", {"deed": "liberer", "ids": [call.pk]})
    assert not Assignment.objects.exists()


def test_one_cannot_release_the_line_of_a_colleague(person, client) -> None:
    call = to_inform()[0]
    colleague = person(Role.AGENT)
    Assignment.objects.create(
        worklist="patients-a-prevenir", object_id=call.pk, assignee=colleague, assigned_by=colleague
    )
    client.force_login(person(Role.AGENT))
    html = client.post(f"{PREVENIR}actions/", {"deed": "liberer", "ids": [call.pk]}, **HTMX).content.decode()
    assert "Elle n’est pas à vous" in html
    assert Assignment.objects.get().assignee == colleague


def test_a_patient_said_informed_leaves_the_list_once_and_is_an_event_of_the_stay(person, client) -> None:
    call, other = to_inform(2)
    me = person(Role.AGENT)
    client.force_login(me)
    data = {"deed": "traite", "ids": [call.pk]}
    html = client.post(f"{PREVENIR}actions/", data, **HTMX).content.decode()
    assert f'value="{call.pk}" aria-label' not in html
    assert other.stay.iep in html
    call.refresh_from_db()
    assert call.handled_by == me
    again = client.post(f"{PREVENIR}actions/", data, **HTMX).content.decode()
    assert "n’est plus dans la liste" in again
    assert AdmissionEvent.objects.filter(stay=call.stay, kind="patient_informed").count() == 1


def test_without_scripts_an_action_says_itself_on_the_next_page(signed_in) -> None:
    call = to_inform()[0]
    client = signed_in(Role.AGENT)
    response = client.post(
        f"{PREVENIR}actions/", {"deed": "traite", "ids": [call.pk], "query": "tri=depuis"}, follow=True
    )
    assert response.redirect_chain == [(f"{PREVENIR}?tri=depuis", 302)]
    assert "1 prévenus" in response.content.decode()


def test_nothing_chosen_is_said(signed_in) -> None:
    html = signed_in(Role.AGENT).post(f"{PREVENIR}actions/", {"deed": "affecter"}, **HTMX).content.decode()
    assert "Rien de choisi" in html


def test_asking_again_is_open_to_who_may_and_plans_the_rights(person, client) -> None:
    stay = scene.a_stay()
    scene.a_coverage(stay)
    call = scene.a_refusal(Disposition.REFERENT, Family.CONFIGURATION, "RC13", stay=stay)
    client.force_login(person(Role.CASHIER))
    page = "/listes/parametrage/actions/"
    assert client.post(page, {"deed": "redemander", "ids": [call.pk]}).status_code == 403
    client.force_login(person(Role.REFERENT))
    html = client.post(page, {"deed": "redemander", "ids": [call.pk]}, **HTMX).content.decode()
    assert "redemandés" in html
    assert stay.events.filter(kind="rights_asked_again").count() == 1
    html = client.post(page, {"deed": "redemander", "ids": [call.pk]}, **HTMX).content.decode()
    assert "viennent d’être redemandés" in html


def test_a_deed_of_another_list_is_not_found(signed_in) -> None:
    call = scene.a_refusal(Disposition.ASK_MEMBER_NUMBER, Family.MEMBER_NUMBER, "RC22")
    client = signed_in(Role.AGENT)
    assert client.post("/listes/numeros-adherent/actions/", {"deed": "traite", "ids": [call.pk]}).status_code == 404


def test_an_action_never_reaches_another_establishment(person, client) -> None:
    call = to_inform()[0]
    me = person(Role.AGENT)
    me.establishment = EstablishmentFactory(finess_site="290000017", finess_legal="290000009")
    me.save()
    client.force_login(me)
    client.post(f"{PREVENIR}actions/", {"deed": "traite", "ids": [call.pk]})
    call.refresh_from_db()
    assert call.handled_at is None


def test_an_address_of_action_typed_by_hand_comes_back_to_the_list(signed_in) -> None:
    response = signed_in(Role.AGENT).get(f"{PREVENIR}actions/")
    assert response.status_code == 302
    assert response["Location"] == PREVENIR


# ---- files ----


def test_the_file_holds_what_is_filtered_and_no_formula(signed_in) -> None:
    patient = PatientFactory(birth_name="MARTIN", first_names="Zoé")
    type(patient).objects.filter(pk=patient.pk).update(birth_name="=CMD|calc")
    stay = scene.a_stay(patient=patient)
    scene.an_estimate(stay, "130.00")
    scene.a_refusal(Disposition.INFORM_PATIENT, Family.NO_THIRD_PARTY_PAYMENT, stay=stay)
    other = to_inform()[0]
    client = signed_in(Role.AGENT)
    response = client.get(f"{PREVENIR}export/csv/", {"q": stay.iep})
    text = b"".join(response.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert rows[0][0] == "Patient" and rows[0][-2:] == ["Depuis", "Affecté à"]
    assert len(rows) == 2
    assert rows[1][0] == "'=CMD|calc Zoé"
    assert rows[1][4] == "130,00"
    assert other.stay.iep not in text
    assert response["Content-Disposition"].startswith("attachment")
    book = tablib.Dataset().load(client.get(f"{PREVENIR}export/xlsx/", {"q": stay.iep}).content, format="xlsx")
    assert book[0][0] == "'=CMD|calc Zoé"
    assert Decimal(str(book[0][4])) == Decimal("130")


def test_a_file_costs_the_same_queries_whatever_its_length(signed_in) -> None:
    client = signed_in(Role.AGENT)
    to_inform(2)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            b"".join(client.get(f"{PREVENIR}export/csv/").streaming_content)
        return len(captured)

    few = queries()
    to_inform(20)
    assert queries() == few


def test_an_unknown_kind_of_file_is_not_found(signed_in) -> None:
    assert signed_in(Role.AGENT).get(f"{PREVENIR}export/pdf/").status_code == 404


def test_an_empty_list_says_when_somebody_last_handled_a_line(person, client) -> None:
    me = person(Role.AGENT)
    client.force_login(me)
    assert "Rien à traiter." in client.get(PREVENIR).content.decode()
    call = to_inform()[0]
    at = timezone.now()
    TeleserviceCall.objects.filter(pk=call.pk).update(handled_at=at, handled_by=me)
    html = client.get(PREVENIR).content.decode()
    assert f"Dernier traité à {timezone.localtime(at):%H:%M}" in html
