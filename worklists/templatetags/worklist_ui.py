"""What the templates of the lists need computed."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from accounts.enums import Role
from gap.tables import draw
from gap.templatetags.gap_ui import sort_state, sort_url
from gap.text import NBSP
from worklists.listing import Line
from worklists.registry import Column, Deed, Outcome, Worklist

register = template.Library()

# The age of a line is every list's, and the longest wait comes first.
_AGE = Column("Depuis", lambda item: None, "depuis", numeric=True)
_FIRST = {"depuis": "-depuis"}


@register.simple_tag
def told_parts(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes done, and refused."""
    return {
        "done": [outcome for outcome in outcomes if outcome.done],
        "refused": [outcome for outcome in outcomes if not outcome.done],
    }


@register.simple_tag
def told_sentence(outcomes: Sequence[Outcome], deed: Deed) -> str:
    """What is read aloud: counts only, never a name."""
    if not outcomes:
        return "Rien n’était choisi."
    done = sum(outcome.done for outcome in outcomes)
    refused = len(outcomes) - done
    parts = [
        f"{done}{NBSP}{deed.done}" if done else "",
        f"{refused}{NBSP}refusé{'s' if refused > 1 else ''}" if refused else "",
    ]
    return ", ".join(part for part in parts if part) + "."


@register.simple_tag(takes_context=True)
def list_head(context: Context, worklist: Worklist, sort: str) -> SafeString:
    """The names of the columns, as `c-th` draws one: eight components a page are worth a template of their own."""
    columns = [*worklist.kind.columns, _AGE]
    cells = [
        {
            "label": column.label,
            "numeric": column.numeric,
            "order": sort_state(column.sort, sort) if column.sort else "",
            "address": sort_url(context, "tri", column.sort, sort, _FIRST.get(column.sort, "")) if column.sort else "",
        }
        for column in columns
    ]
    return draw("worklists/head.html", cells=cells)


@register.simple_tag
def list_rows(
    worklist: Worklist, lines: Sequence[Line], *, choosable: bool = False, with_sequel: bool = False
) -> SafeString:
    """The rows of a list: its own cells, their age, who has them; boxes to choose them and what comes next, if asked."""
    return draw(worklist.kind.rows, worklist=worklist, lines=lines, choosable=choosable, with_sequel=with_sequel)


@register.filter
def roles_of(worklist: Worklist) -> str:
    """Who a list concerns, in words."""
    return ", ".join(str(role.label) for role in Role if role in worklist.roles)
