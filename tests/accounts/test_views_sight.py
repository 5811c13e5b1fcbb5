"""Every address of the product, for somebody of another hospital, of another site, of another service.

What a role may do is in test_views_roles; here, how far: the table of permissions says it (accounts/permissions.py).
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import URLPattern

from accounts.enums import Action, Reach, Role
from accounts.models import Establishment, RoleAssignment, User
from accounts.permissions import PERMISSIONS
from admissions.enums import StayStatus
from billing.enums import Payer, RecordStatus
from tests.accounts.test_views_roles import GUARDED, PEOPLE, PROGRAMS, address
from tests.accounts.test_views_roles import world as _one_of_each
from tests.factories import EstablishmentFactory, UnitFactory
from tests.worklists import scene

__all__ = ["_one_of_each"]
pytestmark = pytest.mark.django_db

#: Arguments of an address that name something of one establishment; the others name a table, a form, a list.
DOSSIERS = {"iep", "ipp", "number", "card_id", "coverage_id", "call_id"}
#: What `pk` names, where it is a dossier's or an establishment's.
THEIR_OWN = {
    "billing:letter-detach",
    "billing:letter-page",
    "billing:exchange",
    "billing:exchange-download",
    "billing:exchange-record",
    "billing:exchange-match",
    "worklists:anomaly",
    "worklists:review-opening",
    "worklists:anomaly-evidence",
    "worklists:connection-test",
    "worklists:stop-connection-test",
    "worklists:connection-record",
    *PEOPLE,
    *PROGRAMS,
    "worklists:stop-webhook",
    "worklists:resume-webhook",
}
#: A payer's card, a channel, a certificate: the same for every establishment of the installation.
SHARED = {
    "debtors:debtor",
    "debtors:edit",
    "debtors:let-go",
    "debtors:decide-change",
    "debtors:association",
    "debtors:decide",
    "debtors:import",
    "debtors:apply-import",
    "debtors:drop-import",
    "debtors:import-refusals",
    "debtors:import-doubles",
    "debtors:restart-import",
    "debtors:take-back-import",
    "debtors:give-back-import",
    "debtors:merge",
    "debtors:unmerge",
    "debtors:set-active",
    "worklists:debtor-calls",
    "worklists:ask-directory",
    "worklists:association-stays",
    "worklists:end-maintenance",
    "worklists:try-channel",
    "worklists:certificate-in-force",
    "worklists:withdraw-certificate",
    "worklists:distrust-authority",
}
#: Acts on something that no other establishment has: told « 404 », or that it was not there, and nothing changes.
MILD = {"worklists:remove-amc", "worklists:associate-card"}

#: A blank sheet of the downtime kit is of the hospital; the stay that it becomes is of a service.
OF_NO_SERVICE = {"admissions:sheet", "admissions:void-sheet"}


def names_something(name: str, found: URLPattern) -> bool:
    arguments = set(found.pattern.regex.groupindex)
    return bool(arguments & DOSSIERS) or name in THEIR_OWN


NAMING = [(name, found) for name, found in GUARDED if names_something(name, found)]
OPEN = [
    (name, found)
    for name, found in GUARDED
    if not set(found.pattern.regex.groupindex) - {"slug", "form", "kind", "code"} or name in SHARED
]


@pytest.fixture
def world(_one_of_each) -> SimpleNamespace:
    """One thing of each kind; what came back speaks of an invoice."""
    _one_of_each.record.invoice = _one_of_each.invoice
    _one_of_each.record.status = RecordStatus.APPLIED
    _one_of_each.record.save()
    _one_of_each.file = _one_of_each.record.file
    return _one_of_each


@pytest.fixture
def of_all_trades() -> Callable[..., Client]:
    """Somebody who has every role at one place, in some services or in all."""

    def make(place: Establishment, *services: str) -> Client:
        user = User.objects.create_user(f"partout-{place.finess_site}", establishment=place)
        for role in Role:
            RoleAssignment.objects.create(user=user, establishment=place, role=role, services=list(services))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def other_hospital(db) -> Establishment:
    return EstablishmentFactory(finess_site="290000025", finess_legal="290000017", name="CH d’Ailleurs")


@pytest.fixture
def other_site(establishment) -> Establishment:
    return EstablishmentFactory(finess_site="350000030", finess_legal=establishment.finess_legal, name="L’Annexe")


def wrong(client: Client, addresses: list[tuple[str, URLPattern]], world: SimpleNamespace) -> dict[str, int]:
    """The addresses that answer something else than « there is no such thing », or « not this way » (405)."""
    answers = {}
    for name, found in addresses:
        path = address(name, found, world)
        answers[f"GET {name}"] = client.get(path).status_code
        answers[f"POST {name}"] = client.post(path).status_code
    return {name: status for name, status in answers.items() if status not in (404, 405)}


def told(client: Client, addresses: list[tuple[str, URLPattern]], world: SimpleNamespace, *secrets: str) -> list[str]:
    """The addresses whose page, when it opens, says one of the secrets."""
    found = []
    for name, pattern in addresses:
        response = client.get(address(name, pattern, world))
        if response.status_code != 200 or response.streaming:
            continue
        text = response.content.decode("utf-8", "replace")
        found += [f"{name} : {secret}" for secret in secrets if secret in text]
    return found


def secrets_of(world: SimpleNamespace) -> list[str]:
    patients = [world.stay.patient, world.invoice.stay.patient, world.call.stay.patient]
    return sorted(
        {world.stay.iep, world.invoice.number, world.invoice.stay.iep}
        | {patient.birth_name for patient in patients}
        | {patient.ipp for patient in patients}
    )


def test_every_address_that_names_something_is_known_here() -> None:
    """A new address with a `pk` says here whose it is."""
    unknown = [
        name
        for name, found in GUARDED
        if "pk" in found.pattern.regex.groupindex and name not in THEIR_OWN | SHARED | MILD
    ]
    assert unknown == []


def test_the_table_says_how_far_each_action_reaches_for_each_of_its_roles() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(isinstance(reach, Reach) for row in PERMISSIONS.values() for reach in row.values())
    dossiers = {Action.SEE_DOSSIER, Action.ADMIT, Action.SEE_INVOICES, Action.EDIT_PATIENT}
    assert {reach for action in dossiers for reach in PERMISSIONS[action].values()} == {Reach.SERVICES}


def test_somebody_of_another_hospital_finds_nothing(of_all_trades, other_hospital, world, measured) -> None:
    client = of_all_trades(other_hospital)
    assert wrong(client, NAMING, world) == {}
    measured("adresses d’un autre hôpital", 2 * len(NAMING))


def test_no_screen_says_anything_to_somebody_of_another_hospital(of_all_trades, other_hospital, world) -> None:
    scene.everything()
    client = of_all_trades(other_hospital)
    assert told(client, OPEN, world, *secrets_of(world)) == []


def test_somebody_of_another_site_finds_the_person_and_not_the_stays(of_all_trades, other_site, world) -> None:
    client = of_all_trades(other_site)
    stays = [(name, found) for name, found in NAMING if "ipp" not in found.pattern.regex.groupindex]
    assert wrong(client, stays, world) == {}
    page = client.get(f"/patients/{world.stay.patient.ipp}/")
    assert page.status_code == 200 and world.stay.iep not in page.text


def test_somebody_of_another_service_finds_the_person_and_not_the_stays(of_all_trades, establishment, world) -> None:
    UnitFactory(code="9001", name="Pédiatrie")
    client = of_all_trades(establishment, "9001")
    bound = [
        (name, found)
        for name, found in NAMING
        if name not in OF_NO_SERVICE
        and set(found.pattern.regex.groupindex) & {"iep", "number"}
        and Reach.SERVICES in PERMISSIONS[found.callback.action].values()
    ]
    assert len(bound) > 25
    assert wrong(client, bound, world) == {}
    page = client.get(f"/patients/{world.stay.patient.ipp}/")
    assert page.status_code == 200 and world.stay.iep not in page.text


def test_no_screen_of_dossiers_names_a_patient_of_another_service(of_all_trades, establishment, world) -> None:
    scene.everything()
    UnitFactory(code="9001", name="Pédiatrie")
    client = of_all_trades(establishment, "9001")
    far = {Action.SEE_EXCHANGES, Action.TEST_CONNECTION}
    near = [(name, found) for name, found in OPEN if found.callback.action not in far]
    assert told(client, near, world, *secrets_of(world)) == []


def test_a_return_that_nobody_matched_is_shown_to_whoever_may_recognise_it(of_all_trades, other_site) -> None:
    record = scene.a_record()
    assert of_all_trades(other_site).get(f"/echanges/lignes/{record.pk}/").status_code == 200


def test_a_file_that_speaks_of_two_hospitals_is_read_line_by_line_and_not_taken_whole(
    of_all_trades, other_hospital, world
) -> None:
    unit = UnitFactory(establishment=other_hospital, code="7001")
    stay = scene.a_stay(StayStatus.DISCHARGED, days_ago=4, unit=unit, establishment=other_hospital)
    theirs = scene.three_invoices(stay)
    scene.a_record(file=world.file, invoice=theirs[Payer.PATIENT], line=9, status=RecordStatus.APPLIED)
    client = of_all_trades(other_hospital)
    page = client.get(f"/echanges/{world.file.pk}/")
    assert page.status_code == 200 and world.invoice.number not in page.text
    assert client.get(f"/echanges/{world.file.pk}/fichier/").status_code == 404


def test_the_service_of_a_role_shows_its_own_dossiers(of_all_trades, establishment, world) -> None:
    client = of_all_trades(establishment, world.stay.unit.code)
    assert client.get(f"/sejours/{world.stay.iep}/").status_code == 200
    assert world.stay.iep in client.get("/listes/patients-a-prevenir/").text


def test_two_roles_see_what_either_of_them_sees(person, establishment, world) -> None:
    user = person(Role.AGENT)
    user.role_assignments.update(services=["9001"])
    RoleAssignment.objects.create(
        user=user, establishment=establishment, role=Role.BILLING, services=[world.stay.unit.code]
    )
    client = Client()
    client.force_login(user)
    # Both may open a dossier; only the desk admits, and its services are others.
    assert client.get(f"/sejours/{world.stay.iep}/").status_code == 200
    assert client.get(f"/sejours/{world.stay.iep}/admission/").status_code == 404


def test_a_role_held_elsewhere_opens_nothing_here(person, other_hospital, world) -> None:
    user = person(Role.AGENT)
    RoleAssignment.objects.create(user=user, establishment=other_hospital, role=Role.ADMINISTRATOR)
    client = Client()
    client.force_login(user)
    assert client.get("/certificats/").status_code == 403
    assert client.get("/admissions/").status_code == 200
