"""What a browser keeps of a dossier once its reader has left, and what the policy of the pages stops in it."""

from __future__ import annotations

import pytest

from tests.worklists import scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_back_button_shows_nothing_of_a_dossier_after_signing_out(open_page, agent) -> None:
    stay = scene.a_stay()
    name = stay.patient.birth_name
    page = open_page(agent)
    page.goto(f"/sejours/{stay.iep}/")
    assert name in page.content()
    page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url("**/connexion/")
    assert name not in page.content()
    page.go_back()
    page.wait_for_load_state("load")
    assert name not in page.content()
    assert "/connexion/" in page.url


def test_a_script_a_picture_or_a_frame_that_somebody_slips_into_a_page_does_nothing(browser, live_server) -> None:
    # Not one of `open_page`: it holds a tab guilty of each refusal that the console tells.
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    page.goto("/connexion/")
    done = page.evaluate(
        """() => new Promise(done => {
            const stopped = [];
            document.addEventListener("securitypolicyviolation", event => {
                stopped.push(event.effectiveDirective);
                if (stopped.length === 3) done({stopped: stopped.sort(), ran: window.slipped === true});
            });
            const script = document.createElement("script");
            script.textContent = "window.slipped = true";
            const picture = document.createElement("img");
            picture.src = "https://elsewhere.example/x.png";
            const frame = document.createElement("iframe");
            frame.src = "https://elsewhere.example/";
            document.body.append(script, picture, frame);
        })"""
    )
    context.close()
    assert done == {"stopped": ["frame-src", "img-src", "script-src-elem"], "ran": False}
