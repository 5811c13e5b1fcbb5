"""The reception by keyboard and scanner: search, unknown people, unknown cards, short lists, photos."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from admissions.enums import CoverageKind, IdentityStatus, StayStatus
from admissions.models import Coverage, Patient, Stay
from debtors.datamatrix import CardFields, Convention, encode
from debtors.datamatrix.drawing import render_card_png
from debtors.datamatrix.sandbox import read_untrusted
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    DebtorFactory,
    FundFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
    invented_nir,
)

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]
YEAR = timezone.localdate().year


def fields(number: str = "7000000042", *, year: int = YEAR) -> CardFields:
    return CardFields(dt.date(year, 1, 1), dt.date(year, 12, 31), number, (Convention("AC"),), "", "08441927", True)


@pytest.fixture
def desk(page: Page) -> Page:
    UnitFactory()
    return page


@pytest.fixture
def stay(desk) -> Stay:
    patient = PatientFactory(birth_name="BERTHELOT", first_names="Camille", nir=invented_nir(1))
    AmoCoverageFactory(patient=patient)
    return StayFactory(patient=patient, unit=UnitFactory())


def test_results_come_as_one_types_and_arrows_and_enter_open_them(desk: Page, keyboard, no_violation) -> None:
    people = [
        PatientFactory(birth_name="BERTHELOT", birth_date=dt.date(1984, 5, day), nir=invented_nir(day))
        for day in (3, 17)
    ]
    desk.goto("/recherche/")
    expect(desk.locator("#search-field")).to_be_focused()
    keyboard.type("berthelot")
    expect(desk.locator("#results")).to_contain_text("2\u00a0dossiers")
    expect(desk.locator("#search-field")).to_be_focused()
    no_violation(desk)
    keyboard.press("ArrowDown", "ArrowDown", "Enter")
    expect(desk).to_have_url(f"/patients/{people[1].ipp}/")
    no_violation(desk)


def test_an_unknown_walk_in_is_admitted_by_keyboard_and_scanner_alone(desk: Page, keyboard, no_violation) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042", name="Solivie Mutuelle"))
    FundFactory()
    desk.goto("/admissions/")
    keyboard.press("a")
    expect(desk.locator("#id_birth_name")).to_be_focused()
    keyboard.type("kervella")
    keyboard.press("Tab")
    keyboard.type("Yannick")
    keyboard.press("Tab")
    keyboard.type("02031971")
    keyboard.press("Tab")
    keyboard.type("m")
    no_violation(desk)
    keyboard.press("Control+Enter")
    expect(desk.locator("#id_unit")).to_be_focused()
    # The card is scanned before the stay exists, with a list under the fingers.
    keyboard.scan(encode(fields()))
    expect(desk.locator("#scan-result")).to_contain_text("jointe au séjour")
    expect(desk.locator("#id_kind")).to_have_value("full")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile("/admission/$"))
    expect(desk.locator("#etape-4")).to_contain_text("Solivie Mutuelle")
    # The AMO is asked in its place, since none is known.
    fund = desk.get_by_label("Caisse\u00a0: nom ou n°")
    expect(fund).to_be_visible()
    fund.focus()
    keyboard.type("ille")
    keyboard.press("Enter")
    expect(desk.locator("#etape-3")).to_contain_text("CPAM d’Ille-et-Vilaine")
    no_violation(desk)
    keyboard.press("Alt+V")
    expect(desk.locator("#etape-1")).to_contain_text("Identité validée")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile(r"/sejours/\d{9}/$"))
    stay = Stay.objects.get()
    assert (stay.status, stay.patient.birth_name) == (StayStatus.ADMITTED, "KERVELLA")
    assert stay.patient.identity_status == IdentityStatus.VALIDATED
    assert set(Coverage.objects.values_list("kind", flat=True)) == {CoverageKind.AMO, CoverageKind.AMC}


def test_likely_duplicates_come_before_a_creation(desk: Page, keyboard, no_violation) -> None:
    known = PatientFactory(
        birth_name="KERVELLA", first_names="Yannick", birth_date=dt.date(1971, 3, 2), sex="M", nir=invented_nir(9)
    )
    desk.goto("/recherche/")
    desk.locator("#search-field").fill("kervella yanick 02/03/1971")
    expect(desk.locator("#results")).to_contain_text("Personne ne répond")
    desk.get_by_role("button", name=re.compile("Nouvelle pré-admission")).click()
    expect(desk.locator("#id_birth_name")).to_have_value("KERVELLA")
    desk.locator("#id_sex").select_option("M")
    keyboard.press("Control+Enter")
    expect(desk.get_by_role("heading", name=re.compile("ressemble à cette personne"))).to_be_focused()
    no_violation(desk)
    desk.get_by_role("link", name="C’est cette personne").click()
    expect(desk).to_have_url(f"/patients/{known.ipp}/sejour/")
    assert Patient.objects.count() == 1


def test_an_unknown_card_opens_the_grid_and_enter_chooses_what_was_typed(
    desk: Page, stay, keyboard, no_violation
) -> None:
    DebtorFactory(name="Aésio Mutuelle")
    wanted = DebtorFactory(name="Solivie Mutuelle")
    desk.goto(f"/sejours/{stay.iep}/admission/")
    keyboard.scan(encode(fields()))
    grid = desk.get_by_label("Un fragment du nom, le n° AMC ou la ville")
    expect(grid).to_be_focused()
    no_violation(desk)
    # Faster than the answers: what is taken is what was typed, never the line that was marked before.
    keyboard.type("solivie")
    desk.keyboard.press("Enter")
    expect(desk.locator("#scan-result")).to_contain_text("Solivie Mutuelle est choisi")
    expect(desk.locator("#etape-4")).to_contain_text("Solivie Mutuelle")
    association = DatamatrixAssociation.objects.get()
    assert (association.debtor, association.status) == (wanted, AssociationStatus.TO_VALIDATE)


def test_arrows_mark_the_answer_that_enter_takes(desk: Page, stay, keyboard) -> None:
    DebtorFactory(name="Mutuelle du Nord")
    south = DebtorFactory(name="Mutuelle du Sud")
    desk.goto(f"/sejours/{stay.iep}/")
    keyboard.scan(encode(fields()))
    expect(desk.locator("#grid-field")).to_be_focused()
    keyboard.type("mutuelle du")
    expect(desk.locator("#grid-rows label")).to_have_count(2)
    keyboard.press("ArrowDown", "Enter")
    expect(desk.locator("#scan-result")).to_contain_text("Mutuelle du Sud est choisi")
    assert Coverage.objects.get(kind=CoverageKind.AMC).debtor == south


def test_several_centres_are_a_short_list_taken_by_enter(desk: Page, stay, keyboard, no_violation) -> None:
    for town, count in (("Nord", 3), ("Sud", 9)):
        AssociationFactory(
            debtor=DebtorFactory(amc_number="7000000042", multiple_centres=True, name=f"Centre {town}"),
            multiple_centres=True, use_count=count,
        )  # fmt: skip
    desk.goto(f"/sejours/{stay.iep}/admission/")
    keyboard.scan(encode(fields()))
    expect(desk.locator("#scan-result input[type=radio]").first).to_be_focused()
    no_violation(desk)
    keyboard.press("Enter")
    expect(desk.locator("#etape-4")).to_contain_text("Centre Sud")


def test_a_card_out_of_date_says_what_is_kept_and_what_to_do(desk: Page, stay, keyboard, no_violation) -> None:
    desk.goto(f"/sejours/{stay.iep}/admission/")
    keyboard.scan(encode(fields(year=YEAR - 1)))
    expect(desk.locator("#scan-result")).to_contain_text("gardée au dossier")
    expect(desk.locator("#scan-result")).to_contain_text("Demandez la carte de l’année")
    expect(desk.locator("#etape-4")).to_contain_text("Carte à scanner")
    no_violation(desk)


def test_a_scan_in_a_field_leaves_the_field_as_it_was(desk: Page, stay, keyboard) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042", name="Solivie Mutuelle"))
    desk.goto(f"/sejours/{stay.iep}/admission/")
    desk.locator("#id_room").fill("214")
    desk.locator("#id_room").focus()
    keyboard.scan(encode(fields()))
    expect(desk.locator("#etape-4")).to_contain_text("Solivie Mutuelle")
    expect(desk.locator("#id_room")).to_have_value("214")


def test_a_photo_of_the_card_is_read_like_a_scan(desk: Page, stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042", name="Solivie Mutuelle"))
    desk.goto(f"/sejours/{stay.iep}/admission/")
    picture = render_card_png(fields(), issuer="Solivie")
    # A web process has its reader ready when it opens; here the page's process is the test's own.
    assert read_untrusted(picture, deadline_s=60).content
    photo = {"name": "carte.png", "mimeType": "image/png", "buffer": picture}
    desk.locator("#card-file").set_input_files(photo)
    expect(desk.locator("#etape-4")).to_contain_text("Solivie Mutuelle", timeout=15_000)


def test_a_demand_changes_what_is_left_to_the_patient_without_moving_the_page(desk: Page, stay, keyboard) -> None:
    Stay.objects.filter(pk=stay.pk).update(planned_end_at=stay.planned_start_at + dt.timedelta(days=3))
    desk.goto(f"/sejours/{stay.iep}/admission/")
    expect(desk.locator("#estimate .total")).to_contain_text("654,20")
    box = desk.get_by_label(re.compile("Chambre particulière"))
    expect(desk.locator("#requests")).to_contain_text("65,00\u00a0€ la nuit")
    box.focus()
    keyboard.press("Space")
    expect(desk.locator("#estimate .total")).to_contain_text("849,20")
    expect(box).to_be_focused()
    assert desk.evaluate("scrollY") == 0
