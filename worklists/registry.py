"""What a worklist is. The lists themselves are declared in `worklists.lists`, one module a family of objects.

A list is a question put to the ledgers, never a table: a line leaves it by itself when what it says is no longer true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable

from accounts.enums import Action, Role
from accounts.models import ApiClient, User
from accounts.sight import Here
from worklists.enums import Step


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `value` is what a file holds of it; the screen draws it in the template of the rows, in the same order."""

    label: str
    value: Callable[[Any], Any]
    sort: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """How lines of one model are read and drawn. Paths are those of the ORM, empty where they make no sense.

    `adorn` adds what a page shows of its lines (relations, amounts) and must not change which lines there are.
    """

    model: type[Model]
    #: Template of its rows, in templates/tables.
    rows: str
    columns: tuple[Column, ...]
    adorn: Callable[[QuerySet[Any]], QuerySet[Any]]
    label: Callable[[Any], str]
    #: Given the lines of a page, writes on them what their columns hold not. No query.
    finish: Callable[[list[Any]], None] | None = None
    #: Keys of order that an address may name, and their ORM paths (« depuis » is every list's).
    sorts: Mapping[str, str] = field(default_factory=dict)
    #: Orders of the lines that the asked one leaves equal, before their keys.
    then: tuple[str, ...] = ()
    iep: str = ""
    #: Path of the stay's key, where a line is about a stay.
    stay: str = ""
    debtor: str = ""
    domain: str = ""
    operation: str = ""
    #: Attribute of an adorned line that holds euros, and what it is called on the screen.
    amount: str = ""
    amount_label: str = ""
    #: Column of the model that can be summed over the whole list.
    amount_column: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line of a bulk: done, or a French sentence that says why not."""

    pk: int
    label: str
    done: bool
    message: str = ""
    #: Held by a colleague: it may be taken over, on purpose.
    takeable: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that can be done to several lines at once. `carry_out(ids, user)` gives one outcome a line, in order."""

    name: str
    verb: str
    done: str
    icon: str
    action: Action
    carry_out: Callable[[list[int], User], list[tuple[int, bool, str]]]
    key: str = ""
    #: Name of the page where it may be taken back, if anywhere.
    back: str = ""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Lines that have one cause, shown as one line with its count: `parameter` of the address, `path` of the ORM."""

    parameter: str
    path: str
    title: str
    #: Words of a value: (title, what to do). The title of a debtor is read from `label_path` instead, that of a code
    #: from the expression `label`.
    words: Callable[[str], tuple[str, str]] | None = None
    label_path: str = ""
    label: Combinable | None = None
    #: ORM path of the next try, when the system is at it.
    next_path: str = ""
    rearm: bool = False


@dataclass(frozen=True, slots=True)
class Worklist:
    """One list: who it concerns, what is in it, and the three sentences that every state owes to a person.

    `select` takes what is seen (`accounts.sight`). `since` is the ORM path of the instant that made the line. `roles` see it on
    their home page; whoever may do `action` can open it.
    """

    slug: str
    title: str
    step: Step
    roles: frozenset[Role]
    action: Action
    kind: Kind
    select: Callable[[Here], QuerySet[Any]]
    since: str
    happened: str
    system: str
    you: str
    deeds: tuple[Deed, ...] = ()
    grouping: Grouping | None = None
    #: Sort of a list that is not read from the oldest line.
    first: str = "-depuis"
    #: What a line waits for, in a few words.
    after: str = ""
    #: The system is at it: shown grey on the home page.
    quiet: bool = False
    #: Screen of the settings that its lines put in question, and its name.
    settings: tuple[str, str] = ("", "")
    #: What is in it depends on the rows alone, neither on the hour nor on a setting: its SQL is written once.
    steady: bool = False

    def open_to(self, user: User) -> bool:
        return user.may(self.action)

    def seen_by(self, viewer: User | ApiClient) -> QuerySet[Any]:
        """Its lines, as far as this person or this program sees."""
        return self.select(viewer.sight(self.action))


@dataclass(slots=True)
class Counter:
    """A list and how many lines it has now. `amount` is None where the lines have no amount of their own."""

    worklist: Worklist
    count: int
    oldest: datetime | None
    amount: Decimal | None = None


@cache
def all_worklists() -> dict[str, Worklist]:
    """Every list, in the order of the chain, by slug."""
    from worklists.lists import anomalies, calls, money, patients, pec, records, reference, stays, technical

    found = [
        *calls.WORKLISTS,
        *anomalies.WORKLISTS,
        *stays.WORKLISTS,
        *pec.WORKLISTS,
        *money.WORKLISTS,
        *patients.WORKLISTS,
        *reference.WORKLISTS,
        *records.WORKLISTS,
        *technical.WORKLISTS,
    ]
    order = list(Step)
    return {worklist.slug: worklist for worklist in sorted(found, key=lambda one: order.index(one.step))}


def worklists_of(user: User) -> list[Worklist]:
    """The lists that this person may open."""
    return [worklist for worklist in all_worklists().values() if worklist.open_to(user)]


def worklists_for_home(user: User) -> list[Worklist]:
    """The lists that concern this person's roles."""
    return [worklist for worklist in worklists_of(user) if worklist.roles & user.roles]
