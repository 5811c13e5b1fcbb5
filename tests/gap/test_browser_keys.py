"""The keys of a screen and of its lists, in a real browser."""

from __future__ import annotations

import re

import pytest

from tests.gap.templates_demo.site import memory

pytestmark = pytest.mark.browser


# ---- keys ----


def test_slash_goes_to_the_search_and_types_nothing(page):
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.name === 'q'")
    assert page.input_value("[data-search]") == ""


def test_a_single_letter_acts_outside_fields_only(page):
    page.focus("#id_member")
    page.keyboard.type("n", delay=100)
    assert page.input_value("#id_member") == "n"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    page.wait_for_url("**/?vu=n")


def test_single_letters_can_be_turned_off(page):
    page.evaluate("document.body.dataset.singleKeys = 'off'")
    for key in ("n", "/", "?", "j"):
        page.keyboard.press(key)
        page.wait_for_timeout(120)
    assert page.url.endswith("/") and page.is_hidden("#keys-sheet")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.click("[data-open-keys]")
    assert page.is_visible("#keys-sheet")


def test_question_mark_lists_the_keys_of_this_screen(page):
    page.keyboard.press("?")
    page.wait_for_selector("#keys-sheet[open]")
    listed = re.sub(r"\s+", " ", page.inner_text("#keys-sheet .key-list"))
    for line in ("n Arrivée", "Alt P Imprimer", "j ligne suivante", "Ctrl Entrée valider", "/ chercher", "v Valider"):
        assert line in listed
    page.keyboard.press("Escape")
    assert page.is_hidden("#keys-sheet")


def test_alt_and_a_digit_go_to_a_section_on_a_french_keyboard(page):
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'é', code: 'Digit2', altKey: true, bubbles: true}))"
    )
    assert page.evaluate("document.activeElement.id") == "id_unit"


def test_alt_and_a_letter_work_inside_a_field(page):
    page.focus("#id_member")
    page.keyboard.press("Alt+p")
    page.wait_for_url("**/?vu=p")


def test_ctrl_enter_sends_the_main_form(page):
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/?admis=1")
    assert len(memory.posts) == 1


def test_a_choice_shows_its_effects_before_anything_is_decided(page):
    page.keyboard.press("m")
    page.wait_for_selector("#effets-m", state="visible")
    assert page.is_hidden("#effets-v") and page.is_checked("input[value=m]")


# ---- lists ----


def test_rows_are_walked_chosen_and_counted_by_keyboard(page):
    for key in ("j", "x", "j", "x", "j", "k"):
        page.keyboard.press(key)
        page.wait_for_timeout(120)
    assert page.inner_text("*:focus") == "HAMIDI Samir"
    assert page.inner_text("[data-bulk-count]") == "2\u00a0choisis"
    assert page.inner_text("[data-bulk-amount]") == "1\u00a0285,20\u00a0€"
    assert page.locator("tr.is-selected").count() == 2
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-bulk]", state="hidden")
    page.focus("a.dt-row-link")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?dossier=1")


def test_all_rows_are_chosen_at_once_and_a_range_with_shift(page):
    page.check("[data-choose-all]")
    assert page.inner_text("[data-bulk-count]") == "3\u00a0choisis"
    page.click("[data-choose-none]")
    assert page.locator("tr.is-selected").count() == 0
    page.click("[data-choose][value='1']")
    page.click("[data-choose][value='3']", modifiers=["Shift"])
    assert page.locator("tr.is-selected").count() == 3


def test_what_is_undone_while_a_part_of_the_page_settles_stays_undone(page):
    left = page.evaluate("""() => new Promise((done) => {
      window.htmx.config.defaultSettleDelay = 200;
      document.querySelector('[data-choose-all]').click();
      const once = { once: true };
      document.addEventListener('htmx:afterSwap', () => {
        setTimeout(() => document.querySelector('[data-choose-none]').click());
        document.addEventListener('htmx:afterSettle', () => setTimeout(() =>
          done(document.querySelectorAll('[data-choose]:checked').length)), once);
      }, once);
    })""")
    assert left == 0
