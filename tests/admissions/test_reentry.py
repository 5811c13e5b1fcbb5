"""After an outage: each sheet that comes back is one stay, under its number and at its hours."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from accounts.models import RoleAssignment
from admissions.enums import DischargeMode, EventKind, Protection, StayKind, StayStatus
from admissions.errors import Refused
from admissions.events import SYSTEM
from admissions.models import AdmissionEvent, Patient, ReservedNumber, Stay
from admissions.services import downtime, stays
from admissions.services.downtime import Entry
from billing.enums import InvoiceStatus, Payer
from tests.chain import settle
from tests.factories import (
    AmoCoverageFactory,
    CoverageFactory,
    DebtorFactory,
    EstablishmentFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
)

pytestmark = pytest.mark.django_db
YESTERDAY = dt.timedelta(days=1)


@pytest.fixture
def unit(establishment):
    return UnitFactory(establishment=establishment)


@pytest.fixture
def sheets(unit) -> list[ReservedNumber]:
    """Five sheets of a kit, in the order of the pile."""
    return downtime.numbers_to_print(unit.establishment, 5, timezone.now())


@pytest.fixture
def desk(signed_in) -> Client:
    return signed_in(Role.AGENT)


def path(name: str, sheet: ReservedNumber) -> str:
    return reverse(f"admissions:{name}", args=[sheet.iep])


def paper(unit, **changes) -> dict[str, str]:
    """What somebody wrote on a sheet."""
    return {
        "ipp": "",
        "birth_name": "Kerdraon",
        "first_names": "Yann",
        "birth_date": "03/04/1961",
        "sex": "M",
        "start_at": f"{timezone.localtime() - YESTERDAY:%d/%m/%Y} 03:20",
        "kind": "full",
        "unit": str(unit.pk),
        "room": "12",
        "bed": "F",
    } | changes


def entered_by_hand(sheet: ReservedNumber, unit, patient: Patient | None = None) -> Stay:
    plan = stays.StayPlan(StayKind.FULL, unit, timezone.now() - YESTERDAY)
    return downtime.enter(sheet.pk, patient or PatientFactory(), Entry(plan), SYSTEM)


# ---- a sheet ----


def test_a_sheet_becomes_a_stay_under_its_number_at_its_hour(desk, sheets, unit) -> None:
    answer = desk.post(path("sheet", sheets[2]), paper(unit), follow=True)
    stay = Stay.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("admissions:stay", args=[sheets[2].iep])
    assert (stay.iep, stay.status, stay.patient.birth_name) == (sheets[2].iep, StayStatus.ADMITTED, "KERDRAON")
    assert f"{timezone.localtime(stay.started_at):%d/%m %H:%M}" == f"{timezone.localtime() - YESTERDAY:%d/%m} 03:20"
    assert stay.planned_start_at == stay.started_at == stay.movements.get().started_at
    assert (stay.movements.get().room, stay.movements.get().bed) == ("12", "F")
    found = ReservedNumber.objects.get(pk=sheets[2].pk)
    assert (found.stay, found.entered_by) == (stay, stay.created_by)
    assert {event.occurred_at for event in AdmissionEvent.objects.all()} == {stay.started_at}


def timeline(client: Client, iep: str) -> str:
    return client.get(reverse("teleservices:stay-timeline", args=[iep])).text


def test_the_timeline_says_that_it_was_entered_afterwards(desk, sheets, unit) -> None:
    desk.post(path("sheet", sheets[0]), paper(unit))
    said = timeline(desk, sheets[0].iep)
    assert said.count("Saisi après coup, le") == 2


def test_what_is_entered_as_it_happens_is_not_said_to_be_late(desk, unit) -> None:
    plan = stays.StayPlan(StayKind.FULL, unit, timezone.now())
    stay = stays.preadmit(PatientFactory(), unit.establishment, plan, SYSTEM)
    stays.admit(stay.pk, timezone.now(), SYSTEM)
    said = timeline(desk, stay.iep)
    assert "Admission" in said and "après coup" not in said


def test_a_known_number_and_a_birth_date_are_enough_of_an_identity(desk, sheets, unit) -> None:
    patient = PatientFactory()
    known = paper(unit, ipp=patient.ipp, birth_name="", first_names="", sex="", birth_date="17/05/1984")
    assert desk.post(path("sheet", sheets[0]), known).status_code == 302
    assert Stay.objects.get().patient == patient and Patient.objects.count() == 1


@pytest.mark.parametrize(("ipp", "born"), [("", "18/05/1984"), ("999999998", "17/05/1984")], ids=["birth date", "IPP"])
def test_a_figure_taken_for_another_puts_nobody_in_another_dossier(desk, sheets, unit, ipp, born) -> None:
    patient = PatientFactory()
    answer = desk.post(path("sheet", sheets[0]), paper(unit, ipp=ipp or patient.ipp, birth_date=born))
    assert answer.status_code == 422 and "Aucun patient d’ici n’a cet IPP et cette date" in answer.text
    assert "Kerdraon" in answer.text and not Stay.objects.exists()


def test_who_resembles_somebody_is_asked_about_before_a_double_is_made(desk, sheets, unit) -> None:
    twin = PatientFactory(birth_name="KERDRAON", first_names="Yann", birth_date=dt.date(1961, 4, 3), sex="M")
    asked = desk.post(path("sheet", sheets[0]), paper(unit))
    assert asked.status_code == 422 and twin.ipp in asked.text and "rien n’est encore créé" in asked.text
    assert not Stay.objects.exists()
    desk.post(path("sheet", sheets[0]), paper(unit, choice=twin.ipp))
    assert Stay.objects.get().patient == twin
    desk.post(path("sheet", sheets[1]), paper(unit, anyway="1"))
    assert Patient.objects.count() == 2


def test_a_protected_dossier_asks_why_before_a_sheet_is_put_in_it(desk, sheets, unit) -> None:
    patient = PatientFactory()
    Patient.objects.filter(pk=patient.pk).update(protection=Protection.EXPOSED)
    answer = desk.post(path("sheet", sheets[0]), paper(unit, ipp=patient.ipp, birth_date="17/05/1984"))
    assert answer.status_code == 302 and "/ouvrir/" in answer["Location"] and not Stay.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start_at": ""}, "Entrée"),
        ({"start_at": "hier matin"}, "ne se lisent pas"),
        ({"start_at": "01/01/2099 10:00"}, "futur"),
        ({"birth_name": ""}, "Nom de naissance"),
        ({"birth_date": "31/02/1961"}, "Cette date n’existe pas"),
        ({"planned_end_at": "01/01/2020 10:00"}, "La sortie prévue précède l’entrée"),
        ({"unit": "999999"}, "Service"),
        ({"unit": ""}, "Service"),
        ({"kind": ""}, "Type"),
        ({"ipp": "x" * 40}, "IPP"),
        ({"nir": "1"}, "NIR"),
    ],
    ids=[
        "no hour",
        "words",
        "future",
        "no name",
        "no such day",
        "ends before",
        "unknown unit",
        "no unit",
        "no kind",
        "long number",
        "short NIR",
    ],
)
def test_what_cannot_be_read_is_said_and_what_was_typed_stays(desk, sheets, unit, changes, said) -> None:
    answer = desk.post(path("sheet", sheets[0]), paper(unit) | changes)
    assert answer.status_code == 422 and said in answer.text and "Yann" in answer.text
    assert not Stay.objects.exists() and not Patient.objects.exists()
    assert ReservedNumber.objects.filter(withdrawn_at=None).count() == 5


def test_the_same_sheet_twice_shows_the_stay_and_creates_nothing(desk, sheets, unit) -> None:
    desk.post(path("sheet", sheets[0]), paper(unit))
    for answer in (desk.get(path("sheet", sheets[0])), desk.post(path("sheet", sheets[0]), paper(unit))):
        assert "Cette feuille est déjà ressaisie" in answer.text
        assert reverse("admissions:stay", args=[sheets[0].iep]) in answer.text
    assert answer.status_code == 409
    assert Stay.objects.count() == Patient.objects.count() == 1


def test_a_stay_of_a_service_that_one_does_not_see_is_not_shown(sheets, unit, person) -> None:
    entered_by_hand(sheets[0], unit)
    user = person(Role.AGENT)
    RoleAssignment.objects.filter(user=user).update(services=["9999"])
    client = Client()
    client.force_login(user)
    said = client.get(path("sheet", sheets[0])).text
    assert "un service que vous ne voyez pas" in said and reverse("admissions:stay", args=[sheets[0].iep]) not in said


def test_a_spoilt_sheet_becomes_nothing_ever(desk, sheets, unit) -> None:
    desk.post(path("void-sheet", sheets[0]))
    answer = desk.post(path("sheet", sheets[0]), paper(unit))
    assert answer.status_code == 409 and "Cette feuille est annulée" in answer.text
    with pytest.raises(Refused, match="annulée"):
        entered_by_hand(sheets[0], unit)
    assert not Stay.objects.exists() and not Patient.objects.filter(birth_name="KERDRAON").exists()


def test_an_entered_sheet_is_not_made_void(desk, sheets, unit) -> None:
    stay = entered_by_hand(sheets[0], unit)
    desk.post(path("void-sheet", sheets[0]))
    found = ReservedNumber.objects.get(pk=sheets[0].pk)
    assert (found.stay, found.void_reason) == (stay, "")


def test_a_sheet_of_another_hospital_is_not_found(desk, unit) -> None:
    there = EstablishmentFactory(finess_legal="290000017", finess_site="290000025", name="CH d’Ailleurs")
    other = downtime.numbers_to_print(there, 1, timezone.now())[0]
    assert desk.get(path("sheet", other)).status_code == 404
    assert desk.post(path("sheet", other), paper(unit)).status_code == 404
    assert desk.post(path("void-sheet", other)).status_code == 404


# ---- what is scanned and typed ----


@pytest.mark.parametrize("spaced", [False, True], ids=["as scanned", "with spaces"])
def test_the_bar_code_opens_the_sheet_from_any_screen(desk, sheets, spaced) -> None:
    number = " ".join((sheets[1].iep[:2], sheets[1].iep[2:])) if spaced else sheets[1].iep
    answer = desk.post(reverse("admissions:scan"), {"scan": number}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == path("sheet", sheets[1])


def test_a_scanned_sheet_that_was_entered_opens_its_stay(desk, sheets, unit) -> None:
    entered_by_hand(sheets[1], unit)
    answer = desk.post(reverse("admissions:scan"), {"scan": sheets[1].iep}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("admissions:stay", args=[sheets[1].iep])


def test_a_typed_number_leads_to_the_sheet_or_to_the_stay(desk, sheets, unit) -> None:
    stay = StayFactory(unit=unit)
    find = reverse("admissions:find-sheet")
    assert desk.post(find, {"iep": f" {sheets[0].iep} "})["Location"] == path("sheet", sheets[0])
    assert desk.post(find, {"iep": stay.iep})["Location"] == reverse("admissions:stay", args=[stay.iep])
    for wrong in ("", "260", "é" * 50, "0" * 500):
        answer = desk.post(find, {"iep": wrong})
        assert answer.status_code == 422 and "Relisez les neuf chiffres" in answer.text
        # No link of it leads to this address, which only takes demands.
        assert 'href="?' not in answer.text


# ---- the piles ----


def test_the_counts_of_a_pile_add_up(desk, signed_in, sheets, unit) -> None:
    entered_by_hand(sheets[0], unit)
    desk.post(path("void-sheet", sheets[1]))
    referent = signed_in(Role.REFERENT)
    answer = referent.post(path("close-set", sheets[0]), {"last": sheets[2].iep}, follow=True)
    assert "2 feuilles jamais distribuées" in answer.text
    row = answer.context["sets"][0]
    assert (row["handed"], row["entered"], row["destroyed"], row["left"]) == (3, 1, 1, 1)
    remaining = [sheet.iep for sheet in answer.context["page"].object_list]
    assert remaining == [sheets[2].iep]


def test_a_pile_of_which_nothing_was_handed_out_is_closed_whole(signed_in, sheets) -> None:
    referent = signed_in(Role.REFERENT)
    referent.post(reverse("admissions:declare-outage"))
    referent.post(path("close-set", sheets[0]), {"last": ""})
    assert not ReservedNumber.objects.filter(void_reason="").exists()


@pytest.mark.parametrize("last", ["260000000", "x" * 30, "premiere"], ids=["unknown", "long", "before one entered"])
def test_a_pile_is_not_closed_on_a_wrong_number(signed_in, sheets, unit, last) -> None:
    entered_by_hand(sheets[3], unit)
    referent = signed_in(Role.REFERENT)
    answer = referent.post(path("close-set", sheets[0]), {"last": sheets[0].iep if last == "premiere" else last})
    assert answer.status_code == 422
    assert not ReservedNumber.objects.exclude(void_reason="").exists()


def test_closing_a_pile_touches_no_other(signed_in, sheets, unit) -> None:
    entered_by_hand(sheets[0], unit)
    after = downtime.numbers_to_print(unit.establishment, 3, timezone.now())
    downtime.declare_outage(unit.establishment)
    signed_in(Role.REFERENT).post(path("close-set", sheets[0]), {"last": sheets[0].iep})
    untouched = ReservedNumber.objects.filter(pk__in=[sheet.pk for sheet in after], void_reason="")
    assert untouched.count() == 3


def test_an_agent_does_not_close_a_pile(desk, sheets) -> None:
    downtime.declare_outage(sheets[0].establishment)
    assert desk.post(path("close-set", sheets[0]), {"last": ""}).status_code == 403
    assert "Arrêter la pile" not in desk.get(reverse("admissions:reentry")).text


@pytest.mark.parametrize("state", ["reste", "ressaisies", "annulees", "nimporte"])
def test_the_screen_costs_the_same_for_one_sheet_and_for_all(
    signed_in, sheets, unit, state, django_assert_max_num_queries
) -> None:
    client = signed_in(Role.REFERENT)
    entered_by_hand(sheets[0], unit)
    client.get(reverse("admissions:reentry"))
    with django_assert_max_num_queries(14) as captured:
        client.get(reverse("admissions:reentry"), {"etat": state})
    before = len(captured)
    for sheet in sheets[1:3]:
        entered_by_hand(sheet, unit)
    downtime.void(sheets[3].pk, SYSTEM)
    with django_assert_max_num_queries(before):
        client.get(reverse("admissions:reentry"), {"etat": state})


def test_a_sheet_is_drawn_in_a_few_queries(desk, sheets, django_assert_max_num_queries) -> None:
    desk.get(path("sheet", sheets[0]))
    with django_assert_max_num_queries(8):
        desk.get(path("sheet", sheets[0]))


def test_a_kit_that_is_late_is_said(desk, sheets) -> None:
    assert "Aucun kit n’a encore été fait" in desk.get(reverse("admissions:reentry")).text
    downtime.note_printed(sheets, timezone.now() - dt.timedelta(hours=5))
    assert "Le dernier kit date du" in desk.get(reverse("admissions:reentry")).text
    downtime.note_printed(sheets, timezone.now())
    assert "prévenez l’exploitation" not in desk.get(reverse("admissions:reentry")).text


# ---- the whole ----


def test_from_the_sheet_to_the_invoices_at_the_dates_of_the_paper(desk, simulator, unit) -> None:
    """Kit, outage, sheet, transfer and leaving copied after: the payers are asked about the true days."""
    patient = PatientFactory()
    AmoCoverageFactory(patient=patient)
    CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(amc_number="0099000104"))
    surgery = UnitFactory(establishment=unit.establishment, code="4210", name="Chirurgie")
    sheet = downtime.numbers_to_print(unit.establishment, 1, timezone.now())[0]
    entry = (timezone.localtime() - 3 * YESTERDAY).replace(hour=22, minute=15, second=0, microsecond=0)
    moved, gone = entry + dt.timedelta(hours=11), entry + dt.timedelta(hours=40)
    known = {"ipp": patient.ipp, "birth_date": "17/05/1984", "start_at": f"{entry:%d/%m/%Y %H:%M}"}
    desk.post(path("sheet", sheet), paper(unit, **known))
    act = {"version": "1"}
    moving = act | {"unit": surgery.pk, "room": "7", "bed": "P", "started_at": f"{moved:%d/%m/%Y %H:%M}"}
    assert desk.post(reverse("admissions:act", args=[sheet.iep, "mouvement"]), moving).status_code == 302
    leaving = act | {"ended_at": f"{gone:%d/%m/%Y %H:%M}", "mode": DischargeMode.HOME}
    assert desk.post(reverse("admissions:act", args=[sheet.iep, "sortie"]), leaving).status_code == 302
    settle()
    stay = Stay.objects.get(iep=sheet.iep)
    assert (stay.started_at, stay.ended_at) == (entry, gone)
    assert stay.rights.first().care_date == entry.date()
    bill = stay.bills.get()
    assert bill.total == bill.amo_share + bill.amc_share + bill.patient_share > 0
    invoices = {invoice.payer: invoice for invoice in stay.invoices.all()}
    assert invoices[Payer.AMC].status == InvoiceStatus.READY and invoices[Payer.AMC].amount == bill.amc_share
    late = [event.kind for event in AdmissionEvent.objects.filter(stay=stay) if event.entered_late]
    assert {EventKind.STAY_ADMITTED, EventKind.MOVEMENT_ADDED, EventKind.STAY_DISCHARGED} <= set(late)
