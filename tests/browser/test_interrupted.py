"""The database falls under the hands of somebody who types: nothing typed is lost, and nothing is made twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.tabs import violations
from tests.gap.fallen import PASSWORD, Fallen, hospital

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def fallen(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Fallen]:
    """One hospital that falls twice."""
    with django_db_blocker.unblock(), hospital(tmp_path_factory.mktemp("interrupted")) as one:
        yield one


def test_a_patient_that_is_being_typed_when_the_database_falls_is_created_once_it_is_back(browser, fallen) -> None:
    page = browser.new_context(base_url=fallen.url, locale="fr-FR").new_page()
    page.goto("/connexion/?next=/admissions/nouvelle/")
    page.fill("#id_username", "nadia")
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.fill("#id_birth_name", "KERMARREC")
    page.fill("#id_first_names", "Soazig")
    page.fill("#id_birth_date", "02/03/1971")
    page.check("[name=sex][value=F]") if page.locator("[name=sex][type=radio]").count() else page.select_option(
        "#id_sex", "F"
    )
    fallen.stop_database()
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).to_have_text("Le service est momentanément interrompu")
    expect(page.locator("main")).to_contain_text("Ce que vous tapiez est gardé dans cet onglet")
    assert violations(page) == []
    fallen.start_database()
    # The page looks by itself, and one stands on what to do next.
    back = page.get_by_role("button", name="Reprendre où j’en étais")
    expect(back).to_be_focused(timeout=15_000)
    page.keyboard.press("Enter")
    expect(page.locator("#id_birth_name")).to_have_value("KERMARREC")
    expect(page.locator("#id_first_names")).to_have_value("Soazig")
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("KERMARREC")
    assert fallen.sql("select count(*) from admissions_patient where birth_name = 'KERMARREC'") == "1"


def test_a_page_that_was_only_read_comes_back_by_itself(browser, fallen) -> None:
    page = browser.new_context(base_url=fallen.url, locale="fr-FR").new_page()
    page.goto("/connexion/")
    page.fill("#id_username", "nadia")
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main h1").first).to_be_visible()
    fallen.stop_database()
    page.goto("/listes/")
    expect(page.locator("h1")).to_have_text("Le service est momentanément interrompu")
    fallen.start_database()
    expect(page.locator("main h1").first).not_to_have_text("Le service est momentanément interrompu", timeout=15_000)
    assert page.url.endswith("/listes/")
