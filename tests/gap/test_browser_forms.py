"""Forms in a real browser: what was typed is never lost, and is sent once."""

from __future__ import annotations

import pytest

from tests.gap.templates_demo.site import memory

pytestmark = pytest.mark.browser


# ---- drafts ----


def type_member(page, text: str = "08 441 927") -> None:
    page.fill("#id_member", text)
    page.fill("#id_nir", "284053523811778")
    page.wait_for_selector("[data-draft-state]:has-text('Saisie gardée à')")
    # Each field is kept 300 ms after its last key: the second may still be about to be.
    page.wait_for_timeout(400)


def test_what_was_typed_comes_back_after_an_expired_session_without_the_sensitive_fields(page):
    type_member(page)
    memory.signed_out_at_submit = True
    page.click("[data-main-submit]")
    page.wait_for_url("**/entrer/")
    memory.signed_out_at_submit = False
    page.goto("/")
    page.wait_for_selector("[data-notice=draft]")
    assert page.input_value("#id_member") == "08 441 927" and page.input_value("#id_nir") == ""
    assert "est reprise" in page.inner_text("[data-notice=draft]")
    assert "284053523811778" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_form_that_was_taken_leaves_no_draft(page):
    type_member(page)
    page.click("[data-main-submit]")
    page.wait_for_url("**/?admis=1")
    page.wait_for_timeout(100)
    assert page.input_value("#id_member") == "" and page.locator("[data-notice=draft]").count() == 0
    assert "441" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_refused_form_shows_the_values_of_the_server_and_keeps_the_draft(page):
    type_member(page)
    memory.refuse = True
    page.click("[data-main-submit]")
    page.wait_for_selector("#id_member[aria-invalid=true]")
    assert page.input_value("#id_member") == "08 441 927"
    assert page.locator("[data-notice=draft]").count() == 0
    assert "441" in page.evaluate("JSON.stringify(sessionStorage)")
    assert "corriger" in page.inner_text("*:focus")


def test_a_draft_over_a_dossier_that_changed_says_so(page):
    type_member(page)
    memory.version = "2"
    page.goto("/")
    page.wait_for_selector("[data-notice=draft]")
    assert "le dossier a changé depuis" in page.inner_text("[data-notice=draft]")
    page.click("[data-notice=draft] button")
    assert page.input_value("#id_member") == "" and page.evaluate("sessionStorage['gap.draft:1204:admission']") is None


def drafts(page):
    return page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('gap.draft'))")


def test_a_draft_is_not_shown_to_the_next_person_nor_lost_for_its_owner(page):
    type_member(page)
    # The same tab, taken over: what is kept is 77's.
    page.evaluate(
        "sessionStorage['gap.draft:77:admission'] = sessionStorage['gap.draft:1204:admission'];"
        "delete sessionStorage['gap.draft:1204:admission']"
    )
    page.goto("/")
    page.wait_for_selector("[data-draft]")
    assert page.input_value("#id_member") == ""
    assert "441" in page.evaluate("sessionStorage['gap.draft:77:admission']")
    type_member(page)
    page.click("[data-sign-out] button")
    page.wait_for_url("**/sortir/")
    assert drafts(page) == ["gap.draft:77:admission"]


def test_a_draft_of_yesterday_is_thrown_away(page):
    type_member(page)
    page.evaluate(
        "(late => { for (const key of Object.keys(sessionStorage).filter(key => key.startsWith('gap.draft:'))) {"
        " const kept = JSON.parse(sessionStorage[key]); kept.time -= late; sessionStorage[key] = JSON.stringify(kept) }"
        "})(12 * 3600 * 1000)"
    )
    page.goto("/")
    page.wait_for_selector("[data-draft]")
    assert page.input_value("#id_member") == ""
    assert drafts(page) == []


# ---- forms sent once ----


def test_a_double_click_sends_once_and_the_form_is_free_again(page):
    page.fill("#adh", "1")
    page.dblclick("#relance button")
    page.wait_for_selector("#relance-dit:has-text('Relancé')")
    assert len(memory.posts) == 1
    page.click("#relance button")
    page.wait_for_timeout(600)
    assert len(memory.posts) == 2


def test_a_failed_request_says_what_is_kept_and_can_be_sent_again(page):
    memory.down = True
    page.fill("#adh", "08")
    page.click("#relance button")
    page.wait_for_selector("#notices .notice-stop")
    assert "Votre saisie est gardée" in page.inner_text("#notices") and page.input_value("#adh") == "08"
    memory.down = False
    page.click("#relance button")
    page.wait_for_selector("#relance-dit:has-text('Relancé')")
    assert page.locator("#notices .notice-stop").count() == 0
