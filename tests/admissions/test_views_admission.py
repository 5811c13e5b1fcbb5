"""The admission in one flow: plan the stay, ask the demands, admit; and a card read anywhere."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from admissions.enums import CoverageKind, CoverageSource, EventKind, RequestCode, StayStatus
from admissions.models import AdmissionEvent, Card, Coverage, ParticularRequest, Stay
from debtors.datamatrix import CardFields, Convention, encode
from debtors.datamatrix.drawing import render_card_png
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    CoverageFactory,
    DebtorFactory,
    FundFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db
YEAR = timezone.localdate().year


def fields(number="7000000042", *, until=None, since=None, member="08441927") -> CardFields:
    return CardFields(
        since or dt.date(YEAR, 1, 1), until or dt.date(YEAR, 12, 31), number, (Convention("AC"),), "", member, True
    )


def card(number="7000000042", **dates) -> str:
    return encode(fields(number, **dates))


@pytest.fixture
def desk(signed_in):
    return signed_in(Role.AGENT)


@pytest.fixture
def stay(establishment) -> Stay:
    unit = UnitFactory()
    return StayFactory(patient=PatientFactory(), unit=unit)


def url(name: str, stay: Stay, *arguments: object) -> str:
    return reverse(f"admissions:{name}", args=[stay.iep, *arguments])


def plan(unit, **changes):
    return {
        "unit": unit.pk,
        "kind": "full",
        "start_at": f"{timezone.localtime():%d/%m/%Y %H:%M}",
        "planned_end_at": "",
        "prescription_date": "",
        "creation_key": str(uuid.uuid4()),
    } | changes


# ---- a stay for a known person ----


def test_a_pre_admission_is_one_form_and_leads_to_its_admission(desk, establishment) -> None:
    patient, unit = PatientFactory(), UnitFactory()
    answer = desk.post(reverse("admissions:new-stay", args=[patient.ipp]), plan(unit))
    stay = Stay.objects.get()
    assert answer["Location"] == url("admission", stay)
    assert (stay.status, stay.created_by.first_name) == (StayStatus.PREADMITTED, "Nadia")


def test_a_pre_admission_sent_twice_is_one_stay(desk, establishment) -> None:
    patient = PatientFactory()
    sent = plan(UnitFactory())
    for _ in range(2):
        desk.post(reverse("admissions:new-stay", args=[patient.ipp]), sent)
    assert Stay.objects.count() == 1
    assert AdmissionEvent.objects.filter(kind=EventKind.STAY_PREADMITTED).count() == 1


def test_a_card_scanned_before_the_stay_exists_is_read_with_it(desk, establishment) -> None:
    patient = PatientFactory()
    debtor = AssociationFactory(debtor=DebtorFactory(amc_number="7000000042")).debtor
    waiting = desk.post(reverse("admissions:scan-ahead"), {"scan": card()}).text
    assert "Carte lue" in waiting and 'form="admission"' in waiting
    desk.post(reverse("admissions:new-stay", args=[patient.ipp]), plan(UnitFactory(), card=card()))
    assert Coverage.objects.get(patient=patient).debtor == debtor


def test_a_refused_plan_keeps_what_was_typed(desk, establishment) -> None:
    patient = PatientFactory()
    answer = desk.post(
        reverse("admissions:new-stay", args=[patient.ipp]),
        plan(UnitFactory(), planned_end_at="01/01/2020", card=card()),
    )
    assert answer.status_code == 422
    assert "La sortie prévue précède l’entrée." in answer.text
    assert 'value="01/01/2020"' in answer.text and 'name="card"' in answer.text
    assert not Stay.objects.exists()


@pytest.mark.parametrize(
    ("typed", "hour"),
    [
        ("21/11/2026 14:30", "14:30"),
        ("211126 1430", "14:30"),
        ("21.11.2026 14h", "14:00"),
        ("21/11/2026 à 9:05", "09:05"),
        ("21112026", "00:00"),
    ],
)
def test_dates_are_typed_as_they_come(desk, establishment, typed, hour) -> None:
    desk.post(reverse("admissions:new-stay", args=[PatientFactory().ipp]), plan(UnitFactory(), start_at=typed))
    assert f"{timezone.localtime(Stay.objects.get().planned_start_at):%d/%m/%Y %H:%M}" == f"21/11/2026 {hour}"


# ---- admit ----


def admit(client, stay, **changes):
    sent = plan(stay.unit, version=str(stay.version), room="214", bed="B") | changes
    return client.post(url("admission", stay), sent)


def test_admitting_opens_the_stay_and_puts_the_patient_in_the_bed(desk, stay) -> None:
    assert admit(desk, stay)["Location"] == url("stay", stay)
    stay.refresh_from_db()
    assert stay.status == StayStatus.ADMITTED
    assert [(place.room, place.bed) for place in stay.movements.all()] == [("214", "B")]


def test_a_double_click_admits_once(desk, stay) -> None:
    assert admit(desk, stay).status_code == 302
    assert admit(desk, stay).status_code == 302
    assert AdmissionEvent.objects.filter(kind=EventKind.STAY_ADMITTED).count() == 1


def test_later_keeps_the_plan_and_admits_nobody(desk, stay) -> None:
    other = UnitFactory(code="4210", name="Orthopédie")
    answer = admit(desk, stay, later="1", unit=other.pk)
    assert answer["Location"] == reverse("admissions:arrivals")
    stay.refresh_from_db()
    assert (stay.status, stay.unit) == (StayStatus.PREADMITTED, other)


def test_an_hour_to_come_is_refused_beside_its_field(desk, stay) -> None:
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    answer = admit(desk, stay, start_at=f"{tomorrow:%d/%m/%Y %H:%M}")
    assert answer.status_code == 422
    assert "Cette heure est dans le futur." in answer.text and 'value="214"' in answer.text
    stay.refresh_from_db()
    assert stay.status == StayStatus.PREADMITTED


def test_a_plan_that_a_colleague_changed_meanwhile_is_not_overwritten(desk, stay) -> None:
    other = UnitFactory(code="4210", name="Orthopédie")
    admit(desk, stay, later="1", unit=other.pk)
    mine = UnitFactory(code="2210", name="Cardiologie")
    answer = admit(desk, stay, unit=mine.pk)
    assert answer.status_code == 409
    assert "4210 Orthopédie" in answer.text and "2210 Cardiologie" in answer.text and 'value="214"' in answer.text
    stay.refresh_from_db()
    assert (stay.unit, stay.status) == (other, StayStatus.PREADMITTED)


def test_an_admitted_stay_has_no_admission_page_any_more(desk, stay) -> None:
    admit(desk, stay)
    assert desk.get(url("admission", stay))["Location"] == url("stay", stay)


# ---- demands ----


def toggle(client, stay, wanted, code=RequestCode.SINGLE_ROOM):
    return client.post(url("request-toggle", stay, code), {"wanted": "on"} if wanted else {}, HTTP_HX_REQUEST="true")


def test_a_demand_acts_at_once_and_its_part_is_that_of_the_page(desk, stay) -> None:
    answer = toggle(desk, stay, True)
    assert answer["HX-Trigger"] == "gap:acted"
    assert ParticularRequest.objects.get(stay=stay).code == RequestCode.SINGLE_ROOM
    assert answer.text.strip() in desk.get(url("admission", stay)).text


def test_a_demand_taken_back_before_the_patient_came_never_was(desk, stay) -> None:
    toggle(desk, stay, True)
    toggle(desk, stay, False)
    assert not ParticularRequest.objects.exists()
    kinds = AdmissionEvent.objects.filter(stay=stay).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [EventKind.REQUEST_ADDED, EventKind.REQUEST_ENDED]


def test_a_box_ticked_in_two_tabs_is_one_demand(desk, stay) -> None:
    toggle(desk, stay, True)
    toggle(desk, stay, True)
    assert ParticularRequest.objects.count() == 1


# ---- cards ----


def scan(client, stay, text):
    return client.post(url("stay-scan", stay), {"scan": text}, HTTP_HX_REQUEST="true")


def test_a_known_card_covers_the_patient(desk, stay) -> None:
    debtor = AssociationFactory(debtor=DebtorFactory(amc_number="7000000042")).debtor
    answer = scan(desk, stay, card())
    assert f"Carte lue\u00a0: {debtor.name}." in answer.text.replace(" :", "\u00a0:")
    assert answer["HX-Trigger"] == "gap:acted"
    coverage = Coverage.objects.get(patient=stay.patient)
    assert (coverage.debtor, coverage.source, coverage.member_number) == (debtor, CoverageSource.CARD, "08441927")


def test_the_same_card_read_again_changes_nothing(desk, stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042"))
    scan(desk, stay, card())
    events = AdmissionEvent.objects.count()
    assert "rien n’a changé" in scan(desk, stay, card()).text
    assert (Card.objects.count(), AdmissionEvent.objects.count()) == (1, events)


def test_an_unknown_card_opens_the_grid_and_the_choice_is_to_validate(desk, stay) -> None:
    debtor = DebtorFactory(amc_number="7000000042", name="Solivie Mutuelle")
    grid = scan(desk, stay, card()).text
    assert "Quel organisme pour cette carte" in grid and "Solivie Mutuelle" in grid and "data-focus" in grid
    kept = Card.objects.get()
    answer = desk.post(url("choose-debtor", stay, kept.pk), {"debtor": debtor.pk, "fragment": "solivie"})
    assert "Solivie Mutuelle est choisi" in answer.text
    assert DatamatrixAssociation.objects.get().status == AssociationStatus.TO_VALIDATE
    assert Coverage.objects.get().debtor == debtor
    # Said twice, it is said once.
    desk.post(url("choose-debtor", stay, kept.pk), {"debtor": debtor.pk, "fragment": "solivie"})
    assert (DatamatrixAssociation.objects.count(), Coverage.objects.count()) == (1, 1)


def test_the_grid_answers_to_a_fragment(desk, stay) -> None:
    DebtorFactory(name="Solivie Mutuelle", town="Rennes")
    DebtorFactory(name="Prévoyance du Rail")
    scan(desk, stay, card())
    rows = lambda text: desk.post(url("card-grid-rows", stay, Card.objects.get().pk), {"fragment": text}).text  # noqa: E731
    assert "Solivie" in rows("soli") and "Rail" not in rows("soli")
    assert "Solivie" in rows("rennes")
    assert "Aucun organisme ne répond" in rows("zzz")


def test_a_debtor_that_the_fragment_does_not_show_is_not_taken(desk, stay) -> None:
    wrong = DebtorFactory(name="Prévoyance du Rail")
    DebtorFactory(name="Solivie Mutuelle")
    scan(desk, stay, card())
    answer = desk.post(url("choose-debtor", stay, Card.objects.get().pk), {"debtor": wrong.pk, "fragment": "solivie"})
    assert answer.status_code == 422 and "Solivie" in answer.text
    assert not Coverage.objects.exists()


def test_several_centres_make_a_short_list(desk, stay) -> None:
    debtors = [
        AssociationFactory(
            debtor=DebtorFactory(amc_number="7000000042", multiple_centres=True, name=f"Centre {town}"),
            multiple_centres=True,
        ).debtor
        for town in ("Nord", "Sud")
    ]
    answer = scan(desk, stay, card())
    assert "Plusieurs centres" in answer.text
    assert all(debtor.name in answer.text for debtor in debtors)
    assert not Coverage.objects.exists()


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ({"since": dt.date(YEAR - 1, 1, 1), "until": dt.date(YEAR - 1, 12, 31)}, "n’est plus valable depuis"),
        ({"since": dt.date(YEAR + 1, 1, 1), "until": dt.date(YEAR + 1, 12, 31)}, "qu’à partir du"),
    ],
)
def test_a_card_out_of_its_dates_is_kept_and_says_what_to_do(desk, stay, dates, said) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042"))
    page = scan(desk, stay, card(**dates)).text
    assert said in page and "gardée au dossier" in page and "Demandez la carte" in page
    assert Card.objects.count() == 1 and not Coverage.objects.exists()


def test_a_code_that_is_no_card_says_so_and_is_kept(desk, stay) -> None:
    page = scan(desk, stay, "3401577154632").text
    assert "n’a pas la forme d’une carte" in page
    assert not Card.objects.get().recognised


def test_a_card_cut_by_its_scanner_says_so(desk, stay) -> None:
    page = scan(desk, stay, card().replace("\x1d", "")).text
    assert "séparateurs" in page


def test_an_empty_scan_is_refused_without_a_trace(desk, stay) -> None:
    answer = scan(desk, stay, "")
    assert answer.status_code == 422 and not Card.objects.exists()


def test_a_photo_of_a_card_is_read_and_kept(desk, stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042"))
    photo = SimpleUploadedFile("carte.png", render_card_png(fields(), issuer="Solivie"), "image/png")
    answer = desk.post(url("stay-scan", stay), {"file": photo}, HTTP_HX_REQUEST="true")
    assert "Carte lue" in answer.text
    assert Card.objects.get().image.name.endswith(".png")


def test_a_file_that_is_no_picture_says_what_to_do(desk, stay) -> None:
    answer = desk.post(url("stay-scan", stay), {"file": SimpleUploadedFile("a.png", b"bonjour", "image/png")})
    assert answer.status_code == 422 and "ni une image" in answer.text


def test_a_card_of_another_patient_cannot_be_used(desk, stay) -> None:
    other = Card.objects.create(
        patient=PatientFactory(), content="x", fingerprint="0" * 64, recognised=False, reader="douchette"
    )
    assert desk.post(url("choose-debtor", stay, other.pk), {"debtor": DebtorFactory().pk}).status_code == 404


# ---- a scan where no stay is open ----


def test_a_bracelet_opens_its_dossier(desk, stay) -> None:
    answer = desk.post(reverse("admissions:scan"), {"scan": stay.iep}, HTTP_HX_REQUEST="true")
    assert answer["HX-Redirect"] == url("admission", stay)
    answer = desk.post(reverse("admissions:scan"), {"scan": stay.patient.ipp}, HTTP_HX_REQUEST="true")
    assert answer["HX-Redirect"] == reverse("admissions:patient", args=[stay.patient.ipp])


def test_a_known_card_opens_the_stay_under_way(desk, stay) -> None:
    scan(desk, stay, card())
    answer = desk.post(reverse("admissions:scan"), {"scan": card()}, HTTP_HX_REQUEST="true")
    assert answer["HX-Redirect"] == url("admission", stay)


def test_an_unknown_card_scanned_nowhere_says_what_to_do_and_writes_nothing(desk, establishment) -> None:
    page = desk.post(reverse("admissions:scan"), {"scan": card()}, HTTP_HX_REQUEST="true").text
    assert "Ouvrez le dossier du patient" in page
    assert not Card.objects.exists()


# ---- coverages ----


def test_the_amo_is_declared_in_place(desk, stay) -> None:
    fund = FundFactory()
    place = desk.get(url("declare", stay, "amo")).text
    assert fund.name in place
    answer = desk.post(
        url("declare", stay, "amo"),
        {"fragment": "ille", "debtor": fund.pk, "valid_from": f"01/01/{YEAR}", "valid_until": f"31/12/{YEAR}"},
    )
    assert answer["HX-Trigger"] == "gap:acted"
    assert Coverage.objects.get().kind == CoverageKind.AMO


def test_rights_that_end_before_they_begin_are_refused_beside_the_date(desk, stay) -> None:
    fund = FundFactory()
    answer = desk.post(
        url("declare", stay, "amo"),
        {"fragment": "", "debtor": fund.pk, "valid_from": f"31/12/{YEAR}", "valid_until": f"01/01/{YEAR}"},
    )
    assert answer.status_code == 422 and "Les droits finissent avant de commencer." in answer.text
    assert f'value="01/01/{YEAR}"' in answer.text


def test_a_caisse_is_no_mutuelle(desk, stay) -> None:
    fund = FundFactory()
    answer = desk.post(url("declare", stay, "amc"), {"fragment": "", "debtor": fund.pk, "valid_from": f"01/01/{YEAR}"})
    assert answer.status_code == 422 and not Coverage.objects.exists()


@pytest.mark.parametrize("part", ["amo", "amc"])
def test_a_section_redrawn_alone_is_the_section_of_the_page(desk, stay, part) -> None:
    AmoCoverageFactory(patient=stay.patient)
    CoverageFactory(patient=stay.patient)
    alone = desk.get(url("coverage", stay, part)).text.strip()
    assert alone in desk.get(url("admission", stay)).text


def test_a_member_number_is_entered_in_place(desk, stay) -> None:
    coverage = CoverageFactory(patient=stay.patient, member_number=None)
    refused = desk.post(url("member-number", stay, coverage.pk), {"member_number": "??"})
    assert refused.status_code == 422 and 'value="??"' in refused.text and "lettres et des chiffres" in refused.text
    assert (
        desk.post(url("member-number", stay, coverage.pk), {"member_number": "08 441 927"})["HX-Trigger"] == "gap:acted"
    )
    coverage.refresh_from_db()
    assert coverage.member_number == "08441927"


def test_the_coverage_of_another_patient_is_not_found(desk, stay) -> None:
    other = CoverageFactory()
    assert desk.post(url("member-number", stay, other.pk), {"member_number": "A1"}).status_code == 404
