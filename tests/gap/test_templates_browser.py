"""The behaviour of every page, in a real browser under the real content policy, against the demonstration page."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.gap.templates_demo import site
from tests.gap.templates_demo.site import memory

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
AXE = Path(settings.BASE_DIR) / "tests/vendor/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CARD = "]d2CTP1\u001d0044817205\u001dAC\u001d75A200488\u001d7120448003"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site.serving() as url:
        yield url


@pytest.fixture(scope="module")
def chromium(address: str):
    """One browser for the module: tabs share its cache, and nothing of what a test types (sessionStorage)."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_context(viewport={"width": 1366, "height": 768}, locale="fr-FR", base_url=address)
        browser.close()


@pytest.fixture
def page(chromium):
    """A page on the demonstration, in a tab of its own; fails at the end for any error in the console."""
    memory.__init__()  # type: ignore[misc]
    opened = chromium.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    opened.goto("/")
    opened.wait_for_function("() => window.htmx && document.querySelector('[data-bulk]').dataset.count === '0'")
    yield opened
    opened.close()
    # The answers that a test asks for on purpose (503, 500) are told by the browser as errors of the network.
    assert [text for text in problems if "Failed to load resource" not in text and "Response Status" not in text] == []


@pytest.fixture
def scan(page) -> Callable[..., None]:
    """Type as a scanner does: by the browser's own events, `pace` ms apart, control signs as Ctrl + ]."""

    at = 0.0

    def type_card(text: str = CARD, pace: float = 5, ends: str = "\r") -> None:
        nonlocal at
        client = page.context.new_cdp_session(page)
        at = max(page.evaluate("Date.now() / 1000"), at + 0.5)

        def press(key: str, **more) -> None:
            nonlocal at
            at += pace / 1000
            # The time is the one of the key itself, as with a real scanner: the load of this machine changes nothing.
            client.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": key, "timestamp": at, **more})
            client.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "timestamp": at})

        for sign in text + ends:
            if sign == "\u001d":
                press("]", modifiers=2, code="BracketRight")
            else:
                press("Enter" if sign == "\r" else sign, text=sign)
        client.detach()

    return type_card


def said(page, sentence: str) -> None:
    page.wait_for_function(
        "(text) => document.getElementById('announcements').textContent.includes(text)", arg=sentence, timeout=5000
    )


# ---- scanner ----


def test_a_card_scanned_with_nothing_focused_is_read_whole(page, scan):
    scan()
    page.wait_for_selector("#lu")
    assert memory.scans == [CARD]
    said(page, "Carte lue : Solivie Mutuelle.")
    assert page.inner_text("[data-scan-state]") == "Douchette prête"


def test_a_field_gets_back_what_it_held_before_the_card(page, scan):
    page.fill("#id_member", "08 44")
    page.evaluate("document.getElementById('id_member').setSelectionRange(2, 2)")
    scan()
    page.wait_for_selector("#lu")
    assert page.input_value("#id_member") == "08 44"
    assert page.evaluate("document.getElementById('id_member').selectionStart") == 2
    assert memory.scans == [CARD] and memory.posts == []


def test_a_card_changes_neither_a_list_nor_a_box_nor_the_place_on_the_page(page, scan):
    for selector in ("#id_unit", "#id_single_room", "a.dt-row-link"):
        memory.scans.clear()
        page.evaluate("document.getElementById('scan-result').replaceChildren()")
        page.focus(selector)
        before = page.evaluate("[scrollY, location.href]")
        scan(f"4 x {selector} jjxn/?va")
        page.wait_for_selector("#lu")
        assert memory.scans == [f"4 x {selector} jjxn/?va"]
        assert page.evaluate("location.href") == before[1]
    assert page.input_value("#id_unit") == "3120"
    assert not page.is_checked("#id_single_room")


def test_shortcuts_inside_a_card_do_nothing(page):
    # Made inside the page: on a loaded machine the driver brings keys slower than any scanner, and n is then a person's.
    page.evaluate(
        """(text) => { for (const key of [...text, 'Enter'])
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })); }""",
        "n/?jkxavm0123456789",
    )
    page.wait_for_selector("#lu")
    page.wait_for_timeout(250)
    assert page.url.endswith("/")
    assert not page.is_visible("#keys-sheet")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    assert page.is_checked("input[value=v]")


