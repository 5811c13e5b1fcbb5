"""An import by keyboard alone: its doubles one by one, its decision, and what it brought taken back."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Page, expect

from debtors.enums import ImportKind, ImportState
from debtors.imports import runs
from debtors.models import Debtor, FileImport
from tests.browser.hands import Keyboard, reach
from tests.browser.test_axe import keep
from tests.factories import DebtorFactory
from tests.worklists.scene_reference import a_stopped_import

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

_FILE = """Code;Nom;N° AMC;Adresse;CP;Ville
X1;MUT. DES ESTUAIRES;99000104;1 quai;29200;Brest
X2;MUT. DES ESTUAIRES;99000104;2 quai;29200;Brest
X3;MUT. DES ESTUAIRES;99000104;3 quai;29200;Brest
X4;Solivie;99000205;;;Lille
"""


@pytest.fixture
def page(open_page, referent) -> Page:
    return open_page(referent)


def _looked_at(page: Page, name: str, no_violation) -> None:
    no_violation(page)
    if os.environ.get("SHOTS"):
        for width in (1366, 683):
            page.set_viewport_size({"width": width, "height": 768})
            keep(page, name, width)
        page.set_viewport_size({"width": 1366, "height": 768})


def test_doubles_are_chosen_one_key_each_then_applied_and_taken_back(
    page: Page, keyboard: Keyboard, no_violation
) -> None:
    known = DebtorFactory(
        code="K1", name="Mutuelle des Estuaires", amc_number="0099000104", town="Brest", address="9 quai"
    )
    DebtorFactory(code="K2", name="Mutuelle Estuaires", amc_number="0099000999", town="Brest")
    row = runs.give(ImportKind.DEBTORS, "organismes-2026.csv", _FILE.encode(), None)
    runs.run(row.pk)
    page.goto(f"/debiteurs/imports/{row.pk}/")
    _looked_at(page, "import-fiches", no_violation)
    keyboard.press("d")
    expect(page.locator("main h1")).to_contain_text("Ligne 2")
    _looked_at(page, "import-doublons", no_violation)
    keyboard.press("1")
    expect(page.locator("main h1")).to_contain_text("Ligne 3")
    keyboard.press("c")
    expect(page.locator("main h1")).to_contain_text("Ligne 4")
    keyboard.press("i")
    expect(page.locator("#notices")).to_contain_text("Chaque doublon a son choix")
    keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("Application en cours")
    runs.run(row.pk)
    expect(page.get_by_role("heading", name="Reprendre cet import")).to_be_visible()
    known.refresh_from_db()
    assert known.address == "1 quai"
    assert set(Debtor.objects.values_list("code", flat=True)) == {"K1", "K2", "X2", "X4"}
    _looked_at(page, "import-applique", no_violation)
    keyboard.press("r")
    expect(page.locator("main")).to_contain_text("Reprise en cours")
    runs.run(row.pk)
    expect(page.locator("main")).to_contain_text("Remise comme avant")
    known.refresh_from_db()
    assert known.address == "9 quai"
    assert set(Debtor.objects.values_list("code", flat=True)) == {"K1", "K2"}


def test_a_stopped_import_is_found_in_its_list_and_started_again(page: Page, keyboard: Keyboard, no_violation) -> None:
    row = a_stopped_import()
    page.goto("/listes/imports-arretes/")
    _looked_at(page, "liste-imports-arretes", no_violation)
    keyboard.press("j", "Enter")
    expect(page.get_by_role("button", name="Relancer")).to_be_visible()
    _looked_at(page, "import-arrete", no_violation)
    reach(page, "form[aria-labelledby=restart-title] button")
    keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Application en cours")
    assert FileImport.objects.get(pk=row.pk).state == ImportState.APPLYING
