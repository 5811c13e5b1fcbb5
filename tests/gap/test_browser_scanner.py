"""A card, in a real browser: typed by a scanner, dropped or pasted as a file."""

from __future__ import annotations

import pytest

from tests.gap.templates_demo.hands import CARD, said
from tests.gap.templates_demo.site import memory

pytestmark = pytest.mark.browser


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
