"""What the templates of the lists need computed."""

from __future__ import annotations

from collections.abc import Sequence

from django import template

from accounts.enums import Role
from gap.text import NBSP
from worklists.registry import Deed, Outcome, Worklist

register = template.Library()


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


@register.filter
def roles_of(worklist: Worklist) -> str:
    """Who a list concerns, in words."""
    return ", ".join(str(role.label) for role in Role if role in worklist.roles)
