"""Every address of the product × every role: refused exactly when the table of permissions says so."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.enums import Action, Role
from accounts.models import User
from accounts.permissions import PERMISSIONS
from admissions.models import Card
from billing.enums import Payer
from debtors.enums import AssociationStatus
from tests.factories import AssociationFactory
from tests.programs import a_webhook
from tests.sheets import a_sheet
from tests.worklists import scene
from tests.worklists.scene_pec import a_letter, an_agreement

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _as_often_as_one_likes(settings) -> None:
    """Another test of this process may have asked much in the same minute, as somebody of the same key."""
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 100_000)


#: What answers without a person of the screens: signing in and out, the API (its own clients and scopes), the metrics.
PUBLIC = {
    "accounts:sign-in",
    "accounts:second-factor",
    "accounts:sign-out",
    "accounts:enter",
    "accounts:leave",
    "accounts:welcome",
    "accounts:psc",
    "accounts:psc-return",
    "schema",
    "api-docs",
    "oauth-token",
    "oauth-revoke",
    "oauth-secret",
    "oauth-metadata",
    "teleservices:metrics",
}
API = "api/v1/"
#: Addresses that name a sheet of the downtime kit.
SHEETS = ("admissions:sheet", "admissions:void-sheet", "admissions:close-set")
#: Addresses that name an account.
PEOPLE = (
    "accounts:person",
    "accounts:give-role",
    "accounts:take-role",
    "accounts:deactivate",
    "accounts:reactivate",
    "accounts:invite",
    "accounts:reset-factor",
    "accounts:end-person-sessions",
    "accounts:set-professional",
)
#: Addresses that name a program.
PROGRAMS = (
    "worklists:program",
    "worklists:narrow-program",
    "worklists:end-program-tokens",
    "worklists:end-program",
)


def addresses(resolver: Any = None, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str, URLPattern]]:
    """(name, pattern, URL pattern) of every address."""
    for found in (resolver or get_resolver()).url_patterns:
        if isinstance(found, URLResolver):
            inner = f"{namespace}{found.namespace}:" if found.namespace else namespace
            yield from addresses(found, prefix + str(found.pattern), inner)
        elif isinstance(found, URLPattern):
            yield f"{namespace}{found.name or ''}", prefix + str(found.pattern), found


SCREENS = [(name, pattern, found) for name, pattern, found in addresses() if not pattern.startswith(API)]
GUARDED = [(name, found) for name, _, found in SCREENS if name not in PUBLIC]


@pytest.fixture
def world() -> SimpleNamespace:
    """One thing of each kind, to fill the addresses."""
    parts = scene.three_invoices()
    stay = scene.a_stay()
    scene.an_amo(stay)
    coverage = scene.a_coverage(stay)
    card = Card.objects.create(
        patient=stay.patient, content="ATP1", fingerprint="f" * 64, recognised=False, reader="douchette"
    )
    return SimpleNamespace(
        stay=stay,
        call=scene.a_refusal("inform_patient", "no_third_party_payment", stay=stay, coverage=coverage),
        coverage=coverage,
        card=card,
        letter=a_letter(an_agreement(stay=stay)),
        invoice=parts[Payer.PATIENT],
        file=scene.a_file(),
        record=scene.a_record(),
        association=AssociationFactory(status=AssociationStatus.TO_VALIDATE),
        anomaly=scene.an_anomaly(),
        opening=scene.an_opening(),
        sheet=a_sheet(stay.establishment),
        connection_test=scene.a_connection_test(),
        colleague=User.objects.create_user("un.collegue", establishment=stay.establishment),
        webhook=a_webhook(stay.establishment),
    )


#: A gesture that nobody made.
NOBODY_S = "00000000-0000-4000-8000-000000000000"


def arguments(name: str, found: URLPattern, world: SimpleNamespace) -> dict[str, Any]:
    """What fills the address. An argument that nobody knows here fails the test: add it."""
    of = name.partition(":")[0]
    keys = (
        {
            "debtors:debtor": world.coverage.debtor_id,
            "debtors:edit": world.coverage.debtor_id,
            "debtors:let-go": world.coverage.debtor_id,
            "debtors:decide-change": 1,
            "worklists:debtor-calls": world.coverage.debtor_id,
            "debtors:association": world.association.pk,
            "debtors:decide": world.association.pk,
            "worklists:associate-card": 1,
            "debtors:import": 1,
            "debtors:apply-import": 1,
            "debtors:drop-import": 1,
            "debtors:import-refusals": 1,
            "debtors:import-doubles": 1,
            "debtors:restart-import": 1,
            "debtors:take-back-import": 1,
            "debtors:give-back-import": 1,
            "debtors:merge": world.coverage.debtor_id,
            "debtors:unmerge": 1,
            "debtors:set-active": world.coverage.debtor_id,
            "worklists:ask-directory": world.coverage.debtor_id,
            "worklists:association-stays": world.association.pk,
            "billing:letter-detach": world.letter.pk,
            "billing:letter-page": world.letter.pk,
            "billing:exchange": world.file.pk,
            "billing:exchange-download": world.file.pk,
            "billing:exchange-record": world.record.pk,
            "billing:exchange-match": world.record.pk,
            "worklists:end-maintenance": 1,
            "worklists:try-channel": 1,
            "worklists:remove-amc": 1,
            "worklists:certificate-in-force": 1,
            "worklists:withdraw-certificate": 1,
            "worklists:distrust-authority": 1,
            "worklists:anomaly": world.anomaly.pk,
            "worklists:review-opening": world.opening.pk,
            "worklists:anomaly-evidence": world.anomaly.pk,
            "worklists:connection-test": world.connection_test.pk,
            "worklists:stop-connection-test": world.connection_test.pk,
            "worklists:connection-record": world.connection_test.pk,
            "worklists:stop-webhook": world.webhook.pk,
            "worklists:resume-webhook": world.webhook.pk,
        }
        | dict.fromkeys(PEOPLE, world.colleague.pk)
        | dict.fromkeys(PROGRAMS, world.webhook.client_id)
    )
    known: dict[str, Any] = {
        "iep": world.sheet.iep if name in SHEETS else world.stay.iep,
        "ipp": world.stay.patient.ipp,
        "number": world.invoice.number,
        "card_id": world.card.pk,
        "coverage_id": world.coverage.pk,
        "call_id": world.call.pk,
        "pk": keys.get(name),
        "batch": NOBODY_S,
        "code": "CHP",
        "form": "csv",
        "part": "amc",
        "page": 1,
        "kind": "amo" if of == "admissions" else "csv",
        # A list that everybody may open; what each list asks besides is tested with the lists.
        "slug": "annulation" if of == "admissions" else "associations-a-valider",
    }
    wanted = list(found.pattern.regex.groupindex)
    missing = [argument for argument in wanted if known.get(argument) is None]
    assert not missing, f"{name} takes {missing}: say here what fills it"
    return {argument: known[argument] for argument in wanted}


def address(name: str, found: URLPattern, world: SimpleNamespace) -> str:
    return reverse(name, kwargs=arguments(name, found, world))


def test_every_screen_names_the_action_it_needs() -> None:
    nameless = [name for name, found in GUARDED if not isinstance(getattr(found.callback, "action", None), Action)]
    assert nameless == []


def test_the_list_of_public_addresses_is_not_longer_than_it_must() -> None:
    assert {name for name, _, _ in SCREENS} >= PUBLIC


@pytest.mark.parametrize("role", Role)
def test_a_role_is_refused_exactly_what_the_table_says(role, signed_in, world, measured) -> None:
    client = signed_in(role)
    wrong = {}
    for name, found in GUARDED:
        status = client.get(address(name, found, world)).status_code
        allowed = role in PERMISSIONS[found.callback.action]
        if (status == 403) == allowed or status >= 500:
            wrong[name] = status
    assert wrong == {}
    measured("adresses × rôles", len(GUARDED))


@pytest.mark.parametrize("role", Role)
def test_a_role_is_refused_the_same_when_it_sends_something(role, signed_in, world, measured) -> None:
    """Nothing is written by a demand that is refused, nor by one without content."""
    client = signed_in(role)
    refused = [(name, found) for name, found in GUARDED if role not in PERMISSIONS[found.callback.action]]
    statuses = {name: client.post(address(name, found, world)).status_code for name, found in refused}
    assert {name: status for name, status in statuses.items() if status not in (403, 405)} == {}
    measured("envois refusés à un rôle", len(refused))


def test_nobody_who_is_not_signed_in_sees_anything(world) -> None:
    client = Client()
    for name, found in GUARDED:
        path = address(name, found, world)
        for response in (client.get(path), client.post(path)):
            assert response.status_code == 302, name
            assert response["Location"].startswith("/connexion/?next="), name


def test_a_person_without_a_role_sees_nothing(world, person) -> None:
    user = person(Role.AGENT)
    user.role_assignments.all().delete()
    client = Client()
    client.force_login(user)
    statuses = {name: client.get(address(name, found, world)).status_code for name, found in GUARDED}
    assert {name: status for name, status in statuses.items() if status != 403} == {}


def test_reading_a_screen_writes_nothing(signed_in, world) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    # The session of a person who comes back, and what counts the use of a read, are not the business of a screen.
    ours = ("admissions_", "teleservices_", "billing_", "debtors_", "worklists_", "accounts_")
    wrote = {}
    for role in Role:
        client = signed_in(role)
        for name, found in GUARDED:
            with CaptureQueriesContext(connection) as captured:
                client.get(address(name, found, world))
            verbs = [
                query["sql"]
                for query in captured
                if query["sql"].split(" ", 1)[0] in ("INSERT", "UPDATE", "DELETE")
                and any(app in query["sql"] for app in ours)
            ]
            if verbs:
                wrote[name] = verbs[0][:120]
    assert wrote == {}
