"""« Logiciels »: seen, narrowed, ended by the administrator of their establishment; never made nor given anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import client_secrets, programs, tokens
from accounts.enums import ClientAuth, JournalKind, Role, Scope
from accounts.models import ApiClient, ApiSecret, JournalEntry
from teleservices.models import Webhook, WebhookMessage
from teleservices.webhooks import sending
from tests.factories import EstablishmentFactory
from tests.programs import a_webhook

pytestmark = pytest.mark.django_db
WHY = "secret envoyé par courriel"
SCOPES = [Scope.STAYS_READ, Scope.PATIENTS_READ, Scope.WEBHOOKS]


@pytest.fixture
def desk(signed_in) -> Client:
    return signed_in(Role.ADMINISTRATOR)


@pytest.fixture
def program(establishment) -> ApiClient:
    return ApiClient.objects.create(name="Laboratoire", establishment=establishment, scopes=SCOPES)


def asked(program: ApiClient, token: str) -> int:
    """What the API answers to a program that reads a list with its token."""
    return Client(headers={"authorization": f"Bearer {token}"}).get("/api/v1/patients").status_code


def given(program: ApiClient) -> str:
    token = tokens.draw()
    tokens.keep(token, program, list(program.scopes), "")
    return token


def journal() -> list[tuple[str, int | None, str]]:
    found = JournalEntry.objects.filter(kind=JournalKind.ADMIN).order_by("id")
    return list(found.values_list("action", "object_id", "reason"))


# ---- seen ----


def test_the_list_says_what_ends_soon_and_what_is_in_trouble_of_this_establishment_alone(desk, establishment) -> None:
    near = ApiClient.objects.create(name="Blocs", establishment=establishment, scopes=SCOPES)
    client_secrets.rotate(near)
    ApiSecret.objects.update(expires_at=timezone.now() + timedelta(days=5))
    a_webhook(establishment)
    elsewhere = EstablishmentFactory(finess_site="290000033", name="CH d’Ailleurs")
    ApiClient.objects.create(name="Celui d’ailleurs", establishment=elsewhere, scopes=SCOPES)
    page = desk.get("/logiciels/").text
    assert "Blocs" in page and "bientôt" in page and "en échec" in page
    assert "ailleurs" not in page


def test_a_program_is_shown_whole_and_without_anything_that_opens(desk, program) -> None:
    secret = client_secrets.rotate(program).secret
    token = given(program)
    page = desk.get(f"/logiciels/{program.pk}/").text
    assert str(program.client_id) in page and "1\u00a0jeton en cours" in page and "stays:read" in page
    kept = ApiSecret.objects.get().digest
    assert not [text for text in (secret, token, kept) if text in page]


def test_that_of_another_establishment_is_not_found(desk) -> None:
    elsewhere = EstablishmentFactory(finess_site="290000033", name="CH d’Ailleurs")
    webhook = a_webhook(elsewhere)
    theirs = webhook.client_id
    for path in (f"{theirs}/portees", f"{theirs}/jetons", f"{theirs}/arreter", f"abonnements/{webhook.pk}/arreter"):
        assert desk.post(f"/logiciels/{path}/", {"reason": WHY}).status_code == 404
    assert desk.get(f"/logiciels/{theirs}/").status_code == 404
    assert ApiClient.objects.get(pk=theirs).active and not Webhook.objects.get().stopped_at


@pytest.mark.parametrize("path", ["/logiciels/", "/logiciels/{}/"])
def test_the_same_queries_for_one_program_and_for_many(
    path, desk, establishment, django_assert_max_num_queries
) -> None:
    for _ in range(4):
        first = a_webhook(establishment).client
    with django_assert_max_num_queries(11):
        assert desk.get(path.format(first.pk)).status_code == 200


# ---- taken away ----


def test_scopes_taken_away_are_gone_of_the_tokens_it_already_has(desk, program) -> None:
    token = given(program)
    assert asked(program, token) == 200
    sent = {"scope": [Scope.STAYS_READ, Scope.WEBHOOKS], "reason": WHY}
    page = desk.post(f"/logiciels/{program.pk}/portees/", sent, follow=True).text
    assert "Retiré" in page and "lire les patients" in page
    assert asked(program, token) == 403
    assert ("portées retirées au logiciel", program.pk, WHY) in journal()


@pytest.mark.parametrize(
    ("left", "said"),
    [(SCOPES, "Toutes ses portées sont cochées"), ([], "Il ne lui resterait rien"), (["patients:write"], "Il ne lui")],
)
def test_nothing_is_given_by_what_is_ticked_nor_left_with_nothing(left, said, desk, program) -> None:
    page = desk.post(f"/logiciels/{program.pk}/portees/", {"scope": left, "reason": WHY}, follow=True).text
    program.refresh_from_db()
    assert said in page and program.scopes == SCOPES and journal() == []


def test_a_scope_that_it_never_had_cannot_be_added(desk, program) -> None:
    sent = {"scope": [Scope.STAYS_READ, Scope.PROTECTED, Scope.INVOICES_WRITE], "reason": WHY}
    desk.post(f"/logiciels/{program.pk}/portees/", sent)
    program.refresh_from_db()
    assert program.scopes == [Scope.STAYS_READ]


def test_its_tokens_end_at_once_and_it_may_prove_itself_again(desk, program) -> None:
    secret = client_secrets.rotate(program).secret
    token = given(program)
    desk.post(f"/logiciels/{program.pk}/jetons/", {"reason": WHY})
    assert asked(program, token) == 401
    program.refresh_from_db()
    assert program.active and client_secrets.check(program, secret)


def test_a_program_put_out_connects_no_more_and_what_it_did_stays_in_its_name(desk, program) -> None:
    secret = client_secrets.rotate(program).secret
    token = given(program)
    page = desk.post(f"/logiciels/{program.pk}/arreter/", {"reason": WHY}, follow=True).text
    assert "Hors service" in page and "Mettre hors service" not in page
    assert asked(program, token) == 401 and not client_secrets.check(program, secret)
    assert journal() == [("logiciel mis hors service", program.pk, WHY)]
    again = desk.post(f"/logiciels/{program.pk}/arreter/", {"reason": WHY}, follow=True).text
    assert "déjà hors service" in again and len(journal()) == 1


@pytest.mark.parametrize("path", ["portees", "jetons", "arreter"])
def test_a_reason_is_asked(path, desk, program) -> None:
    page = desk.post(f"/logiciels/{program.pk}/{path}/", {"scope": SCOPES[:1]})
    program.refresh_from_db()
    assert page.status_code == 422 and "nécessaire" in page.text
    assert program.active and program.scopes == SCOPES and journal() == []


def test_whoever_was_administrator_when_the_page_opened_and_is_no_more_does_nothing(person, program) -> None:
    gone = person(Role.ADMINISTRATOR)
    gone.role_assignments.all().delete()
    with pytest.raises(programs.RefusedError):
        programs.put_out(gone, program, WHY)
    program.refresh_from_db()
    assert program.active


# ---- whom it asked to be told ----


def test_a_subscription_is_stopped_and_taken_up_again(desk, establishment) -> None:
    webhook = a_webhook(establishment)
    message = WebhookMessage.objects.get()
    page = desk.post(f"/logiciels/abonnements/{webhook.pk}/arreter/", follow=True).text
    assert "Arrêté" in page and "Reprendre" in page
    assert sending.sweep() == 0
    page = desk.post(f"/logiciels/abonnements/{webhook.pk}/reprendre/", follow=True).text
    assert "Suivi" in page and sending.sweep() == 1
    message.refresh_from_db()
    assert message.not_before <= timezone.now()
    assert [action for action, _, _ in journal()] == ["abonnement arrêté", "abonnement repris"]


def test_how_each_kind_of_program_proves_itself_is_said(desk, program) -> None:
    for method in ClientAuth:
        ApiClient.objects.filter(pk=program.pk).update(auth_method=method)
        said = str(method.label)
        assert said[1:] in desk.get(f"/logiciels/{program.pk}/").text
