"""What a list's page shows: its lines, who has them, what groups them, and the counters of every list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BigIntegerField, CharField, Count, F, Max, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject
from django.http import QueryDict
from django.utils import timezone

from accounts import journal
from accounts.enums import Action
from accounts.models import ApiClient, User
from accounts.sight import Here
from admissions.models import Stay
from gap.compiled import Compiled, Given
from gap.lists import COUNTED, PAGE_SIZE, bounded_count, first_page, page_number, page_of
from gap.text import unaccented
from teleservices.models import TeleserviceCall
from worklists import marks
from worklists.enums import Awaited
from worklists.filters import Choice, ListFilter, without
from worklists.models import Assignment, LineMark
from worklists.registry import Column, Counter, Deed, Grouping, Outcome, Worklist, all_worklists
from worklists.services import deeds_for

# Groups and options past this many say nothing more to a person.
SHOWN_GROUPS: Final = 12
SHOWN_OPTIONS: Final = 60
# Causes × payers read to know both.
SHOWN_COMBINATIONS: Final = 5_000
# The place of the establishment in a text that is written once.
_HERE: Final[Any] = Given("establishment", BigIntegerField())
# Calls looked at to know when somebody last handled one.
RECENT_CALLS: Final = 20_000


@dataclass(slots=True)
class Line:
    """One line of a list: the object, its column of waiting, who has it."""

    item: Any
    since: datetime | None
    amount: Any
    assignee: User | None
    mine: bool
    label: str
    #: State of the line's own object, where it has one.
    status: str
    #: What somebody wrote on it, and when it comes back if it is put aside.
    note: str = ""
    comes_back: str = ""

    @property
    def stay(self) -> Any:
        """The stay that the line is about: its own object, or that of its object."""
        return self.item if isinstance(self.item, Stay) else self.item.stay


@dataclass(slots=True)
class Group:
    """Lines of one cause."""

    value: str
    title: str
    todo: str
    count: int
    oldest: datetime | None
    next_try: datetime | None
    url: str
    chosen: bool


def counters(worklists: Iterable[Worklist], viewer: User | ApiClient) -> list[Counter]:
    """Each list with its bounded count and its oldest line: one query a list."""
    return [counter(worklist, viewer.sight(worklist.action)) for worklist in worklists]


def counter(worklist: Worklist, here: Here) -> Counter:
    fields: dict[str, Any] = {"line_since": F(worklist.since)}
    wanted: dict[str, Any] = {"count": Count("pk"), "oldest": Min("line_since")}
    if amount := worklist.kind.amount_column:
        fields["line_amount"] = F(amount)
        wanted["amount"] = Sum("line_amount")
    lines = marks.lines_of(worklist, here).order_by().annotate(**fields).values("pk", *fields)
    found = lines[: COUNTED + 1].aggregate(**wanted)
    return Counter(worklist, found["count"], found["oldest"], found.get("amount"))


def attribute(item: Any, path: str) -> Any:
    """Follow an ORM path on an object already read."""
    for name in path.split("__"):
        try:
            item = getattr(item, name)
        except ObjectDoesNotExist:
            return None
        if item is None:
            return None
    return item


def adorned(worklist: Worklist, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows with what a line shows of them, who has it included (`taken_by`): one query for all."""
    person = {name: f"assignee__{name}" for name in ("pk", "username", "first_name", "last_name")}
    taken = Assignment.objects.filter(worklist=worklist.slug, object_id=OuterRef("pk")).values(who=JSONObject(**person))
    noted = LineMark.objects.filter(worklist=worklist.slug, object_id=OuterRef("pk"))
    said = JSONObject(note="note", until="snoozed_until", awaited="snoozed_for")
    return worklist.kind.adorn(rows).annotate(
        taken_by=Subquery(taken[:1]), marked=Subquery(noted.values(said=said)[:1])
    )


def lines_of(worklist: Worklist, items: list[Any], user: User) -> list[Line]:
    """The lines of rows that are `adorned`: no query."""
    kind = worklist.kind
    if kind.finish:
        kind.finish(items)
    return [
        Line(
            item=item,
            since=attribute(item, worklist.since),
            amount=getattr(item, kind.amount) if kind.amount else None,
            assignee=User(**item.taken_by) if item.taken_by else None,
            mine=bool(item.taken_by and item.taken_by["pk"] == user.pk),
            label=kind.label(item),
            status=getattr(item, "status", ""),
            note=(item.marked or {}).get("note", ""),
            comes_back=_comes_back(item.marked or {}),
        )
        for item in items
    ]


