"""From our page to the one of Pro Santé Connect and back, in a real browser: policy of contents, cookies and all."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.enums import Role
from accounts.models import ProfessionalIdentity
from accounts.psc import provider
from gap.headers import content_security_policy
from tests.browser.tabs import violations
from tests.psc_process import NADIA, psc_process

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


def test_a_professional_goes_there_and_comes_back_to_their_page(
    browser, live_server, person, settings, tmp_path
) -> None:
    user = person(Role.AGENT)
    ProfessionalIdentity.objects.create(user=user, national_id=NADIA)
    with psc_process(tmp_path, f"{live_server.url}/connexion/psc/retour/") as psc:
        settings.PSC = psc.settings
        settings.CONTENT_SECURITY_POLICY = content_security_policy(secure=False, forms_to=psc.settings["hosts"])
        provider.forget()
        # Its authority is that of the tests, which this browser does not know.
        context = browser.new_context(ignore_https_errors=True, base_url=live_server.url, locale="fr-FR")
        refused: list[str] = []
        page = context.new_page()
        page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
        page.goto("/listes/")
        assert violations(page) == []
        page.get_by_role("button", name="Se connecter avec Pro Santé Connect").press("Enter")
        expect(page).to_have_title("Pro Santé Connect (simulé)")
        page.get_by_role("button", name="Nadia FERRAND").press("Enter")
        expect(page).to_have_url(f"{live_server.url}/listes/")
        expect(page.locator("body")).to_contain_text(user.last_name)
        context.close()
    assert refused == []