def test_the_same_card_twice_within_two_seconds_is_read_once(page, scan):
    scan()
    page.wait_for_selector("#lu")
    scan()
    scan("UNE AUTRE CARTE 1234")
    page.wait_for_function("() => document.querySelector('[data-scan-state]').textContent === 'Douchette prête'")
    page.wait_for_timeout(200)
    assert memory.scans == [CARD, "UNE AUTRE CARTE 1234"]


def test_a_scanner_that_ends_with_two_line_ends_sends_nothing_else(page, scan):
    page.focus("#id_member")
    scan(ends="\r\r")
    page.wait_for_selector("#lu")
    assert memory.posts == [] and memory.scans == [CARD]


@pytest.mark.parametrize("pace", [60, 120])
def test_a_person_who_types_fast_is_never_a_scanner(page, scan, pace):
    page.focus("#adh")
    scan("0844192712", pace=pace, ends="")
    assert page.input_value("#adh") == "0844192712"
    assert memory.scans == []


def test_enter_after_fast_typing_by_a_person_still_sends_the_form(page, scan):
    page.focus("#adh")
    scan("0844192712", pace=45)
    page.wait_for_selector("#relance-dit:has-text('Relancé')")
    assert memory.scans == [] and memory.posts[0]["adh"] == "0844192712"


def test_a_key_held_down_is_not_a_card(page):
    page.focus("#adh")
    for repeat in [False] + [True] * 12:
        page.evaluate(
            "(repeat) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', repeat, bubbles: true}))",
            repeat,
        )
    page.keyboard.press("Enter")
    page.wait_for_selector("#relance-dit:has-text('Relancé')")
    assert memory.scans == []


def test_a_short_burst_is_not_a_card(page, scan):
    page.focus("#id_member")
    scan("1234567", ends="")
    assert page.input_value("#id_member") == "1234567"
    page.wait_for_timeout(150)
    assert memory.scans == []


def test_control_signs_and_function_keys_are_kept(page):
    text = page.evaluate(
        """async () => {
          const { textOf } = await import('/static/js/scanner.js');
          const key = (key, more = {}) => textOf(new KeyboardEvent('keydown', { key, ...more }));
          return [key(']', {ctrlKey: true}), key('F8'), key('^'), key('Dead', {code: 'BracketLeft'}), key('é'),
                  key('@', {ctrlKey: true, altKey: true}), key('Tab'), key('a', {altKey: true}), key('a', {metaKey: true})];
        }"""
    )
    assert text == ["\u001d", "<F8>", "^", "^", "é", "@", None, None, None]


def test_a_screen_may_keep_a_card_for_itself(page, scan):
    page.evaluate("document.addEventListener('gap:scan', (e) => { window.kept = e.detail.scan; e.preventDefault(); })")
    scan()
    page.wait_for_function("() => window.kept !== undefined")
    page.wait_for_timeout(100)
    assert page.evaluate("window.kept") == CARD and memory.scans == []


def test_a_field_that_wants_the_scanner_keeps_its_signs(page, scan):
    page.evaluate("document.getElementById('id_member').dataset.scan = 'field'")
    page.focus("#id_member")
    scan("0044817205AC")
    page.wait_for_selector("#lu")
    assert page.input_value("#id_member") == "0044817205AC"


def test_a_card_that_the_server_did_not_take_is_told_and_asked_again(page, scan):
    memory.down = True
    scan()
    page.wait_for_selector("#notices .notice-stop")
    assert page.inner_text("[data-scan-state]") == "Lecture impossible"
    assert "Scannez-la de nouveau" in page.inner_text("#notices")


# ---- photo or PDF ----

