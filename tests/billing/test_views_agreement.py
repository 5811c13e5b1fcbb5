"""The prise en charge on the screens: asked in one gesture, answered in a form, printed."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from django.urls import reverse

from accounts.enums import Role
from billing.enums import AgreementState, InvoiceStatus, Payer
from billing.models import Agreement
from tests.worklists import scene
from tests.worklists.scene_pec import a_granted_bill, an_agreement

pytestmark = pytest.mark.django_db


def address(name: str, agreement: Agreement) -> str:
    return reverse(f"billing:{name}", args=[agreement.stay.iep])


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    return " ".join(page.get_textpage().get_text_range() for page in document)


def test_the_request_says_what_a_payer_needs_and_no_more(signed_in) -> None:
    agreement = an_agreement()
    patient = agreement.stay.patient
    client = signed_in(Role.AGENT)
    page = client.get(address("stay-agreement", agreement)).content.decode()
    letter = client.get(address("agreement-letter", agreement))
    assert letter["Content-Type"] == "application/pdf"
    for told in (page, words_of(letter.content)):
        assert patient.birth_name in told and "08441927" in told and agreement.stay.iep in told
        assert agreement.stay.establishment.finess_site in told
        assert patient.nir not in told and patient.ipp not in words_of(letter.content)


def test_one_gesture_asks_and_the_next_one_reminds(signed_in) -> None:
    agreement = an_agreement()
    client = signed_in(Role.BILLING)
    asked = client.post(address("ask-agreement", agreement), follow=True).content.decode()
    assert "Demande notée" in asked
    agreement.refresh_from_db()
    assert agreement.state == AgreementState.REQUESTED
    again = client.post(address("ask-agreement", agreement), follow=True).content.decode()
    assert "La prochaine relance est prévue le" in again
    Agreement.objects.update(remind_at=scene.ago(hours=1))
    client.post(address("ask-agreement", agreement))
    agreement.refresh_from_db()
    assert agreement.reminders == 1
    assert "relance n°\u00a01" in words_of(client.get(address("agreement-letter", agreement)).content)


def test_an_answer_is_typed_in_french_and_kept(signed_in) -> None:
    agreement = an_agreement(AgreementState.REQUESTED)
    client = signed_in(Role.AGENT)
    said = {"state": "granted", "number": "PEC-1", "version": agreement.version, "TM_percent": "100"}
    said |= {"CHP_percent": "100", "CHP_daily_cap": "45,50", "CHP_waiting_days": "2"}
    assert client.post(address("stay-agreement", agreement), said).status_code == 302
    agreement.refresh_from_db()
    room = agreement.lines.get(covers="CHP")
    assert (agreement.state, str(room.daily_cap), room.waiting_days) == ("granted", "45.50", 2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"TM_percent": "120"}, "100 au plus"),
        ({"CHP_daily_cap": "douze"}, "Écrivez un nombre"),
        ({"valid_until": "01/01/2001"}, "finit avant de commencer"),
        ({"TM_percent": ""}, "Aucune ligne n’est accordée"),
        ({"version": 99}, "a changé pendant votre saisie"),
    ],
    ids=["percent", "amount", "dates", "no line", "somebody else"],
)
def test_an_answer_that_cannot_be_kept_stays_on_the_screen(changed, told, signed_in) -> None:
    agreement = an_agreement(AgreementState.REQUESTED)
    said = {"state": "granted", "number": "PEC-TAPÉ", "version": agreement.version, "TM_percent": "80"} | changed
    answer = signed_in(Role.AGENT).post(address("stay-agreement", agreement), said)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page and "PEC-TAPÉ" in page
    agreement.refresh_from_db()
    assert agreement.state == AgreementState.REQUESTED


def test_a_stay_without_agreement_says_so(signed_in) -> None:
    stay = scene.a_stay()
    client = signed_in(Role.AGENT)
    page = client.get(reverse("billing:stay-agreement", args=[stay.iep]), follow=True).content.decode()
    assert "pas de prise en charge à demander" in page
    assert client.get(reverse("billing:agreement-letter", args=[stay.iep])).status_code == 404


def test_the_stay_shows_it_beside_the_invoices_and_costs_a_known_number_of_queries(
    signed_in, django_assert_max_num_queries
) -> None:
    agreement = an_agreement()
    client = signed_in(Role.AGENT)
    part = client.get(reverse("billing:stay-invoices", args=[agreement.stay.iep])).content.decode()
    assert "la prise en charge est à demander" in part and address("stay-agreement", agreement) in part
    with django_assert_max_num_queries(28):
        client.get(address("stay-agreement", agreement))


def test_an_invoice_outside_roc_is_noted_as_sent_and_paid_by_hand(signed_in) -> None:
    invoice = a_granted_bill().invoices.get(payer=Payer.AMC)
    client = signed_in(Role.BILLING)
    page = reverse("billing:invoice", args=[invoice.number])
    assert "ne part pas par les lots" in client.get(page).content.decode()
    client.post(reverse("billing:invoice-left", args=[invoice.number]))
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.SENT
    shown = client.get(page).content.decode()
    assert "Constater le paiement" in shown and "Noter comme envoyée" not in shown
