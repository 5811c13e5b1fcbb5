"""The whole stay in a real browser, by keyboard and scanner alone, with a worker and the payers behind."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.enums import Role
from admissions.enums import EventKind, IdentityStatus, StayKind, StayStatus
from admissions.events import SYSTEM
from admissions.models import Patient, Stay
from admissions.services import stays
from billing.enums import EngagementStatus
from debtors.datamatrix import CardFields, Convention, encode
from debtors.models import Debtor
from teleservices.enums import CallStatus, Disposition
from teleservices.messages import Operation
from teleservices.models import TeleserviceCall
from tests.factories import (
    AmoCoverageFactory,
    AssociationFactory,
    CoverageFactory,
    DebtorFactory,
    PatientFactory,
    StayFactory,
    UnitFactory,
    invented_nir,
    known_as,
)

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]
AMC = "0099000104"
ANSWER_MS = 20_000


def card(number: str = AMC, member: str = "C5555555") -> str:
    year = timezone.localdate().year
    return encode(CardFields(dt.date(year, 1, 1), dt.date(year, 12, 31), number, (Convention("RO"),), "", member, True))


@pytest.fixture
def camille(establishment) -> Patient:
    """A known patient, identity checked, with an AMO; her card has not been read yet."""
    UnitFactory(code="3120", name="Médecine interne")
    patient = PatientFactory(
        birth_name="BERTHELOT",
        first_names="Camille Anne",
        used_name="ROUSSEAU",
        nir=invented_nir(1),
        birth_date=dt.date(1984, 5, 17),
    )
    known_as(IdentityStatus.VALIDATED, patient)
    AmoCoverageFactory(patient=patient)
    PatientFactory(birth_name="BERTHELOT", first_names="Anne", birth_date=dt.date(1991, 2, 3), nir=invented_nir(2))
    AssociationFactory(debtor=DebtorFactory(amc_number=AMC, name="Solivie Mutuelle"), convention="RO")
    return patient


@pytest.fixture
def desk(page: Page) -> Page:
    page.set_default_timeout(ANSWER_MS)
    return page


def test_a_stay_goes_from_the_scan_to_its_invoices_by_keyboard_alone(
    desk: Page, worker, camille, keyboard, no_violation
) -> None:
    desk.goto("/admissions/")
    keyboard.press("/")
    expect(desk.locator("[data-search]").first).to_be_focused()
    keyboard.type("17051984")
    keyboard.press("Enter")
    expect(desk).to_have_url(re.compile(r"/patients/\d{9}/$"))
    keyboard.press("n")
    expect(desk.locator("#id_unit")).to_be_focused()
    # The stay began three days ago, so that its discharge has nights to bill; a desk would type nothing here.
    entry = timezone.localtime() - dt.timedelta(days=3)
    desk.locator("#id_start_at").fill(f"{entry:%d/%m/%Y} 09:40")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile(r"/sejours/\d{9}/admission/$"))
    assert keyboard.count < 20, keyboard.count

    # scan → debtor → IDB
    keyboard.scan(card())
    expect(desk.locator("#scan-result")).to_contain_text("Carte lue : Solivie Mutuelle".replace(" :", "\u00a0:"))
    expect(desk.locator("#etape-4")).to_contain_text("Solivie Mutuelle")
    expect(desk.locator("#calls")).to_contain_text("Droits reçus", timeout=ANSWER_MS)
    expect(desk.locator("#etape-4")).to_contain_text("Ouverts")
    assert keyboard.count < 20, keyboard.count
    no_violation(desk)

    # admit → SIM
    desk.locator("#id_start_at").fill(f"{entry:%d/%m/%Y} 09:40")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile(r"/sejours/\d{9}/$"))
    expect(desk.locator("#timeline")).to_contain_text("SIM, simulation du séjour", timeout=ANSWER_MS)
    expect(desk.locator("#invoices")).to_contain_text("Confirmé par SIM")
    no_violation(desk)

    # single room → SIM again: it waits for what may follow, or leaves when asked
    keyboard.press("c")
    expect(desk.locator("#id_starts_on")).to_be_focused()
    desk.locator("#id_starts_on").fill(f"{entry + dt.timedelta(days=1):%d/%m/%Y}")
    keyboard.press("Control+Enter")
    expect(desk.locator("#timeline")).to_contain_text("Chambre particulière demandée")
    now = desk.get_by_role("button", name="Simuler maintenant")
    expect(now).to_be_visible(timeout=ANSWER_MS)
    now.focus()
    keyboard.press("Enter")
    expect(desk.locator("#timeline")).to_contain_text("devient", timeout=ANSWER_MS)

    # discharge → CLC → invoices
    keyboard.press("s")
    expect(desk.locator("#id_ended_at")).to_be_focused()
    keyboard.press("Control+Enter")
    expect(desk.locator("#timeline")).to_contain_text("Sortie, retour à domicile")
    expect(desk.locator("#invoices")).to_contain_text("Engagement", timeout=ANSWER_MS)
    expect(desk.locator("#invoices")).to_contain_text("À régler")
    no_violation(desk)
    stay = Stay.objects.get(patient=camille)
    assert stay.status == StayStatus.DISCHARGED
    assert stay.engagements.get().status == EngagementStatus.IN_FORCE
    shown = desk.locator("#invoices").inner_text()
    assert all(invoice.number in shown for invoice in stay.invoices.all())
    asked = list(TeleserviceCall.objects.filter(stay=stay).order_by("pk").values_list("operation", flat=True))
    assert asked == ["ANNUAIRE", "IDB", "SIM", "SIM", "CLC"]
    # Nothing moves any more: at its next beat, the page asks for nothing by itself.
    expect(desk.locator("#timeline")).not_to_have_attribute("hx-trigger", re.compile("every"), timeout=ANSWER_MS)


def test_a_payer_that_is_down_stops_nobody(desk: Page, worker, simulator, camille, keyboard) -> None:
    simulator.scenario(AMC, "code:RC24", operation="IDB")
    stay = StayFactory(patient=camille, unit=UnitFactory(code="3120"))
    desk.goto(f"/sejours/{stay.iep}/admission/")
    keyboard.scan(card())
    calls = desk.locator("#calls")
    expect(calls).to_contain_text("Organisme indisponible", timeout=ANSWER_MS)
    expect(calls).to_contain_text("prochain essai à")
    expect(calls).to_contain_text("Rien. Le patient peut être admis")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile(r"/sejours/\d{9}/$"))
    stay.refresh_from_db()
    assert stay.status == StayStatus.ADMITTED


def refused_stay(patient: Patient, kind: str = StayKind.EXTERNAL) -> Stay:
    """A stay whose IDB was refused for want of a member number, while another call is on its way."""
    stay = StayFactory(patient=patient, unit=UnitFactory(code="3120"), kind=kind)
    coverage = CoverageFactory(
        patient=patient, convention="RO", debtor=DebtorFactory(name="Prévoyance du Rail"), member_number=None
    )
    event = stays.record_event(stay, EventKind.STAY_PREADMITTED, SYSTEM)
    event.deliveries.update(done_at=timezone.now())
    common = {
        "stay": stay,
        "coverage": coverage,
        "debtor": coverage.debtor,
        "channel": coverage.debtor.amc_number,
        "slot": 1,
        "event": event,
        "not_before": timezone.now(),
    }
    TeleserviceCall.objects.create(
        **common, operation=Operation.IDB, status=CallStatus.REFUSED, finished_at=timezone.now(), return_code="RC22",
        disposition=Disposition.ASK_MEMBER_NUMBER,
    )  # fmt: skip
    TeleserviceCall.objects.create(
        **common, operation=Operation.SIM, status=CallStatus.CALLING, attempts_count=1, first_sent_at=timezone.now(),
        claimed_until=timezone.now() + dt.timedelta(minutes=5),
    )  # fmt: skip
    return stay


def test_what_one_types_in_a_live_part_is_not_taken_away_by_its_beat(desk: Page, camille, keyboard) -> None:
    stay = refused_stay(camille)
    desk.goto(f"/sejours/{stay.iep}/")
    field = desk.get_by_label("N° d’adhérent lu sur la carte")
    field.focus()
    keyboard.type("0844")
    before = desk.locator("#timeline .chip-run").inner_text()
    expect(desk.locator("#timeline .chip-run")).not_to_have_text(before)
    keyboard.type("1927")
    expect(field).to_have_value("08441927")
    expect(field).to_be_focused()
    keyboard.press("Enter")
    # The part closed by itself: the refusal asks nothing any more.
    expect(desk.locator("#timeline")).to_contain_text("Couverture changée")
    assert stay.patient.coverages.get(kind="AMC", debtor__name="Prévoyance du Rail").member_number == "08441927"


def test_a_wrong_member_number_is_refused_in_its_place(desk: Page, camille, keyboard, no_violation) -> None:
    stay = refused_stay(camille)
    TeleserviceCall.objects.filter(stay=stay, operation=Operation.SIM).delete()
    desk.goto(f"/sejours/{stay.iep}/")
    field = desk.get_by_label("N° d’adhérent lu sur la carte")
    field.fill("08-44?")
    field.press("Enter")
    expect(desk.locator("#timeline .field-error")).to_contain_text("Recopiez-le de la carte.")
    expect(field).to_have_value("08-44?")
    no_violation(desk)


def test_what_happens_while_a_part_is_being_asked_for_is_shown_too(desk: Page, camille) -> None:
    stay = refused_stay(camille)
    held: list[Route] = []
    desk.goto(f"/sejours/{stay.iep}/")
    expect(desk.locator("#coverages")).to_contain_text("Prévoyance du Rail")
    desk.route("**/couverture/coverages/", lambda route: held.append(route), times=1)
    with desk.expect_request("**/couverture/coverages/") as asked:
        desk.evaluate("document.body.dispatchEvent(new CustomEvent('gap:acted'))")
    # Somebody acts before the answer, which does not know it yet, has come.
    old = desk.request.get(asked.value.url).text()
    Debtor.objects.filter(name="Prévoyance du Rail").update(name="Mutuelle du Littoral")
    desk.evaluate("document.body.dispatchEvent(new CustomEvent('gap:acted'))")
    held[0].fulfill(body=old, content_type="text/html; charset=utf-8")
    expect(desk.locator("#coverages")).to_contain_text("Mutuelle du Littoral")


def gathering_stay(patient: Patient) -> Stay:
    """A stay whose simulation waits for the changes that may follow."""
    stay = StayFactory(
        patient=patient, unit=UnitFactory(code="3120"), planned_end_at=timezone.now() + dt.timedelta(days=3)
    )
    stay = stays.admit(stay.pk, timezone.now(), SYSTEM)
    coverage = CoverageFactory(patient=patient, convention="RO", debtor=DebtorFactory(name="Solivie Mutuelle"))
    TeleserviceCall.objects.create(
        stay=stay, coverage=coverage, debtor=coverage.debtor, channel=coverage.debtor.amc_number, operation=Operation.SIM,
        event=stay.events.first(), not_before=timezone.now() + dt.timedelta(minutes=5),
    )  # fmt: skip
    return stay


def test_an_act_counts_though_its_part_is_drawn_again_meanwhile(desk: Page, camille, keyboard) -> None:
    stay = gathering_stay(camille)
    desk.goto(f"/sejours/{stay.iep}/")
    now = desk.get_by_role("button", name="Simuler maintenant")
    held: list[Route] = []
    desk.route("**/simuler/", lambda route: held.append(route), times=1)
    with desk.expect_request("**/simuler/"):
        now.focus()
        keyboard.press("Enter")
    with desk.expect_response("**/factures/"):
        desk.evaluate("document.body.dispatchEvent(new CustomEvent('gap:moved'))")
    # What was asked by a button that has left the page is done, and the page learns it at once.
    expect(now).to_be_focused()
    desk.evaluate("document.body.addEventListener('gap:acted', () => console.log('heard'))")
    with desk.expect_console_message(lambda message: message.text == "heard"):
        held[0].continue_()
    expect(now).to_have_count(0)
    # Drawn again, it can be pressed at once: there is no instant at which it is only an image of itself.
    TeleserviceCall.objects.update(not_before=timezone.now() + dt.timedelta(minutes=5))
    desk.evaluate(
        "document.addEventListener('htmx:afterSwap', ({target}) => target.id === 'invoices'"
        " && setTimeout(() => document.getElementById('simulate-now').click()), {capture: true})"
    )
    with desk.expect_response("**/simuler/"):
        desk.evaluate("document.body.dispatchEvent(new CustomEvent('gap:moved'))")


def test_a_part_that_fails_leaves_the_page_usable(desk: Page, camille, keyboard) -> None:
    stay = StayFactory(patient=camille, unit=UnitFactory(code="3120"))
    desk.route("**/facturation/**", lambda route: route.fulfill(status=500, body="non"))
    desk.goto(f"/sejours/{stay.iep}/admission/")
    expect(desk.locator("#calls")).to_be_visible()
    expect(desk.locator("#connection")).to_contain_text("La page réessaie seule.")
    keyboard.press("Control+Enter")
    expect(desk).to_have_url(re.compile(r"/sejours/\d{9}/$"))
    stay.refresh_from_db()
    assert stay.status == StayStatus.ADMITTED


def test_two_colleagues_on_one_stay_see_each_other(desk: Page, camille, person, open_page) -> None:
    stay = StayFactory(patient=camille, unit=UnitFactory(code="3120"))
    theirs = open_page(person(Role.REFERENT, first_name="Marc", last_name="Rivoal"))
    with theirs.expect_response("**/presence/"):
        theirs.goto(f"/sejours/{stay.iep}/")
    desk.goto(f"/sejours/{stay.iep}/")
    expect(desk.locator("#presence")).to_have_text("M. Rivoal consulte aussi ce dossier")