DROP = """([type, size]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(size)], 'carte', { type }));
  for (const name of ['dragenter', 'dragover', 'drop'])
    document.querySelector('main').dispatchEvent(
      new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_a_picture_dropped_anywhere_is_sent_as_a_file(page):
    page.evaluate(DROP, ["image/jpeg", 300])
    page.wait_for_selector("#lu")
    assert memory.files == [("carte", 300)]
    assert page.is_hidden("#drop-hint")


def test_a_picture_is_pasted(page):
    page.evaluate(
        """() => { const data = new DataTransfer(); data.items.add(new File(['%PDF-'], 'c.pdf', {type: 'application/pdf'}));
        document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})); }"""
    )
    page.wait_for_selector("#lu")
    assert memory.files == [("c.pdf", 5)]


@pytest.mark.parametrize(
    ("kind", "size", "why"), [("text/plain", 10, "ni une image ni un PDF"), ("image/png", 11_000_000, "10 Mo")]
)
def test_another_file_is_refused_with_its_reason(page, kind, size, why):
    page.evaluate(DROP, [kind, size])
    page.wait_for_selector("#notices .notice-wait")
    assert why in page.inner_text("#notices") and memory.files == []


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


# ---- drafts ----


def type_member(page, text: str = "08 441 927") -> None:
    page.fill("#id_member", text)
    page.fill("#id_nir", "284053523811778")
    page.wait_for_selector("[data-draft-state]:has-text('Saisie gardée à')")


def test_what_was_typed_comes_back_after_an_expired_session_without_the_sensitive_fields(page):
    type_member(page)
    memory.signed_out = True
    page.click("[data-main-submit]")
    page.wait_for_url("**/entrer/")
    memory.signed_out = False
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
    assert page.input_value("#id_member") == "" and page.evaluate("sessionStorage['gap.draft:admission']") is None


def test_a_draft_is_not_shown_to_the_next_person_and_leaves_with_the_session(page):
    type_member(page)
    page.evaluate("sessionStorage['gap.draft.owner'] = '\"77\"'")
    page.goto("/")
    page.wait_for_function("() => sessionStorage['gap.draft.owner'] === '\"1204\"'")
    assert page.input_value("#id_member") == ""
    type_member(page)
    page.click("[data-sign-out] button")
    page.wait_for_url("**/sortir/")
    assert "441" not in page.evaluate("JSON.stringify(sessionStorage)")


# ---- what updates by itself ----


def test_only_a_final_state_is_said_and_once(page):
    page.evaluate("""() => {
      window.heard = [];
      const region = document.getElementById('announcements');
      new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true });
    }""")
    page.wait_for_selector("#direct:has-text('Appel en cours')")
    memory.live = '<p data-announce="SIM : répondu en 0,4 s.">Répondu</p>'
    said(page, "SIM : répondu en 0,4 s.")
    page.wait_for_timeout(1200)
    assert [text for text in page.evaluate("window.heard") if text] == ["SIM : répondu en 0,4 s."]


def test_a_lost_connection_is_told_with_its_hour_and_found_again(page):
    page.wait_for_selector("#direct:has-text('Appel en cours')")
    memory.down = True
    page.wait_for_selector("#connection", state="visible")
    assert re.search(r"Connexion perdue, dernière mise à jour à \d\d:\d\d", page.inner_text("#connection"))
    assert "is-stale" in page.get_attribute("#direct", "class")
    memory.down = False
    page.wait_for_selector("#connection", state="hidden")
    assert "is-stale" not in (page.get_attribute("#direct", "class") or "")
    said(page, "Connexion rétablie.")


def test_a_session_that_ends_leads_to_the_sign_in_page_and_back_here(page):
    memory.signed_out = True
    page.wait_for_url("**/entrer/?next=%2F")


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


# ---- accessibility and policy ----


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("(rules) => axe.run({ runOnly: rules })", RULES)
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("width", [1366, 683])
@pytest.mark.parametrize("state", ["as it is", "refused", "keys", "lost", "chosen"])
def test_axe_finds_nothing(page, width, state):
    page.set_viewport_size({"width": width, "height": 768})
    if state == "refused":
        memory.refuse = True
        page.click("[data-main-submit]")
        page.wait_for_selector("#id_member[aria-invalid=true]")
    elif state == "keys":
        page.click("[data-open-keys]")
    elif state == "lost":
        memory.down = True
        page.wait_for_selector("#connection", state="visible")
    elif state == "chosen":
        page.check("[data-choose-all]")
    assert violations(page) == []


def test_nothing_scrolls_sideways_at_200_percent(page):
    page.set_viewport_size({"width": 683, "height": 768})
    assert page.evaluate("document.documentElement.scrollWidth") <= 683


def test_the_banner_stays_in_sight(page):
    page.evaluate("scrollTo(0, 900)")
    box = page.locator(".ident").bounding_box()
    assert box["y"] == 0 and box["height"] < 90


def test_the_page_asks_nothing_of_another_host_and_breaks_no_policy(chromium, address):
    opened = chromium.new_page()
    asked, refused = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda line: refused.append(line.text) if "Security Policy" in line.text else None)
    response = opened.goto(address)
    opened.wait_for_selector("#direct:has-text('Appel')")
    policy = {part.strip() for part in response.headers["content-security-policy"].split(";")}
    assert {"default-src 'self'", "img-src 'self' data:"} <= policy
    assert "unsafe" not in response.headers["content-security-policy"]
    assert [url for url in asked if not url.startswith(address)] == [] and refused == []
    opened.close()