def _comes_back(mark: dict[str, str]) -> str:
    """« 12/12/2026, ou dès que : la sortie »; empty for a line that was never put aside, or is back by its day."""
    if not mark.get("until") or (until := date.fromisoformat(mark["until"])) <= timezone.localdate():
        return ""
    awaited = f" ou dès {Awaited(mark['awaited']).label}" if mark.get("awaited") else ""
    return f"{until:%d/%m/%Y}{awaited}"


def filtered(worklist: Worklist, asked: ListFilter, user: User) -> QuerySet[Any]:
    return asked.apply(marks.lines_of(worklist, user.sight(worklist.action), aside=asked.aside), user)


def list_context(
    worklist: Worklist,
    query: QueryDict,
    user: User,
    outcomes: list[Outcome] | None = None,
    deed: Deed | None = None,
    *,
    whole: bool = True,
) -> dict[str, Any]:
    """Everything that the page and its fragments read: the lines alone, asked for by HTMX, unless `whole`."""
    asked = ListFilter.read(worklist, query)
    overview = overview_of(worklist, query, user) if whole else None
    count = overview.count if overview and not asked.active else None
    number = page_number(query.get("page"))
    sight = user.sight(worklist.action)
    if worklist.steady and sight.whole and not asked.active and number == 1:
        first = _first_page(worklist.slug, asked.ordering).all(establishment=sight.establishment)
        page = first_page(first, bounded_count(filtered(worklist, asked, user)) if count is None else count)
    else:
        rows = filtered(worklist, asked, user)
        page = page_of(adorned(worklist, rows).order_by(*asked.ordering), number, counted=rows, count=count)
    if worklist.kind.stay:
        path = "pk" if worklist.kind.stay == "pk" else f"{worklist.kind.stay}_id"
        journal.listed(worklist.slug, stays=[attribute(item, path) for item in page.object_list])
    context: dict[str, Any] = {
        "worklist": worklist,
        "asked": asked,
        "page": page,
        "lines": lines_of(worklist, page.object_list, user),
        "columns": worklist.kind.columns,
        "sort": asked.sort,
        "deeds": deeds_for(worklist, user),
        "query": without(query)[1:],
        "unfiltered": without(query, "q", "amc", "domaine", "service", "depuis", "affecte", "pause", "code", "cause"),
        "settings": worklist.settings if user.may(Action.SEE_TECHNICAL) else ("", ""),
        "may_write": user.may(Action.ASSIGN_WORK),
        "awaited": Awaited.choices if worklist.kind.stay else [],
        "outcomes": outcomes,
        "deed": deed,
    }
    if overview:
        context["groups"] = overview.groups
        context["debtors"] = [Choice(str(pk), name, pk == asked.debtor) for pk, name in overview.debtors]
        context["owners"] = owners(worklist, asked, user)
    if not page.object_list and not asked.active:
        context["last_handled"] = last_handled(user)
    return context


@cache
def _first_page(slug: str, ordering: tuple[str, ...]) -> Compiled[Any]:
    """What people look at most: the first page of a list, no filter asked."""
    worklist = all_worklists()[slug]
    return Compiled(lambda: adorned(worklist, marks.lines_of(worklist, _HERE)).order_by(*ordering)[: PAGE_SIZE + 1])


@cache
def _combinations(slug: str) -> Compiled[Any]:
    worklist = all_worklists()[slug]
    return Compiled(lambda: _combined(worklist, marks.lines_of(worklist, _HERE)))


@dataclass(frozen=True, slots=True)
class Overview:
    """A whole list in a few figures, whatever its filters. `count` is None where nothing had to be counted."""

    count: int | None
    groups: list[Group]
    #: Key and name of the payers that have lines, by name.
    debtors: list[tuple[int, str]]


def overview_of(worklist: Worklist, query: QueryDict, user: User) -> Overview:
    """The causes, the payers and the count of a list: one query, which reads each line once."""
    kind, grouping = worklist.kind, worklist.grouping
    if not (grouping or kind.debtor):
        return Overview(None, [], [])
    here = user.sight(worklist.action)
    if worklist.steady and here.whole:
        rows = _combinations(worklist.slug).dicts(establishment=here.establishment)
    else:
        rows = list(_combined(worklist, marks.lines_of(worklist, here)))
    debtors: list[tuple[int, str]] = []
    if kind.debtor:
        found = {row[kind.debtor]: row[f"{kind.debtor}__name"] for row in rows if row[kind.debtor]}
        debtors = sorted(found.items(), key=lambda one: unaccented(one[1]).casefold())[:SHOWN_OPTIONS]
    count = sum(row["lines_count"] for row in rows) if len(rows) < SHOWN_COMBINATIONS else None
    return Overview(count, _groups(grouping, rows, query) if grouping else [], debtors)


