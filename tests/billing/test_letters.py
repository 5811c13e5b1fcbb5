"""What the payer wrote: attached to its prise en charge, seen while the answer is typed, erased when it is not ours."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.enums import Role
from admissions.errors import Refused
from admissions.events import SYSTEM
from billing.enums import AgreementEnd, AgreementState
from billing.models import Agreement, AgreementLetter, LetterPage
from billing.pec import following, letters, services
from billing.pec.rules import rule_for
from debtors.datamatrix import sandbox
from teleservices import retention
from tests.worklists import scene
from tests.worklists.scene_pec import a_letter, an_agreement

pytestmark = pytest.mark.django_db
READ = "/listes/pec-reponses-a-saisir/"
SILENT = "/listes/pec-sans-reponse/"


def scanned(pages: int = 2, shade: int = 90) -> SimpleUploadedFile:
    """What a desk's scanner sends."""
    drawn = [Image.new("RGB", (595, 842), (shade, number, 200)) for number in range(pages)]
    file = io.BytesIO()
    drawn[0].save(file, "PDF", save_all=True, append_images=drawn[1:])
    return SimpleUploadedFile("Accord M. X.pdf", file.getvalue(), "application/pdf")


def kept() -> list[str]:
    return sorted(storages["default"].walk())  # type: ignore[attr-defined]


def address(name: str, agreement: Agreement, *more: int) -> str:
    return reverse(f"billing:{name}", args=[agreement.stay.iep, *more])


def waiting(**fields) -> Agreement:
    """Asked a week ago, and to be reminded."""
    fields = {"requested_at": scene.ago(days=7), "remind_at": scene.ago(days=1)} | fields
    return an_agreement(AgreementState.REQUESTED, **fields)


@pytest.fixture(autouse=True)
def _drawing_process():
    yield
    sandbox.close()


def test_a_letter_is_seen_beside_the_answer_until_it_is_typed(signed_in, django_assert_max_num_queries) -> None:
    agreement = waiting()
    client = signed_in(Role.BILLING)
    assert agreement.stay.iep in client.get(SILENT).text and agreement.stay.iep not in client.get(READ).text
    told = client.post(address("letter-attach", agreement), {"letter": scanned()}, follow=True).text
    assert "Courrier joint" in told and "sa réponse est à saisir" in told
    letter = agreement.letters.get()
    with django_assert_max_num_queries(30):
        page = client.get(address("stay-agreement", agreement)).text
    for number in (1, 2):
        shown = address("letter-page", agreement, letter.pk, number)
        assert shown in page
        picture = client.get(shown)
        assert picture["Content-Type"] == "image/jpeg" and Image.open(io.BytesIO(picture.content)).size[1] > 800
    assert client.get(address("letter-page", agreement, letter.pk, 3)).status_code == 404
    assert agreement.stay.iep in client.get(READ).text and agreement.stay.iep not in client.get(SILENT).text
    said = {"state": "granted", "version": agreement.version, "TM_percent": "100", "seen": letter.pk}
    assert client.post(address("stay-agreement", agreement), said).status_code == 302
    assert agreement.stay.iep not in client.get(READ).text
    assert address("letter-page", agreement, letter.pk, 1) in client.get(address("stay-agreement", agreement)).text


def test_its_pages_are_kept_encrypted_and_its_name_nowhere(signed_in) -> None:
    agreement = waiting()
    signed_in(Role.BILLING).post(address("letter-attach", agreement), {"letter": scanned(1)})
    storage = storages["default"]
    [name] = kept()
    with storage.inner.open(name) as file:  # type: ignore[attr-defined]
        assert b"\xff\xd8\xff" not in file.read(64)
    assert "Accord" not in name and agreement.stay.iep not in name


def test_the_same_letter_is_attached_once_and_another_one_beside_it(signed_in) -> None:
    agreement = waiting()
    client = signed_in(Role.BILLING)
    for file in (scanned(), scanned(), scanned(shade=10)):
        client.post(address("letter-attach", agreement), {"letter": file})
    assert agreement.letters.count() == 2 and len(kept()) == 4
    assert agreement.steps.filter(act="attached").count() == 2


def test_a_payer_that_wrote_is_neither_reminded_nor_presumed_to_agree(monkeypatch) -> None:
    silent, wrote = waiting(), waiting()
    a_letter(wrote)
    with pytest.raises(Refused, match="n’est plus à relancer"):
        services.remind(wrote.pk, SYSTEM)
    monkeypatch.setattr(services, "rule_for", lambda kind, day: replace(rule_for(kind, day), tacit_after=5))
    assert services.presume_due() == 1
    assert [one.state for one in Agreement.objects.filter(pk__in=[silent.pk, wrote.pk]).order_by("pk")] == [
        AgreementState.TACIT,
        AgreementState.REQUESTED,
    ]


def test_a_letter_that_is_no_answer_leaves_the_request_waiting(signed_in) -> None:
    agreement = waiting()
    a_letter(agreement)
    client = signed_in(Role.BILLING)
    assert "attend toujours sa réponse" in client.post(address("letter-read", agreement), follow=True).text
    assert agreement.stay.iep in client.get(SILENT).text and agreement.stay.iep not in client.get(READ).text
    assert agreement.letters.exists()


