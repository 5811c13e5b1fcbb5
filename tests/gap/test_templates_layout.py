"""How templates are laid out: what a formatter would break (docs/adr/0006), read line by line instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR) / "templates"
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
PAIRED = frozenset(("if", "for", "with", "block", "partialdef"))
BETWEEN = frozenset(("else", "elif", "empty"))
DEEPEST = 40
MARK = re.compile(
    r"\{#.*?#\}|<!--.*?-->|\{%-?\s*(?P<end>end)?(?P<word>\w+)[^%]*%\}"
    r"|<(?P<slash>/?)(?P<name>[A-Za-z][\w.\-]*)(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
# Attributes aligned far to the right by a formatter, once; a file leaves this list when it is next rewritten.
STILL_CROOKED = frozenset(f"worklists/{name}.html" for name in ("_told", "association_stays", "home", "index", "list"))


def crooked(text: str) -> list[str]:
    """Marks that begin their line elsewhere than under the line of what they close, or divide."""
    elements: list[tuple[str, int, int]] = []
    tags: list[tuple[str, int, int]] = []
    found = []
    for mark in MARK.finditer(text):
        word, name = mark["word"], mark["name"]
        if word not in PAIRED | BETWEEN and (name is None or name in VOID or mark["rest"].endswith("/")):
            continue
        stack, key = (tags, word) if word else (elements, name)
        line = text.count("\n", 0, mark.start()) + 1
        before = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
        indent = len(before) - len(before.lstrip(" "))
        if key not in BETWEEN and not (mark["end"] or mark["slash"]):
            stack.append((key, indent, line))
            continue
        if key not in BETWEEN:
            # An element left open in one branch of a condition is closed in another: the stack forgives it.
            while stack and stack[-1][0] != key:
                stack.pop()
        if stack and not before.strip() and line != stack[-1][2] and indent != stack[-1][1]:
            found.append(f"line {line}: {mark[0][:40]} stands at {indent}, what it belongs to at {stack[-1][1]}")
        if stack and key not in BETWEEN:
            stack.pop()
    return found


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_is_indented_by_two_and_what_closes_stands_under_what_opened(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert not [line for line in lines if "\t" in line or line != line.rstrip()]
    depths = [len(line) - len(line.lstrip(" ")) for line in lines]
    askew = [rank for rank, depth in enumerate(depths, 1) if depth % 2 or depth > DEEPEST]
    if str(path.relative_to(TEMPLATES)) in STILL_CROOKED:
        assert askew or crooked(text), "straight now: take it off the list"
        return
    assert askew == [] and crooked(text) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("<div>\n  <p>a</p>\n</div>\n", 0),
        ("  <div>\n    {% if a %}<p>a\n</p>{% endif %}\n  </div>\n", 1),
        ("{% if a %}\n  <br>\n  {% else %}\n  <c-icon name='x' />\n{% endif %}\n", 1),
        ("{% for a in b %}\n  <li>{{ a }}\n    {% empty %}\n  {% endfor %}\n", 2),
        ("<div>\n  <span>a</span>\n  </div>\n", 1),
    ],
)
def test_what_stands_askew_is_found(text: str, count: int) -> None:
    assert len(crooked(text)) == count
