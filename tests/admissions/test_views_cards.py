"""A card read on a dossier, or where none is open."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from admissions.enums import CoverageSource
from admissions.models import AdmissionEvent, Card, Coverage
from debtors.datamatrix.drawing import render_card_png
from debtors.datamatrix.sandbox import read_untrusted
from debtors.enums import AssociationStatus
from debtors.models import DatamatrixAssociation
from tests.admissions.desk import YEAR, card, fields, url
from tests.admissions.desk import desk as desk
from tests.admissions.desk import stay as stay
from tests.factories import (
    AssociationFactory,
    DebtorFactory,
    PatientFactory,
)

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize(
    ("status", "mark"), [("validated", ""), ("to_validate", ", à valider"), ("to_verify", ", à vérifier")]
)
def test_the_rule_that_decided_is_said_with_a_mark_while_no_referent_has_validated(status, mark, desk, stay) -> None:
    AssociationFactory(debtor=DebtorFactory(amc_number="7000000042"), status=status)
    said = f"Trouvé par la table\u00a0: organisme, convention et CSR{mark}."
    assert said in scan(desk, stay, card()).text
    assert f"(organisme, convention et CSR{mark})" in desk.get(url("admission", stay)).text


def test_a_debtor_that_a_referent_rejected_is_said_to_be_for_this_dossier_alone(desk, stay) -> None:
    kept = AssociationFactory(debtor=DebtorFactory(amc_number="7000000042", name="Solivie"), status="rejected")
    scan(desk, stay, card())
    answer = desk.post(
        url("choose-debtor", stay, Card.objects.get().pk), {"debtor": kept.debtor_id, "fragment": "solivie"}
    )
    assert "pour ce dossier seul" in answer.text and DatamatrixAssociation.objects.count() == 1


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

    def rows(text: str) -> str:
        return desk.post(url("card-grid-rows", stay, Card.objects.get().pk), {"fragment": text}).text

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
    picture = render_card_png(fields(), issuer="Solivie")
    # As when a web process opens: the reader is ready, however busy the machine.
    assert read_untrusted(picture, deadline_s=60).content
    # Neither the name nor the type that it comes with is believed; what stands behind its end does not stay.
    photo = SimpleUploadedFile("carte.html", picture + b"<script>", "text/html")
    answer = desk.post(url("stay-scan", stay), {"file": photo}, HTTP_HX_REQUEST="true")
    assert "Carte lue" in answer.text
    kept = Card.objects.get().image
    content = kept.read()
    assert kept.name.endswith(".jpg") and content.startswith(b"\xff\xd8\xff") and b"<script>" not in content


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