def _combined(worklist: Worklist, lines: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    """Each cause × payer of the lines: how many, the oldest, the next try."""
    kind, grouping = worklist.kind, worklist.grouping
    fields = [path for path in (grouping.path, grouping.label_path) if path] if grouping else []
    if kind.debtor:
        fields += [path for path in (kind.debtor, f"{kind.debtor}__name") if path not in fields]
    wanted: dict[str, Any] = {"lines_count": Count("pk"), "oldest": Min(worklist.since)}
    if grouping and grouping.next_path:
        wanted["next_try"] = Min(grouping.next_path)
    found = lines.order_by().values(*fields).annotate(**wanted)
    if grouping and grouping.label:
        # Of each cause, not of each line.
        found = found.annotate(group_label=grouping.label)
    return found[:SHOWN_COMBINATIONS]


def _groups(grouping: Grouping, rows: list[dict[str, Any]], query: QueryDict) -> list[Group]:
    """One line for each cause, the most frequent first."""
    by_value: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_value[row[grouping.path]].append(row)
    chosen = query.get(grouping.parameter)
    found = []
    for key, same in by_value.items():
        value = str(key if key is not None else "")
        if grouping.words:
            title, todo = grouping.words(value)
        else:
            title, todo = str(same[0]["group_label" if grouping.label else grouping.label_path] or "–"), ""
        is_chosen = chosen == value
        joined = QueryDict(without(query, grouping.parameter)[1:], mutable=True)
        if not is_chosen:
            joined[grouping.parameter] = value
        found.append(
            Group(
                value,
                title,
                todo,
                sum(row["lines_count"] for row in same),
                _earliest(row["oldest"] for row in same),
                _earliest(row.get("next_try") for row in same),
                f"?{joined.urlencode()}",
                is_chosen,
            )
        )
    return sorted(found, key=lambda group: (-group.count, group.value))[:SHOWN_GROUPS]


def _earliest(instants: Iterable[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant), default=None)


# The same for all lists and all day: its SQL is written once.
_OWNERS = Compiled(
    lambda: (
        User.objects.only("username", "first_name", "last_name")
        .filter(
            establishment=Given("establishment", BigIntegerField()),
            pk__in=Assignment.objects.filter(worklist=Given("worklist", CharField())).values("assignee"),
        )
        .exclude(pk=Given("me", BigIntegerField()))
        .order_by("last_name", "first_name")[:SHOWN_OPTIONS]
    )
)


def owners(worklist: Worklist, asked: ListFilter, user: User) -> list[Choice]:
    """Me, nobody, and the colleagues who have lines of this list."""
    people = _OWNERS.all(establishment=user.establishment_id, worklist=worklist.slug, me=user.pk)
    named = [(str(person.pk), person.short_name) for person in people]
    return [
        Choice(value, label, value == asked.assignee)
        for value, label in [("moi", "moi"), ("personne", "personne"), *named]
    ]


def last_handled(user: User) -> datetime | None:
    """When somebody last handled a refusal, among the recent calls: it is what an empty list says."""
    last = TeleserviceCall.objects.aggregate(last=Max("pk"))["last"]
    if last is None:
        return None
    recent = TeleserviceCall.objects.filter(
        pk__gt=last - RECENT_CALLS, handled_at__isnull=False, stay__establishment=user.establishment_id
    )
    return recent.aggregate(at=Max("handled_at"))["at"]


# ---- files ----


def export_columns(worklist: Worklist) -> tuple[str, ...]:
    return (*(column.label for column in worklist.kind.columns), "Depuis", "Affecté à")


def export_rows(worklist: Worklist, rows: QuerySet[Any], user: User, size: int = 500) -> Iterator[list[Any]]:
    """The lines of a file, read by blocks: memory does not grow with the list."""
    columns: tuple[Column, ...] = worklist.kind.columns
    block: list[Any] = []
    for item in rows.iterator(chunk_size=size):
        block.append(item)
        if len(block) == size:
            yield from _file_lines(worklist, block, columns, user)
            block = []
    yield from _file_lines(worklist, block, columns, user)


def _file_lines(worklist: Worklist, block: list[Any], columns: tuple[Column, ...], user: User) -> Iterator[list[Any]]:
    for line in lines_of(worklist, block, user):
        yield [*(column.value(line.item) for column in columns), line.since, str(line.assignee or "")]