def test_what_was_typed_while_a_letter_arrives_is_no_conflict(signed_in) -> None:
    agreement = waiting()
    a_letter(agreement)
    said = {"state": "refused", "version": agreement.version}
    assert signed_in(Role.BILLING).post(address("stay-agreement", agreement), said).status_code == 302


def test_a_letter_that_came_while_the_answer_was_typed_is_still_to_be_read(signed_in) -> None:
    agreement = waiting()
    seen, client = a_letter(agreement), signed_in(Role.BILLING)
    a_letter(agreement, b"\xff\xd8\xff another")
    said = {"state": "refused", "version": agreement.version, "seen": seen.pk}
    told = client.post(address("stay-agreement", agreement), said, follow=True).text
    assert "Un autre courrier est arrivé pendant votre saisie" in told
    assert agreement.stay.iep in client.get(READ).text


def test_a_letter_of_somebody_else_is_erased_and_the_history_says_so(
    signed_in, django_capture_on_commit_callbacks
) -> None:
    agreement = waiting()
    letter = a_letter(agreement, b"\xff\xd8\xff one", b"\xff\xd8\xff two")
    client = signed_in(Role.BILLING)
    assert len(kept()) == 2
    with django_capture_on_commit_callbacks(execute=True):
        told = client.post(address("letter-detach", agreement, letter.pk), follow=True).text
    assert "Courrier retiré" in told and kept() == []
    agreement.refresh_from_db()
    assert agreement.unread_since is None
    assert agreement.steps.filter(act="detached", note="2 pages").exists()
    again = client.post(address("letter-detach", agreement, letter.pk), follow=True).text
    assert "déjà retiré" in again


def test_a_letter_is_reached_by_its_own_stay_alone(signed_in) -> None:
    letter, other = a_letter(waiting()), waiting()
    client = signed_in(Role.BILLING)
    assert client.get(address("letter-page", other, letter.pk, 1)).status_code == 404
    client.post(address("letter-detach", other, letter.pk))
    assert AgreementLetter.objects.filter(pk=letter.pk).exists()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (None, "Aucun fichier n’est venu"),
        (SimpleUploadedFile("accord.pdf", b"%PDF-1.4 cut"), "abîmé ou incomplet"),
        (SimpleUploadedFile("accord.docx", b"PK\x03\x04 something"), "ni une image"),
    ],
    ids=["nothing", "damaged", "another kind"],
)
def test_a_file_that_cannot_be_drawn_is_told_and_nothing_is_joined(file, told, signed_in) -> None:
    agreement = waiting()
    sent = {"letter": file} if file else {}
    page = signed_in(Role.BILLING).post(address("letter-attach", agreement), sent, follow=True).text
    assert told in page and not agreement.letters.exists() and kept() == []


def test_a_closed_one_takes_no_letter(signed_in) -> None:
    agreement = waiting()
    following.close(agreement, AgreementEnd.BY_ROC)
    page = signed_in(Role.BILLING).post(address("letter-attach", agreement), {"letter": scanned(1)}, follow=True).text
    assert "est fermée" in page and kept() == [] and not agreement.letters.exists()


def test_of_a_closed_one_a_letter_is_still_taken_away(signed_in, django_capture_on_commit_callbacks) -> None:
    agreement = waiting()
    letter = a_letter(agreement)
    agreement.refresh_from_db()
    following.close(agreement, AgreementEnd.BY_ROC)
    with django_capture_on_commit_callbacks(execute=True):
        told = signed_in(Role.BILLING).post(address("letter-detach", agreement, letter.pk), follow=True).text
    assert "Courrier retiré" in told and kept() == [] and not agreement.letters.exists()
    with pytest.raises(Refused, match="déjà retiré"):
        letters.detach(letter.pk, SYSTEM)


def test_a_letter_taken_away_brings_back_no_other_that_was_read(django_capture_on_commit_callbacks) -> None:
    agreement = waiting()
    a_letter(agreement)
    letters.read(agreement.pk, SYSTEM)
    second = a_letter(agreement, b"\xff\xd8\xff second")
    assert letters.detach(second.pk, SYSTEM).unread_since is None


def test_postgresql_refuses_that_a_letter_is_rewritten() -> None:
    letter = a_letter(waiting())
    for rows in (AgreementLetter.objects.filter(pk=letter.pk), LetterPage.objects.filter(letter=letter)):
        with pytest.raises(IntegrityError, match="a_letter_is_never_rewritten"), transaction.atomic():
            rows.update(**({"digest": "0" * 64} if rows.model is AgreementLetter else {"number": 2}))


def test_a_letter_goes_after_ten_years_and_what_was_typed_of_it_stays(
    time_machine, django_capture_on_commit_callbacks
) -> None:
    old = timezone.now() - timedelta(days=3700)
    time_machine.move_to(old)
    agreement = an_agreement(AgreementState.GRANTED, number="PEC-10")
    a_letter(agreement)
    time_machine.move_to(old + timedelta(days=3700))
    recent = a_letter(waiting())
    with django_capture_on_commit_callbacks(execute=True):
        retention.purge(lambda _name, _count: None)
    assert list(AgreementLetter.objects.all()) == [recent] and len(kept()) == 1
    agreement.refresh_from_db()
    assert agreement.number == "PEC-10" and agreement.lines.exists()
