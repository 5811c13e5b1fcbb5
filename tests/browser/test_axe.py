"""Every screen, with data, at the width of a workstation and at 200 % zoom: nothing for axe, no error, no other host.

SHOTS=<folder> keeps a picture of each screen.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from accounts.enums import Role
from accounts.models import ProfessionalIdentity, User
from accounts.permissions import PERMISSIONS
from admissions.models import Card, Stay
from billing.enums import InvoiceStatus, Payer
from debtors.enums import AssociationStatus
from tests import certificates
from tests.accounts.test_views_roles import GUARDED, address
from tests.browser.tabs import open_page as open_page
from tests.browser.tabs import scrolls_sideways, settle, violations
from tests.factories import AssociationFactory, DirectoryEntryFactory, UnitFactory
from tests.programs import a_webhook
from tests.sheets import a_sheet
from tests.worklists import scene, scene_amo
from tests.worklists.scene_pec import a_letter, an_agreement
from worklists.registry import all_worklists

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

WIDTHS = (1366, 683)
# An address that only takes demands, opened by hand.
_NOT_THIS_WAY = "demande-impossible"
# Each screen is looked at as the first role that may open it; the agent's, many, in parts that run side by side.
PARTS = [
    *((Role.AGENT, part, 4) for part in range(4)),
    *((Role.REFERENT, part, 2) for part in range(2)),
    *((role, 0, 1) for role in Role if role not in (Role.AGENT, Role.REFERENT)),
]
FEWEST = {Role.AGENT: 35, Role.REFERENT: 14, Role.BILLING: 4, Role.CASHIER: 2, Role.ADMINISTRATOR: 1, Role.AUDITOR: 1}


@pytest.fixture
def world(establishment) -> SimpleNamespace:
    """A hospital with something on every screen."""
    scene.everything()
    scene_amo.a_batch(establishment)
    certificates.on_the_screen()
    unit = UnitFactory(code="2210", name="Cardiologie")
    parts = scene.three_invoices(status=InvoiceStatus.REJECTED)
    stay = scene.a_stay(unit=unit)
    scene.an_amo(stay)
    coverage = scene.a_coverage(stay)
    scene.an_estimate(stay)
    card = Card.objects.create(
        patient=stay.patient, content="ATP1", fingerprint="f" * 64, recognised=False, reader="douchette"
    )
    file = scene.a_file()
    scene.a_record(file, "applied", invoice=parts[Payer.AMC], invoice_number=parts[Payer.AMC].number, amount="10.00")
    association = AssociationFactory(status=AssociationStatus.TO_VALIDATE, convention="RO", use_count=146)
    AssociationFactory(status=AssociationStatus.TO_VERIFY, amc_number=association.amc_number, convention="RO")
    DirectoryEntryFactory(amc_number=association.amc_number, convention="RO", label="Alliance", idb_url="https://x")
    return SimpleNamespace(
        stay=stay,
        circuit=scene.a_closed_circuit(),
        call=scene.a_refusal("inform_patient", "no_third_party_payment", stay=stay, coverage=coverage),
        coverage=coverage,
        card=card,
        letter=a_letter(an_agreement(stay=stay)),
        invoice=parts[Payer.PATIENT],
        rejected=parts[Payer.AMC],
        file=file,
        record=scene.a_record(invoice_number=parts[Payer.AMC].number[:-1] + "0", amount="210.40"),
        association=association,
        anomaly=scene.an_anomaly(),
        opening=scene.an_opening(_protected()),
        sheet=a_sheet(stay.establishment),
        connection_test=scene.a_connection_test(),
        colleague=User.objects.create_user("un.collegue", establishment=stay.establishment),
        webhook=a_webhook(stay.establishment),
    )


def _protected() -> Stay:
    stay = scene.a_stay()
    stay.patient.protection = "exposed"
    stay.patient.save()
    return stay


def screens(world: SimpleNamespace) -> list[tuple[str, str, Role]]:
    """(name, address, a role that may open it): every address of the product, and states worth a look of their own."""
    found = []
    for name, pattern in GUARDED:
        role = next(role for role in Role if role in PERMISSIONS[pattern.callback.action])
        found.append((name.replace(":", "-"), address(name, pattern, world), role))
    found += [(f"accueil-{role}", "/", role) for role in Role]
    found += [
        (f"liste-{one.slug}", f"/listes/{one.slug}/", next(role for role in Role if role in PERMISSIONS[one.action]))
        for one in all_worklists().values()
    ]
    found += [
        ("facture-rejetee", f"/factures/{world.rejected.number}/", Role.BILLING),
        ("facture-part-patient", f"/factures/{world.invoice.number}/", Role.CASHIER),
        ("echanges-facturation", "/echanges/", Role.BILLING),
        ("rapprochement", f"/echanges/lignes/{world.record.pk}/", Role.BILLING),
        ("association-referent", f"/debiteurs/associations/{world.association.pk}/", Role.REFERENT),
        (
            "fusion-comparee",
            f"/debiteurs/{world.coverage.debtor_id}/fusion/?debtor={world.association.debtor_id}",
            Role.REFERENT,
        ),
        ("dossier-protege", f"/patients/{world.opening.patient.ipp}/ouvrir/", Role.AGENT),
        ("liste-vide", "/listes/patients-a-prevenir/?depuis=30", Role.AGENT),
        ("page-absente", "/nulle-part/", Role.AGENT),
        (_NOT_THIS_WAY, "/compte/secours/", Role.AGENT),
    ]
    return found


def is_page(client: Client, path: str) -> bool:
    """A whole page: not a file, not a part (looked at inside its page), not an address that only takes demands."""
    response = client.get(path)
    if response.status_code == 405:
        # The page that says so is the same everywhere: one is looked at.
        return False
    if not response["Content-Type"].startswith("text/html") or response.streaming:
        return False
    return b"<main" in response.content


def keep(page: Any, name: str, width: int) -> None:
    if folder := os.environ.get("SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}-{width}.png")


@pytest.mark.parametrize(("role", "part", "parts"), PARTS)
def test_every_screen_is_open_to_everybody(role, part, parts, world, person, open_page) -> None:
    user = person(role)
    page = open_page(user)
    client = Client()
    client.force_login(user)
    wrong: dict[str, Any] = {}
    mine = [
        (name, path)
        for name, path, first in screens(world)
        if first == role and (name == _NOT_THIS_WAY or is_page(client, path))
    ]
    assert len(mine) >= FEWEST[role]
    for name, path in mine[part::parts]:
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 768})
            settle(page)
            keep(page, name, width)
            faults = violations(page)
            if scrolls_sideways(page):
                faults.append("the page scrolls sideways")
            if faults:
                wrong[f"{name} at {width}"] = faults
        page.set_viewport_size({"width": WIDTHS[0], "height": 768})
    assert wrong == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sign_in_page_is_open_to_everybody(width, db, open_page) -> None:
    page = open_page(width=width)
    page.goto("/listes/")
    assert "/connexion/?next=/listes/" in page.url
    keep(page, "connexion", width)
    assert violations(page) == []
    assert not scrolls_sideways(page)
    page.get_by_label("Identifiant").fill("personne")
    page.get_by_label("Mot de passe").fill("rien du tout")
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_selector("[role=alert]")
    keep(page, "connexion-refusee", width)
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_what_pro_sante_connect_adds_to_the_screens_is_open_to_everybody(width, person, settings, open_page) -> None:
    """Its button, one's own identity (none, refused, linked) and a colleague's; the provider is asked nothing."""
    settings.PSC = settings.PSC | {"issuer": "https://psc.example", "hosts": {"psc.example"}}
    colleague, admin = person(Role.AGENT), person(Role.ADMINISTRATOR)

    def looked_at(page: Any, name: str) -> None:
        expect(page.get_by_text("Pro Santé Connect").first).to_be_visible()
        keep(page, name, width)
        assert violations(page) == [], name
        assert not scrolls_sideways(page), name

    page = open_page(width=width)
    page.goto("/connexion/")
    looked_at(page, "psc-connexion")
    page = open_page(colleague, width=width)
    page.goto("/compte/")
    looked_at(page, "psc-compte")
    panel = page.locator("section", has=page.locator("#psc-title"))
    panel.get_by_label("Mot de passe").fill("celui d’un autre")
    panel.get_by_role("button", name="Rattacher").click()
    page.wait_for_selector("[role=alert]")
    looked_at(page, "psc-compte-refuse")
    ProfessionalIdentity.objects.create(user=colleague, national_id="810000000017")
    page.goto("/compte/")
    looked_at(page, "psc-compte-rattache")
    page = open_page(admin, width=width)
    page.goto("/comptes/")
    keep(page, "psc-comptes", width)
    assert violations(page) == [] and not scrolls_sideways(page)
    for whom, name in ((colleague, "psc-collegue-rattache"), (person(Role.CASHIER), "psc-collegue")):
        page.goto(f"/comptes/{whom.pk}/")
        looked_at(page, name)
